import { signal } from "@preact/signals";

/** Names by id of user or channel. Events carry ids only; the local Discord tells more. */
export const names = signal<ReadonlyMap<string, string>>(new Map());

/** What a user is called on the page: the id where nobody knows more. */
export function nameOf(userId: string): string {
  return names.value.get(userId) ?? userId;
}

import { signal } from "@preact/signals";
import type { Failure } from "../../src/client/outcome.ts";
import { type Attempt, failureInWords } from "./failure-words.ts";

/** Good news disappears after this time, milliseconds; bad news stays until it is read. */
const GOOD_NEWS_MS = 6_000;
/** More notices at once would only cover the page. */
const NOTICES_MAX = 3;

/** A short message at the edge of the page. */
export type Notice = {
  readonly id: number;
  readonly kind: "good" | "bad";
  readonly text: string;
  /** The connection that it depends on: when that is restored, the notice disappears. Null: none. */
  readonly passesWith: Connection | null;
};

/** One of the two connections: the page's to the server, or the server's to Discord. */
export type Connection = "stream" | "discord";

/** Oldest first. */
export const notices = signal<readonly Notice[]>([]);

let made = 0;

/** Shows good news. */
export function notify(text: string): void {
  const id = show({ kind: "good", text, passesWith: null });
  setTimeout(() => dismiss(id), GOOD_NEWS_MS);
}

/** Shows why something failed. */
export function notifyFailure(failure: Failure, attempt: Attempt): void {
  show({
    kind: "bad",
    text: failureInWords(failure, attempt),
    passesWith: passesWith(failure),
  });
}

/** Removes notices of failures that ended when this connection was restored. */
export function forgetPassed(back: Connection): void {
  const left = notices.peek().filter((notice) => notice.passesWith !== back);
  if (left.length < notices.peek().length) notices.value = left;
}

/** The connection whose return may make the failed call work; null: neither. */
export function passesWith({ kind, code = "", status = 0 }: Failure): Connection | null {
  if (code.startsWith("discord_")) return kind === "busy" ? "discord" : null;
  return kind === "unreachable" || status >= 500 ? "stream" : null;
}

function show(notice: Omit<Notice, "id">): number {
  made += 1;
  notices.value = [...notices.value, { id: made, ...notice }].slice(-NOTICES_MAX);
  return made;
}

/** Removes a notice. */
export function dismiss(id: number): void {
  notices.value = notices.value.filter((notice) => notice.id !== id);
}

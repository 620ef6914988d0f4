import { signal } from "@preact/signals";

/** Good news goes away by itself after this time, milliseconds; bad news stays until it is read. */
const GOOD_NEWS_MS = 6_000;
/** More than these at once would only hide the page. */
const NOTICES_MAX = 3;

/** A short message at the edge of the page. */
export type Notice = {
  readonly id: number;
  readonly kind: "good" | "bad";
  readonly text: string;
};

/** Oldest first. */
export const notices = signal<readonly Notice[]>([]);

let made = 0;

/** Shows a message. */
export function notify(kind: Notice["kind"], text: string): void {
  made += 1;
  const id = made;
  notices.value = [...notices.value, { id, kind, text }].slice(-NOTICES_MAX);
  if (kind === "good") setTimeout(() => dismiss(id), GOOD_NEWS_MS);
}

/** Takes a message away. */
export function dismiss(id: number): void {
  notices.value = notices.value.filter((notice) => notice.id !== id);
}

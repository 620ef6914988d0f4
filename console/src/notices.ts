import { signal } from "@preact/signals";
import type { Failure } from "../../src/client/outcome.ts";

/** Good news goes away by itself after this time, milliseconds; bad news stays until it is read. */
const GOOD_NEWS_MS = 6_000;
/** More than these at once would only hide the page. */
const NOTICES_MAX = 3;

/** A short message at the edge of the page. */
export type Notice = {
  readonly id: number;
  readonly kind: "good" | "bad";
  readonly text: string;
  /** It is about a failure that may have passed: when the connection is back, it goes. */
  readonly passing: boolean;
};

/** Oldest first. */
export const notices = signal<readonly Notice[]>([]);

let made = 0;

/** Shows good news. */
export function notify(text: string): void {
  const id = show({ kind: "good", text, passing: false });
  setTimeout(() => dismiss(id), GOOD_NEWS_MS);
}

/** Shows why something did not work. */
export function notifyFailure(failure: Failure): void {
  show({ kind: "bad", text: failure.message, passing: mayPass(failure) });
}

/** Takes away what was told of failures that have passed. */
export function forgetPassingNotices(): void {
  const left = notices.peek().filter((notice) => !notice.passing);
  if (left.length < notices.peek().length) notices.value = left;
}

/** Whether the same may work as soon as the other side is well again. */
export function mayPass({ kind }: Failure): boolean {
  return kind === "busy" || kind === "unreachable";
}

function show(notice: Omit<Notice, "id">): number {
  made += 1;
  notices.value = [...notices.value, { id: made, ...notice }].slice(-NOTICES_MAX);
  return made;
}

/** Takes a message away. */
export function dismiss(id: number): void {
  notices.value = notices.value.filter((notice) => notice.id !== id);
}

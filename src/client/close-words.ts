import type { CLOSE_CODES, CloseCode, CloseName } from "../protocol/close-codes.ts";

type Row = (typeof CLOSE_CODES)[CloseName];

/** The reaction to each close code, and the reason in words for the person in front of the page. */
const CLOSES = {
  1000: ["no", "The server closed the connection."],
  1001: ["yes", "The server is going away."],
  1009: ["no", "Something is wrong with this page. Reload it."],
  1012: ["yes", "The server is restarting."],
  1013: ["yes", "This page fell behind and reconnects."],
  4401: ["after refresh", "The sign-in had run out."],
  4403: ["no", "You may not see this Discord server."],
  4408: ["after refresh", "The sign-in took too long."],
  4409: ["no", "Too many tabs are open. Close some, then connect again."],
  4429: ["yes", "This page talked too much."],
  4499: ["no", "Something is wrong with this page. Reload it."],
} as const satisfies {
  readonly [Each in Row as Each["code"]]: readonly [Each["reconnect"], string];
};

/**
 * The reaction to a close code, and its reason in words. Undefined for a code that the server never sends, such as
 * that of a broken network.
 */
export function closeOf(
  code: number,
): readonly [reaction: CloseCode["reconnect"], why: string] | undefined {
  const rows: Readonly<Record<number, (typeof CLOSES)[keyof typeof CLOSES]>> = CLOSES;
  return rows[code];
}

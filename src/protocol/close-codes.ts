/**
 * WebSocket close codes of `/ws` and what a client does after each (rooms.md §2).
 * `yes`: reconnect and resume; `after refresh`: get a new token first; `no`: do not reconnect until the cause
 * is fixed.
 */
export const CLOSE_CODES = {
  normal: { code: 1000, reconnect: "no", meaning: "closed on purpose" },
  goingAway: { code: 1001, reconnect: "yes", meaning: "the peer is going away" },
  frameTooBig: { code: 1009, reconnect: "no", meaning: "a frame was larger than the limit" },
  restart: { code: 1012, reconnect: "yes", meaning: "the server restarts" },
  overloaded: {
    code: 1013,
    reconnect: "yes",
    meaning:
      "not now: the client is too slow or connects too often, the hub is full, or tokens cannot be checked. Resume later",
  },
  unauthorized: {
    code: 4401,
    reconnect: "after refresh",
    meaning: "the token is missing, invalid or expired",
  },
  forbidden: { code: 4403, reconnect: "no", meaning: "the token does not allow this hub" },
  authenticationTimeout: {
    code: 4408,
    reconnect: "after refresh",
    meaning: "no token arrived in time",
  },
  tooManySockets: {
    code: 4409,
    reconnect: "no",
    meaning: "this user opened too many sockets: the oldest goes",
  },
  tooManyFrames: { code: 4429, reconnect: "yes", meaning: "the client sent too many frames" },
  protocolError: { code: 4499, reconnect: "no", meaning: "the client sent unusable frames" },
} as const satisfies Record<string, CloseCode>;

/** Why a slow client is closed with {@link CLOSE_CODES}.overloaded: the reason of its close, at most 123 bytes. */
export const SLOW_CLIENTS = {
  stuck: "too slow: nothing that waits was taken for 60 s. Resume later",
  trimmed: "too slow: the events that wait for this client are not kept any more. Resume later",
  owed: "too slow: more answers wait for this client than are kept. Resume later",
  unshown:
    "nothing shows that this client reads: it has to acknowledge, or to ping now and then. Resume later",
} as const;

/** One row of the close-code table. */
export type CloseCode = {
  readonly code: number;
  readonly reconnect: "yes" | "after refresh" | "no";
  readonly meaning: string;
};

/** Name of a close code: a key of {@link CLOSE_CODES}. */
export type CloseName = keyof typeof CLOSE_CODES;

const BY_CODE: ReadonlyMap<number, CloseCode> = new Map(
  Object.values(CLOSE_CODES).map((row) => [row.code, row]),
);

/**
 * What a client does after a close. A code that the server never sends (1005, or 1006 for a lost network) counts
 * as a lost connection.
 */
export function reconnectAfter(code: number): CloseCode["reconnect"] {
  return BY_CODE.get(code)?.reconnect ?? "yes";
}

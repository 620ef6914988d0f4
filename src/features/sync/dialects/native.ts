import { z } from "zod";
import type { Dialect, Intent } from "../../../hub/core/dialect.ts";
import type { Entry } from "../../../hub/core/journal.ts";
import { jsonFrame } from "../../../hub/dialects/json-frame.ts";
import { type Clock, systemClock } from "../../../platform/clock.ts";
import { err, ok, type Result } from "../../../platform/result.ts";
import type { CloseName } from "../../../protocol/close-codes.ts";
import { CLOSE_CODES } from "../../../protocol/close-codes.ts";
import type { FrameErrorCode } from "../../../protocol/error-codes.ts";
import { SYNC_ID_MAX_LENGTH, SYNC_TOKEN_MAX_LENGTH } from "../../../protocol/limits.ts";
import type { NativeEventName } from "../events/from-server.ts";
import { AboutClient, scopeOf } from "../scope.ts";

/** A ping that the runtime answers, and its answer: exactly these texts (sync.md §6.5). */
export const NATIVE_PING = { request: '{"event":"ping"}', answer: '{"event":"pong"}' } as const;

/** Name of a message that native clients get without an envelope (sync.md §0b.17). */
export const PLAIN_BROADCAST = "broadcast:plain";

/** Name of a ping that `pong` answers. In the other dialect only its acknowledgement does (sync.md §6.9). */
export const NATIVE_PING_EVENT = "ping:native";

/** Close codes of sync (sync.md §6.6). */
export const SYNC_CLOSE_CODES = {
  authFailed: 4001,
  sessionMissing: 4003,
  machineMissing: 4004,
  connectionLimit: 4005,
  authTimeout: 4007,
} as const;

/** The name of an answer that the client waits for. It is kept while its call waits. */
export const AckId = z.string().max(SYNC_ID_MAX_LENGTH).nullish();

/** The members of both envelopes: `{event, data, ackId, ack}` and `{type, payload, messageId}`. */
const Envelope = z.union([
  z.object({
    event: z.string(),
    data: z.unknown().optional(),
    ackId: AckId,
    ack: z.unknown().optional(),
  }),
  z
    .object({
      type: z.string(),
      payload: z.unknown().optional(),
      messageId: AckId,
    })
    .transform(({ type, payload, messageId }) => ({
      event: type,
      data: payload,
      ackId: messageId,
      ack: undefined,
    })),
]);
const Token = z.string().min(1).max(SYNC_TOKEN_MAX_LENGTH);
const Auth = z.looseObject({ token: Token });

/** What a client without a token in its upgrade says first, in both dialects (sync.md §6.3). */
export const Introduction = z.object({ token: Token, ...AboutClient.partial().shape });

/** Closes that the engine knows, in the codes and words of sync (sync.md §6.6). */
export const SYNC_CLOSES: Readonly<
  Partial<Record<CloseName, { readonly code: number; readonly reason: string }>>
> = {
  unauthorized: { code: SYNC_CLOSE_CODES.authFailed, reason: "Invalid authentication token" },
  forbidden: {
    code: SYNC_CLOSE_CODES.authFailed,
    reason: "This token does not allow the connection",
  },
  authenticationTimeout: { code: SYNC_CLOSE_CODES.authTimeout, reason: "Authentication timed out" },
  tooManySockets: { code: SYNC_CLOSE_CODES.connectionLimit, reason: "Connection limit exceeded" },
};

/** What a client is told whose frame cannot be read. The code is that of RFC 6455 §7.4.1. */
const PROTOCOL_ERROR = 1002;
const UNREADABLE: Readonly<Partial<Record<FrameErrorCode, string>>> = {
  not_json: "Invalid JSON message",
  binary: "Invalid JSON message",
  already_authenticated: "Already authenticated",
};

/** The native frames of sync: JSON with an `event` (sync.md §6). The client speaks first. */
export const nativeDialect = (clock: Clock): Dialect => ({
  name: "sync",
  firstNumber: null,
  showsJumps: false,
  takesTurns: true,
  read(data) {
    const read = jsonFrame(data);
    if (!read.ok) return read;
    const frame = Envelope.safeParse(read.value);
    return frame.success ? intentOf(frame.data) : err("invalid_frame");
  },
  opened: ({ hub, connectionId, scope, now }) => {
    const { type, id } = scopeOf({ scope });
    return ownFrame("connected", {
      connectionId,
      userId: hub,
      clientType: type,
      ...(type === "session-scoped" ? { sessionId: id } : {}),
      ...(type === "machine-scoped" ? { machineId: id } : {}),
      timestamp: now,
    });
  },
  event: (entry) => `{"event":"update","data":${updateOf(entry)}}`,
  signal: () => null,
  resumed: () => null,
  renewed: () => null,
  expiring: () => null,
  refused: (code) =>
    code === "not_authenticated" || code === "invalid_token"
      ? authError(
          SYNC_CLOSE_CODES.authFailed,
          "Authenticate first: send an auth message with a token",
          clock(),
        )
      : ownFrame("error", {
          code: PROTOCOL_ERROR,
          message: UNREADABLE[code] ?? "Invalid message format",
        }),
  farewell: (why) => {
    const known = SYNC_CLOSES[why];
    if (known === undefined) {
      const { code, meaning } = CLOSE_CODES[why];
      return { code, reason: meaning };
    }
    const { code, reason } = known;
    const frame =
      why === "tooManySockets"
        ? ownFrame("error", { code, message: reason })
        : authError(code, reason, clock());
    return { ...known, frame };
  },
  turnedAway: ({ code, reason }) =>
    code === SYNC_CLOSE_CODES.authFailed
      ? authError(code, reason, clock())
      : ownFrame("error", { code, message: reason }),
  direct: {
    message: (name, data) =>
      name === PLAIN_BROADCAST ? JSON.stringify(data) : frameOf(name, data),
    answer: (ackId, ack) => JSON.stringify({ event: "ack", ackId, ack }),
    call: (ackId, event, data) => JSON.stringify({ event, data, ackId }),
  },
});

/** {@link nativeDialect} by the clock of the machine. */
export const NATIVE_DIALECT = nativeDialect(systemClock);

/** An update as clients of both dialects get it: a journal entry of an account (sync.md §6.8). JSON text. */
export function updateOf({ id, seq, payload, ts }: Entry): string {
  return `{"id":${JSON.stringify(id)},"seq":${seq},"body":${payload},"createdAt":${ts}}`;
}

function intentOf({
  event,
  data,
  ackId,
  ack,
}: z.output<typeof Envelope>): Result<Intent, FrameErrorCode> {
  const waiting = typeof ackId === "string" ? { ack: ackId } : {};
  switch (event) {
    case "auth": {
      const auth = Auth.safeParse(data);
      if (!auth.success) return err("invalid_token");
      return ok({ kind: "authenticate", token: auth.data.token, resume: {}, about: auth.data });
    }
    case "rpc-response":
      return typeof ackId === "string"
        ? ok({ kind: "answer", call: ackId, data: ack ?? data ?? null })
        : err("invalid_frame");
    case "ping":
      return ok({ kind: "message", name: NATIVE_PING_EVENT, data: null, ...waiting });
    default:
      return ok({ kind: "message", name: event, data: data ?? null, ...waiting });
  }
}

function authError(code: number, message: string, timestamp: number): string {
  return ownFrame("auth-error", { code, message, timestamp });
}

function ownFrame(event: NativeEventName, data: unknown): string {
  return frameOf(event, data);
}

function frameOf(event: string, data: unknown): string {
  return JSON.stringify({ event, data });
}

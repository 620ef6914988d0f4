import { z } from "zod";
import { DiscordId } from "./discord-id.ts";
import { GatewayStanding } from "./events/rooms.ts";
import { EPOCH_MAX_LENGTH, SUBSCRIBE_CHANNELS_MAX } from "./limits.ts";
import { Match } from "./match.ts";
import { Room } from "./room.ts";

/** Version of the envelope; every server frame carries it as `v`. */
export const PROTOCOL_VERSION = 1;

/** The exact text of a ping. The runtime answers it without waking the hub. */
export const PING_FRAME = '{"type":"ping"}';
/** The exact text of the answer to {@link PING_FRAME}. */
export const PONG_FRAME = '{"type":"pong"}';

const V = z.literal(PROTOCOL_VERSION);
const Seq = z.number().int().min(0);
const UnixSeconds = z.number().int().meta({ description: "Seconds since 1970, like the claim" });

/** First frame of a socket that was opened without ticket or header. `epoch` and `seq` resume. */
export const AuthFrame = z.object({
  type: z.literal("auth"),
  token: z.string().min(1),
  epoch: z.string().max(EPOCH_MAX_LENGTH).optional(),
  seq: z.number().optional(),
});

/** Acknowledges every event up to `seq`. At most every few seconds. */
export const AckFrame = z.object({ type: z.literal("ack"), seq: Seq });

/** Replaces the token by a newer one of the same user, before the present one expires. */
export const ReauthFrame = z.object({ type: z.literal("reauth"), token: z.string().min(1) });

/** Narrows the stream to some channels; an empty list means all of them. */
export const SubscribeFrame = z.object({
  type: z.literal("subscribe"),
  channelIds: z.array(DiscordId).max(SUBSCRIBE_CHANNELS_MAX),
});

/** Every frame that a client may send, except the ping, which never reaches a handler. */
export const ClientFrame = z.discriminatedUnion("type", [
  AuthFrame,
  AckFrame,
  ReauthFrame,
  SubscribeFrame,
]);
export type ClientFrame = z.infer<typeof ClientFrame>;

/** Types of {@link ClientFrame}, to distinguish an unknown type from invalid fields. */
export const CLIENT_FRAME_TYPES: ReadonlySet<string> = new Set(
  ClientFrame.options.map((option) => option.shape.type.value),
);

/** The limits that `auth.ok` announces. */
const AnnouncedLimits = z.object({
  frameBytes: z.number().int(),
  framesPerWindow: z.number().int(),
  windowMs: z.number().int(),
  socketsPerUser: z.number().int(),
  subscribeChannels: z.number().int(),
  windowBytes: z.number().int().meta({
    description: "Bytes that are sent beyond what `ack` has confirmed; then the client lags",
  }),
  windowEvents: z.number().int().meta({ description: "The same for events" }),
  unacknowledgedBytes: z.number().int().meta({
    description: "For clients that neither acknowledge nor ping: then close 1013",
  }),
});

/** Always the first frame after authentication. */
export const AuthOkFrame = z.object({
  v: V,
  type: z.literal("ack"),
  event: z.literal("auth.ok"),
  guildId: DiscordId,
  connectionId: z.string(),
  epoch: z.string(),
  seq: Seq.meta({ description: "The hub's newest seq, now" }),
  limits: AnnouncedLimits,
  retryWindowMs: z.number().int().meta({
    description: "After a loss, come back at a random time within this many milliseconds",
  }),
});

/** One event. `prev` is present only if `seq` jumped. */
export const EventFrame = z.object({
  v: V,
  type: z.literal("event"),
  event: z.string(),
  payload: z.unknown(),
  ts: z.number().int().meta({ description: "Milliseconds since 1970" }),
  seq: Seq,
  id: z.string(),
  trace: z.string().optional().meta({ description: "W3C trace id of what caused it" }),
  prev: Seq.optional(),
});
export type EventFrame = z.infer<typeof EventFrame>;

/** Several events in one frame, only for clients that connected with `?batch=1`. */
export const BatchFrame = z.object({
  v: V,
  type: z.literal("batch"),
  events: z.array(EventFrame.omit({ v: true, type: true })),
});

/** Follows the missed events of a resume. Later events are live. */
export const ResumedFrame = z.object({
  v: V,
  type: z.literal("resumed"),
  epoch: z.string(),
  from: Seq,
  to: Seq,
});

/**
 * The newest value of something that is not journaled, such as presence. Only for clients that connected with
 * `?signals=1`. A later signal with the same `key` replaces it; values in between may be skipped.
 */
export const SignalFrame = z.object({
  v: V,
  type: z.literal("signal"),
  event: z.string(),
  key: z.string(),
  payload: z.unknown(),
  ts: z.number().int(),
});

/** The connected users. `users` is null if there are too many to list. */
export const Presence = z.object({
  count: z.number().int().min(0),
  users: z
    .array(z.object({ userId: z.string(), since: z.number().int() }))
    .nullable()
    .meta({ description: "`since` in milliseconds since 1970" }),
});
export type Presence = z.infer<typeof Presence>;

/** Why a snapshot is sent. */
export const SnapshotReason = z.enum([
  "first_connection",
  "unknown_epoch",
  "too_old",
  "ahead_of_hub",
  "invalid_position",
]);
export type SnapshotReason = z.infer<typeof SnapshotReason>;

/** The whole state at `seq`: on a first connection, or when a resume is not possible. */
export const SnapshotFrame = z.object({
  v: V,
  type: z.literal("snapshot"),
  epoch: z.string(),
  seq: Seq,
  reason: SnapshotReason,
  oldest: Seq.optional().meta({
    description:
      "The oldest event that the journal still has: `oldest - 1` can be resumed from. Absent: a hub of an older version",
  }),
  rooms: z.array(Room),
  matches: z
    .array(Match)
    .optional()
    .meta({ description: "The newest live matches; absent: none, or a hub of an older version" }),
  gateway: GatewayStanding.optional().meta({
    description: "The connection to Discord; absent before the container was ever heard of",
  }),
  presence: Presence.optional().meta({ description: "Only with `?signals=1`" }),
});

/** The token expires soon: send `reauth`. */
export const AuthExpiringFrame = z.object({
  v: V,
  type: z.literal("auth.expiring"),
  exp: UnixSeconds,
});

/** The newer token has replaced the earlier one. */
export const ReauthOkFrame = z.object({ v: V, type: z.literal("reauth.ok"), exp: UnixSeconds });

/** A frame of the client was rejected. */
export const ErrorFrame = z.object({
  v: V,
  type: z.literal("error"),
  code: z.string(),
  message: z.string(),
});

/** Every frame that the server may send, except the pong. */
export const ServerFrame = z.union([
  AuthOkFrame,
  EventFrame,
  BatchFrame,
  ResumedFrame,
  SnapshotFrame,
  SignalFrame,
  AuthExpiringFrame,
  ReauthOkFrame,
  ErrorFrame,
]);
export type ServerFrame = z.infer<typeof ServerFrame>;

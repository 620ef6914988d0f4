import { z } from "zod";
import { bytesOfHex, hexOf, prefixed } from "./bytes.ts";
import { DiscordId } from "./discord-id.ts";
import {
  GatewayState,
  gatewayState,
  roomCreated,
  roomDeleted,
  roomUpdated,
  voiceJoined,
  voiceLeft,
} from "./events/rooms.ts";
import {
  PUBLISHER_EPOCH_AHEAD_MAX_MS,
  ROOM_USER_LIMIT_MAX,
  SIGNED_BATCH_MAX,
  SIGNATURE_MAX_SKEW_SECONDS,
  SIGNATURES_MAX,
} from "./limits.ts";
import { DiscordUser } from "./person.ts";
import { shownText } from "./shown-text.ts";
import { TraceId } from "./trace.ts";

/** Header with the time of the attempt, seconds since 1970 (rooms.md §4). */
export const TIMESTAMP_HEADER = "X-Hub-Timestamp";
/** Header with `sha256=<hex>`, several separated by commas while a key is rotated (rooms.md §4). */
export const SIGNATURE_HEADER = "X-Hub-Signature";

/** The user, if Discord sent it. A malformed one is ignored, so that the event is not lost. */
const User = DiscordUser.optional()
  .catch(undefined)
  .meta({ description: "The user's name and picture; ignored if malformed" });

/** A channel's name, cleaned for display. 100 code points are at most 200 UTF-16 units. */
const ToldName = z
  .string()
  .max(200)
  .transform((name) => shownText(name, 200));

/** A limit above Discord's maximum is lowered to it, so that an odd channel does not lose a snapshot. */
const ToldUserLimit = z
  .number()
  .int()
  .min(0)
  .transform((limit) => Math.min(limit, ROOM_USER_LIMIT_MAX));

// The container sends what Discord tells it. Fields that the events of the stream gain later are not expected of it,
// so each schema names its own.

/** `room.created` as it is signed. */
const SignedRoomCreated = roomCreated.payload
  .pick({ channelId: true, guildId: true })
  .extend({ name: ToldName });

/** `room.updated` as it is signed: with the channel's name and limit at Discord. */
const SignedRoomUpdated = roomUpdated.payload
  .pick({ channelId: true, guildId: true })
  .extend({ name: ToldName, userLimit: ToldUserLimit });

const SignedRoomDeleted = roomDeleted.payload.pick({ channelId: true, guildId: true });

/** `voice.joined` as it is signed: with Discord's data of the user. */
const SignedVoiceJoined = voiceJoined.payload
  .pick({ guildId: true, channelId: true, userId: true })
  .extend({ user: User });

const SignedVoiceLeft = voiceLeft.payload.pick({ guildId: true, channelId: true, userId: true });

/** All voice channels and voice states of a guild. The Worker publishes what changed. */
export const GuildSnapshot = z.object({
  guildId: DiscordId,
  channels: z.array(z.object({ channelId: DiscordId, name: ToldName, userLimit: ToldUserLimit })),
  voiceStates: z.array(z.object({ userId: DiscordId, channelId: DiscordId, user: User })),
});
export type GuildSnapshot = z.infer<typeof GuildSnapshot>;

/** Reports that the container is alive. Not journaled; `/ready` shows it. */
export const GatewayHeartbeat = z.object({
  /** The primary guild of the container. */
  guildId: DiscordId,
  state: GatewayState,
  since: z.number().int(),
  /** All guilds that the container publishes for. */
  guildIds: z.array(DiscordId).max(1000).optional(),
});
export type GatewayHeartbeat = z.infer<typeof GatewayHeartbeat>;

type SignedPayload = z.ZodType<Record<string, unknown>>;

/** Kinds of events that a container may send, and the schema of each one's payload (rooms.md §4). */
export const SIGNED_EVENT_PAYLOADS: ReadonlyMap<string, SignedPayload> = new Map<
  string,
  SignedPayload
>([
  [roomCreated.name, SignedRoomCreated],
  [roomUpdated.name, SignedRoomUpdated],
  [roomDeleted.name, SignedRoomDeleted],
  [voiceJoined.name, SignedVoiceJoined],
  [voiceLeft.name, SignedVoiceLeft],
  [gatewayState.name, gatewayState.payload],
  ["guild.snapshot", GuildSnapshot],
  ["gateway.heartbeat", GatewayHeartbeat],
]);

/** A ULID in canonical upper case. Its first 10 characters are its time, 48 bits of milliseconds. */
const EPOCH_PATTERN = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;
const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const EPOCH_TIME_LENGTH = 10;

/** The last epoch that was read, because all events of a process have the same. */
let lastEpoch: { readonly epoch: string; readonly began: number } | null = null;

/** When a publisher's epoch began, milliseconds since 1970; null if it is not a ULID. */
export function epochBegan(epoch: string): number | null {
  if (epoch === lastEpoch?.epoch) return lastEpoch.began;
  if (!EPOCH_PATTERN.test(epoch)) return null;
  let began = 0;
  for (const letter of epoch.slice(0, EPOCH_TIME_LENGTH)) {
    began = began * CROCKFORD.length + CROCKFORD.indexOf(letter);
  }
  lastEpoch = { epoch, began };
  return began;
}

/** Whether an epoch is a ULID and does not lie in the future at `now` (hub.md). */
export function isPossibleEpoch(epoch: string, now: number): boolean {
  const began = epochBegan(epoch);
  return began !== null && began <= now + PUBLISHER_EPOCH_AHEAD_MAX_MS;
}

/**
 * The envelope of one signed event. Only `event` and `payload` are required, because the seed's publisher sends
 * nothing else; `epoch` and `seq` come together. The payload is checked by its kind afterwards, so that one
 * invalid event does not spoil a batch.
 */
export const SignedEvent = z.object({
  id: z.string().min(1).max(128).optional(),
  event: z.string().min(1).max(64),
  payload: z.looseObject({ guildId: DiscordId }),
  ts: z.number().int().min(0).optional(),
  epoch: z
    .string()
    .regex(EPOCH_PATTERN, "an epoch is a ULID of 26 capital letters and digits")
    .optional()
    .meta({ description: "Of one process: a ULID, not later than our clock plus 5 minutes" }),
  seq: z.number().int().min(1).optional(),
  /** The trace id of what caused it. A malformed one counts as absent, so that the event is not lost. */
  trace: z
    .unknown()
    .transform((value) => TraceId.safeParse(value).data)
    .optional()
    .meta({ type: "string", description: "W3C trace id of what caused it; ignored if malformed" }),
});
export type SignedEvent = z.infer<typeof SignedEvent>;

/** A batch. Its events are checked and refused one by one. */
export const SignedBatch = z.object({ events: z.array(z.unknown()).min(1).max(SIGNED_BATCH_MAX) });

/** Answer to `POST /internal/events`. */
export const SignedEventsResult = z.object({
  ok: z.literal(true),
  accepted: z.number().int(),
  duplicates: z.number().int(),
  refused: z.array(z.object({ index: z.number().int(), code: z.string() })),
});
export type SignedEventsResult = z.infer<typeof SignedEventsResult>;

/** Members of the problem document that a 409 of `POST /internal/events` carries. */
export const PublisherConflict = z.object({
  code: z.enum(["stale_publisher", "gap", "future_epoch"]),
  /** Only with `gap`: the seq that the hub expects next. */
  expected: z.number().int().optional(),
  /** The guild whose hub refused the event. */
  guildId: DiscordId.optional(),
});

/** Workerd and Node name this type differently. */
type HmacKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

/** Imported keys by secret. A process has two secrets at most. */
const hmacKeys = new Map<string, HmacKey>();

async function hmacKey(secret: string): Promise<HmacKey> {
  const known = hmacKeys.get(secret);
  if (known !== undefined) return known;
  const key = await crypto.subtle.importKey(
    "raw",
    new TextEncoder().encode(secret),
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["sign", "verify"],
  );
  hmacKeys.set(secret, key);
  return key;
}

/**
 * Headers that sign one attempt (rooms.md §4): sign again for each retry.
 * @param secrets one, or two while a key is rotated
 * @param nowMs the time of the attempt, milliseconds
 */
export async function signBody(
  secrets: readonly string[],
  body: Uint8Array,
  nowMs: number,
): Promise<Record<string, string>> {
  const timestamp = String(Math.floor(nowMs / 1000));
  const bytes = prefixed(`${timestamp}.`, body);
  const signatures = await Promise.all(
    secrets.map(async (secret) => {
      const mac = await crypto.subtle.sign("HMAC", await hmacKey(secret), bytes);
      return `sha256=${hexOf(new Uint8Array(mac))}`;
    }),
  );
  return { [TIMESTAMP_HEADER]: timestamp, [SIGNATURE_HEADER]: signatures.join(",") };
}

/**
 * Whether one of the signatures was made with one of the secrets, over these bytes, within
 * {@link SIGNATURE_MAX_SKEW_SECONDS} of now. Constant time (WebCrypto `verify`); never throws on bad
 * headers (rooms.md §4).
 */
export async function verifyBody(
  secrets: readonly string[],
  headers: { readonly timestamp: string | null; readonly signature: string | null },
  body: Uint8Array,
  nowMs: number,
): Promise<boolean> {
  const { timestamp, signature } = headers;
  if (timestamp === null || signature === null || !/^\d{1,12}$/.test(timestamp)) return false;
  if (Math.abs(nowMs / 1000 - Number(timestamp)) > SIGNATURE_MAX_SKEW_SECONDS) return false;
  const macs = signature
    .split(",", SIGNATURES_MAX)
    .map((part) => /^sha256=([0-9a-f]{64})$/i.exec(part.trim())?.[1])
    .filter((hex) => hex !== undefined)
    .map(bytesOfHex);
  const bytes = prefixed(`${timestamp}.`, body);
  let valid = false;
  for (const secret of secrets) {
    const key = await hmacKey(secret);
    for (const mac of macs) {
      if (await crypto.subtle.verify("HMAC", key, mac, bytes)) valid = true;
    }
  }
  return valid;
}

import type { IncomingEvent } from "../hub/publisher.ts";
import { isDiscordId } from "../protocol/discord-id.ts";
import { voiceJoined, voiceLeft } from "../protocol/events/rooms.ts";
import { DiscordUser } from "../protocol/person.ts";
import { epochBegan } from "../protocol/signed-events.ts";
import { TraceId } from "../protocol/trace.ts";

/** An event of a guild that the Worker has checked. */
export type GuildEvent = { readonly guildId: string; readonly event: IncomingEvent };

/**
 * Reads an event of a user who joins or leaves voice exactly as `SignedEvent` and the schema of its payload do.
 * Nearly all events are of these two kinds, and the schemas took a tenth of the CPU of publishing.
 * @returns null if it is another event, or is not valid: the schemas decide, and say what is wrong
 */
export function readVoiceEvent(value: unknown): GuildEvent | null {
  if (!isRecord(value)) return null;
  const { id, event: name, payload, ts, epoch, seq, trace } = value;
  if ((name !== voiceJoined.name && name !== voiceLeft.name) || !isRecord(payload)) return null;
  const { guildId, channelId, userId, user } = payload;
  if (!isDiscordId(guildId) || !isDiscordId(channelId) || !isDiscordId(userId)) return null;

  const told: Record<string, unknown> = { guildId, channelId, userId };
  if (name === voiceJoined.name && user !== undefined) {
    // As in the schema: a malformed user is ignored, so that the event is not lost.
    const known = DiscordUser.safeParse(user);
    if (known.success) told["user"] = known.data;
  }
  const event: { -readonly [Member in keyof IncomingEvent]: IncomingEvent[Member] } = {
    event: name,
    payload: told,
  };
  if (id !== undefined) {
    if (typeof id !== "string" || id.length === 0 || id.length > 128) return null;
    event.id = id;
  }
  if (ts !== undefined) {
    if (!isCount(ts)) return null;
    event.ts = ts;
  }
  if (epoch !== undefined) {
    if (typeof epoch !== "string" || epochBegan(epoch) === null) return null;
    event.epoch = epoch;
  }
  if (seq !== undefined) {
    if (!isCount(seq) || seq === 0) return null;
    event.seq = seq;
  }
  if (trace !== undefined) {
    const known = TraceId.safeParse(trace);
    if (known.success) event.trace = known.data;
  }
  return { guildId, event };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

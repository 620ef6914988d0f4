import { z } from "zod";
import type { IncomingEvent } from "../hub/publisher.ts";
import { gatewayState, type GatewayStanding } from "../protocol/events/rooms.ts";

/** What was heard of the gateway, as far as it says whether the hub knows who is in voice. */
export const VoiceKnowledge = z.object({
  /** When the gateway connected, as it says, milliseconds; null: it is not connected, or never was heard of. */
  connectedSince: z.number().nullable(),
  /** A snapshot of the guild was applied since the connection was gone last. */
  hasSnapshot: z.boolean(),
});
export type VoiceKnowledge = z.infer<typeof VoiceKnowledge>;

/** Of a gateway that was never heard of. */
export const NO_VOICE_KNOWLEDGE: VoiceKnowledge = { connectedSince: null, hasSnapshot: false };

/**
 * Whether the hub knows everybody who is in voice (rooms.md §5): the gateway is connected,
 * and what happened while it was not is made up for.
 */
export function isVoiceKnown({ connectedSince, hasSnapshot }: VoiceKnowledge): boolean {
  return connectedSince !== null && hasSnapshot;
}

/**
 * What is known after an event of the gateway was applied.
 * @param now milliseconds: a sender whose clock is ahead of ours has not connected later
 */
export function knowledgeAfter(
  before: VoiceKnowledge,
  event: IncomingEvent,
  now: number,
): VoiceKnowledge {
  if (event.event === "guild.snapshot") return { ...before, hasSnapshot: true };
  if (event.event !== gatewayState.name) return before;
  const told = gatewayState.payload.parse(event.payload);
  if (told.state === "connected") return { ...before, connectedSince: Math.min(told.since, now) };
  return isOldNews(before, told) ? before : NO_VOICE_KNOWLEDGE;
}

/**
 * Whether a state of the gateway is of a time before it connected. The container and the monitor of its
 * heartbeats both tell it, each in its own time.
 */
export function isOldNews(
  { connectedSince }: VoiceKnowledge,
  { state, since }: GatewayStanding,
): boolean {
  return state !== "connected" && connectedSince !== null && since < connectedSince;
}

import { z } from "zod";
import { DiscordId } from "../protocol/discord-id.ts";
import type { GatewayStanding } from "../protocol/events/rooms.ts";

/** A user in a voice channel, and since when (milliseconds). */
export const VoiceState = z.object({
  userId: DiscordId,
  channelId: DiscordId,
  since: z.number().int(),
});
export type VoiceState = z.infer<typeof VoiceState>;

/** Who is in which voice channel of a guild, and how sure that is: one for all areas, in the guild's hub. */
export interface GuildVoice {
  of(userId: string): VoiceState | null;
  /** In the order they joined. */
  membersOf(channelId: string): readonly VoiceState[];
  all(): readonly VoiceState[];
  /** Whether somebody in voice is a bot, as far as Discord told. */
  isBot(userId: string): boolean;
  save(voice: VoiceState & { readonly isBot: boolean }): void;
  remove(userId: string): void;

  /** Where the gateway stood last, as readers were told; null: nothing was heard of it. */
  standing(): GatewayStanding | null;
  saveStanding(standing: GatewayStanding): void;
  knowledge(): VoiceKnowledge;
  saveKnowledge(knowledge: VoiceKnowledge): void;
}

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
 * What is known after the gateway told where it stands.
 * @param now milliseconds: a sender whose clock is ahead of ours has not connected later
 */
export function knowledgeAfter(
  before: VoiceKnowledge,
  told: GatewayStanding,
  now: number,
): VoiceKnowledge {
  if (told.state === "connected") return { ...before, connectedSince: Math.min(told.since, now) };
  return NO_VOICE_KNOWLEDGE;
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

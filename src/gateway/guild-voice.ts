import { z } from "zod";
import { DiscordId } from "../protocol/discord-id.ts";
import type { GatewayStanding } from "../protocol/events/rooms.ts";

/** A user in a voice channel; `since` in milliseconds since 1970. */
export const VoiceState = z.object({
  userId: DiscordId,
  channelId: DiscordId,
  since: z.number().int(),
});
export type VoiceState = z.infer<typeof VoiceState>;

/**
 * Who is in which voice channel of a guild, and whether that is complete. The guild's hub keeps it once for all
 * areas.
 */
export interface GuildVoice {
  of(userId: string): VoiceState | null;
  /** In the order in which they joined. */
  membersOf(channelId: string): readonly VoiceState[];
  all(): readonly VoiceState[];
  /** Whether a user in voice is a bot, as far as Discord has said. */
  isBot(userId: string): boolean;
  save(voice: VoiceState & { readonly isBot: boolean }): void;
  remove(userId: string): void;

  /** The gateway's state that was published last; null: none was. */
  standing(): GatewayStanding | null;
  saveStanding(standing: GatewayStanding): void;
  knowledge(): VoiceKnowledge;
  saveKnowledge(knowledge: VoiceKnowledge): void;
}

/** What decides whether the hub knows everybody who is in voice. */
export const VoiceKnowledge = z.object({
  /** When the gateway connected, by its own clock, milliseconds since 1970; null: it is not connected. */
  connectedSince: z.number().nullable(),
  /** Whether a snapshot of the guild was applied since the connection was last lost. */
  hasSnapshot: z.boolean(),
});
export type VoiceKnowledge = z.infer<typeof VoiceKnowledge>;

/** The knowledge before anything was heard of the gateway, and while it is not connected. */
export const NO_VOICE_KNOWLEDGE: VoiceKnowledge = { connectedSince: null, hasSnapshot: false };

/**
 * Whether the hub knows everybody who is in voice (rooms.md §5): the gateway is connected, and a snapshot made
 * up for what was missed while it was not.
 */
export function isVoiceKnown({ connectedSince, hasSnapshot }: VoiceKnowledge): boolean {
  return connectedSince !== null && hasSnapshot;
}

/**
 * The knowledge after a report of the gateway's state.
 * @param now milliseconds since 1970; bounds `since` of a sender whose clock is ahead of ours
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
 * Whether a reported state is older than the present connection. The container and the monitor of its
 * heartbeats both report states, so an older one can arrive later.
 */
export function isOldNews(
  { connectedSince }: VoiceKnowledge,
  { state, since }: GatewayStanding,
): boolean {
  return state !== "connected" && connectedSince !== null && since < connectedSince;
}

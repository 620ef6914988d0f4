import { z } from "zod";
import { callCommand, hubCommand } from "../../hub/command.ts";
import type { HubPublisher } from "../../hub/publisher.ts";
import { log } from "../../platform/log.ts";
import { DiscordId } from "../../protocol/discord-id.ts";
import { roomDeleted } from "../../protocol/events/rooms.ts";
import { FaceitId, Match } from "../../protocol/match.ts";

const Users = z.object({ userIds: z.array(DiscordId) });
/** The voice channel of a user, as the gateway last reported it. */
const Somewhere = z.object({ userId: DiscordId, channelId: DiscordId });
const Matches = z.object({ matchIds: z.array(FaceitId) });
/** The users in the channels of a match. */
const SidesInVoice = z.object({
  matchId: FaceitId,
  faction1: z.array(DiscordId),
  faction2: z.array(DiscordId),
  // A hub of the previous version does not send the next two.
  /** Whether nobody else can be there: the gateway is connected, and a snapshot was applied since. */
  isKnown: z.boolean().default(false),
  /** Those of them who are bots: a channel with only bots counts as empty. */
  bots: z.array(DiscordId).default([]),
});

/** The commands of the hub's matches extension. {@link hubMatches} documents each. */
export const MATCHES_COMMANDS = {
  put: hubCommand("matches.put", Match, z.object({})),
  whereabouts: hubCommand("matches.whereabouts", Users, z.array(Somewhere)),
  sweep: hubCommand("matches.sweep", z.object({}), z.object({})),
  inVoice: hubCommand("matches.inVoice", Matches, z.array(SidesInVoice)),
} as const;

/** The matches part of a guild's hub: it publishes changes of matches, and answers who is in voice. */
export function hubMatches(hub: Pick<HubPublisher, "command" | "ingest">) {
  const { put, whereabouts, sweep, inVoice } = MATCHES_COMMANDS;
  return {
    /**
     * Stores the present record of a match and publishes what changed. An older revision changes nothing.
     * Safe to repeat.
     */
    put: async (record: Match): Promise<void> =>
      void (await callCommand(hub, record.guildId, put, record)),
    /**
     * Reports a channel that we deleted, so that nobody counts as being in it even if Discord's own event is lost.
     * Best effort, never rejects: the next snapshot corrects it too.
     */
    channelGone: async (guildId: string, channelId: string): Promise<void> => {
      try {
        const payload = { guildId, channelId };
        // An event, which all areas of the hub receive.
        await hub.ingest(guildId, [{ event: roomDeleted.name, payload }]);
      } catch (error) {
        log("warn", "match.channel_gone_not_told", { guildId, channelId, error });
      }
    },
    /** The voice channels of those of the users who are in one. */
    whereabouts: async (guildId: string, userIds: readonly string[]) =>
      userIds.length === 0 ? [] : callCommand(hub, guildId, whereabouts, { userIds: [...userIds] }),
    /** Deletes our channels that no match owns. Safe to repeat. */
    sweep: async (guildId: string): Promise<void> =>
      void (await callCommand(hub, guildId, sweep, {})),
    /** The users in the channels of these matches, by match id. */
    inVoice: async (
      guildId: string,
      matchIds: readonly string[],
    ): Promise<ReadonlyMap<string, Omit<z.infer<typeof SidesInVoice>, "matchId">>> => {
      if (matchIds.length === 0) return new Map();
      const sides = await callCommand(hub, guildId, inVoice, { matchIds: [...matchIds] });
      return new Map(sides.map(({ matchId, ...voice }) => [matchId, voice] as const));
    },
  };
}
export type MatchesHub = ReturnType<typeof hubMatches>;

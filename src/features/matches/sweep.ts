import type { Clock } from "../../platform/clock.ts";
import type { DiscordClient, GuildChannel } from "../../platform/discord/operations.ts";
import { log } from "../../platform/log.ts";
import { ORPHAN_MIN_AGE_MS } from "../../protocol/limits.ts";
import type { MatchSettings } from "./config.ts";
import type { MatchesHub, MatchesStore, MatchTroubles } from "./ports.ts";
import { MATCH_CHANNEL_NAME } from "./room/channel-name.ts";
import { guildTroubleNotice } from "./room/notice.ts";
import { isOurs } from "./room/perform.ts";
import { isPutOff } from "./room/timetable.ts";
import { subjectOf } from "./room/trouble.ts";

/** What the sweep needs. */
type SweepPorts = {
  readonly discord: Pick<
    DiscordClient,
    "botUserId" | "listChannels" | "deleteChannel" | "getChannel" | "sendMessage"
  >;
  readonly settings: MatchSettings;
  readonly troubles: Pick<MatchTroubles, "add" | "remove">;
  readonly store: Pick<MatchesStore, "roomsOf" | "released">;
  /** Makes a match's room look at what it has. `unknown`: it remembers nothing. */
  readonly look: (matchId: string) => Promise<"looks" | "unknown">;
  readonly hub: Pick<MatchesHub, "channelGone">;
  readonly clock: Clock;
};

/** Channels that may not be deleted, until a sweep gives up: each refusal counts (discord.md §2 REST). */
const REFUSALS_MAX = 5;

/** Discord's ids count milliseconds from here (discord.md; Snowflakes). */
const DISCORD_EPOCH_MS = 1_420_070_400_000;

/**
 * Deletes channels of ours that no match owns (§A4, orphans): made twice because an answer was lost, or
 * of a match that nobody remembers. Who owns a channel is said by `active_matches`; rows that were written by
 * hand stay, and so do their channels. A channel counts as ours by its name and by what the bot may do in
 * it, so that nobody else's is ever touched.
 */
export async function sweepOrphans(ports: SweepPorts, guildId: string): Promise<void> {
  const { discord, store, look, clock } = ports;
  const rows = await store.roomsOf(guildId);
  // Our rooms need not know the match of a row that was written by hand.
  const made = rows.filter((row) => row.guildId !== null);
  const matchIds = [...new Set(made.map(({ matchId }) => matchId))];
  const isForgotten = async (matchId: string): Promise<boolean> => {
    // If the room cannot be asked, keep its rows.
    const answer = await look(matchId).catch(() => "looks");
    return answer === "unknown";
  };
  const asked = await Promise.all(matchIds.map(async (id) => [id, await isForgotten(id)] as const));
  const forgotten = new Set(asked.flatMap(([id, isOne]) => (isOne ? [id] : [])));

  const bot = await discord.botUserId();
  const listed = bot.ok ? await discord.listChannels(guildId) : bot;
  if (!bot.ok || !listed.ok) return;
  await checkPlaces(ports, guildId, listed.value);
  const kept = rows.filter((row) => row.guildId === null || !forgotten.has(row.matchId));
  const owned = new Set(kept.flatMap(({ channelId }) => channelId ?? []));
  // Names of channels still being created: the match itself looks for the channel.
  const awaited = new Set(
    kept.flatMap(({ channelId, channelName }) => (channelId === null ? channelName : [])),
  );
  let refusals = 0;
  for (const channel of listed.value) {
    if (!MATCH_CHANNEL_NAME.test(channel.name) || !isOurs(channel, bot.value)) continue;
    if (owned.has(channel.id) || awaited.has(channel.name)) continue;
    if (clock() - madeAt(channel.id) < ORPHAN_MIN_AGE_MS) continue;
    const deleted = await discord.deleteChannel(channel.id, "No FACEIT match owns this channel");
    log("warn", "match.orphan_deleted", { guildId, channelId: channel.id, ok: deleted.ok });
    if (deleted.ok) {
      await ports.hub.channelGone(guildId, channel.id);
      continue;
    }
    // Limits, or Discord is away: the next sweep goes on. What may not be deleted stops no other.
    refusals += 1;
    if (deleted.error.kind !== "refused" || refusals >= REFUSALS_MAX) return;
  }
  for (const { matchId, faction } of made) {
    // It may have been heard of again meanwhile.
    if (forgotten.has(matchId) && (await isForgotten(matchId))) {
      await store.released(matchId, faction);
    }
  }
}

/** Types that a channel may have for what it is named for: also stages, announcements, and a voice channel's chat. */
const TYPES = { category: [4], lobby: [2, 13], noticeChannel: [0, 2, 5, 13] } as const;

/** Tells of settings that name a channel which the guild does not have, before a match needs it. */
async function checkPlaces(
  { discord, settings, troubles, clock }: SweepPorts,
  guildId: string,
  channels: readonly GuildChannel[],
): Promise<void> {
  for (const kind of ["noticeChannel", "category", "lobby"] as const) {
    const subject = subjectOf(kind, settings);
    if (subject === "") continue;
    const listed = channels.find(({ id }) => id === subject);
    let isThere = listed !== undefined && TYPES[kind].some((type) => type === listed.type);
    if (listed === undefined && kind === "noticeChannel") {
      // The guild's list has no threads.
      const found = await discord.getChannel(subject);
      if (!found.ok) continue;
      isThere = found.value !== null;
    }
    if (isThere) {
      await troubles.remove(guildId, kind);
      continue;
    }
    if (!(await troubles.add({ guildId, kind, subject }, clock()))) continue;
    log("warn", "match.trouble", { guildId, kind });
    const { noticeChannelId } = settings;
    if (noticeChannelId === undefined || kind === "noticeChannel") continue;
    const content = guildTroubleNotice(kind, settings);
    const sent = await discord.sendMessage(noticeChannelId, { content });
    if (!sent.ok && isPutOff(sent.error)) await troubles.remove(guildId, kind);
  }
}

/** When Discord made a channel, milliseconds since 1970; 0 for an id that does not say. */
function madeAt(channelId: string): number {
  return /^\d{15,20}$/.test(channelId) ? Number(BigInt(channelId) >> 22n) + DISCORD_EPOCH_MS : 0;
}

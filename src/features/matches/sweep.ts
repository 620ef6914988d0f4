import type { Clock } from "../../platform/clock.ts";
import type { DiscordClient, GuildChannel } from "../../platform/discord/operations.ts";
import { log } from "../../platform/log.ts";
import { ORPHAN_MIN_AGE_MS } from "../../protocol/limits.ts";
import type { MatchSettings } from "./config.ts";
import type { MatchesHub } from "./hub-commands.ts";
import type { MatchesStore, MatchTroubles } from "./ports.ts";
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
  /** Wakes a match. `unknown`: its Durable Object has no state. */
  readonly look: (matchId: string) => Promise<"looks" | "unknown">;
  readonly hub: Pick<MatchesHub, "channelGone">;
  readonly clock: Clock;
};

/** Refused deletions after which a sweep stops: Discord counts invalid requests (discord.md §2 REST). */
const REFUSALS_MAX = 5;

/** The epoch of Discord's snowflake ids, milliseconds since 1970 (discord.md, Snowflakes). */
const DISCORD_EPOCH_MS = 1_420_070_400_000;

/**
 * Deletes our channels that no match owns (§A4, orphans): a second channel made after a lost answer, or one
 * whose match was forgotten. `active_matches` says which match owns a channel; rows that were inserted by hand
 * stay, and so do their channels. A channel is ours by its name and by the bot's permissions in it, so that
 * no other channel is ever touched.
 */
export async function sweepOrphans(ports: SweepPorts, guildId: string): Promise<void> {
  const { discord, store, look, clock } = ports;
  const rows = await store.roomsOf(guildId);
  // The match of a row that was inserted by hand may be unknown to us.
  const made = rows.filter((row) => row.guildId !== null);
  const matchIds = [...new Set(made.map(({ matchId }) => matchId))];
  const isForgotten = async (matchId: string): Promise<boolean> => {
    // If the match cannot be asked, keep its rows.
    const answer = await look(matchId).catch(() => "looks");
    return answer === "unknown";
  };
  const asked = await Promise.all(matchIds.map(async (id) => [id, await isForgotten(id)] as const));
  const forgotten = new Set(asked.flatMap(([id, isOne]) => (isOne ? [id] : [])));

  const bot = await discord.botUserId();
  const listed = bot.ok ? await discord.listChannels(guildId) : bot;
  if (!bot.ok || !listed.ok) return;
  await checkDiscordSettings(ports, guildId, listed.value);
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
    // A rate limit or an outage ends this sweep; a single refusal must not keep the others from being deleted.
    refusals += 1;
    if (deleted.error.kind !== "refused" || refusals >= REFUSALS_MAX) return;
  }
  for (const { matchId, faction } of made) {
    // Ask again: a webhook of the match may have arrived meanwhile.
    if (forgotten.has(matchId) && (await isForgotten(matchId))) {
      await store.released(matchId, faction);
    }
  }
}

/** The channel types that suit each setting: stages, announcement channels and a voice channel's chat are fine too. */
const TYPES = { category: [4], lobby: [2, 13], noticeChannel: [0, 2, 5, 13] } as const;

/** Reports settings that name a channel which the guild does not have, before a match needs it. */
async function checkDiscordSettings(
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
      // A thread is not in the guild's channel list.
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

/** When Discord created a channel, milliseconds since 1970; 0 for an id that is not a snowflake. */
function madeAt(channelId: string): number {
  return /^\d{15,20}$/.test(channelId) ? Number(BigInt(channelId) >> 22n) + DISCORD_EPOCH_MS : 0;
}

import type { Clock } from "../../platform/clock.ts";
import { log } from "../../platform/log.ts";
import { ORPHAN_MIN_AGE_MS } from "../../protocol/limits.ts";
import type { MatchesStore } from "./ports.ts";
import { MATCH_CHANNEL_NAME } from "./room/channel-name.ts";
import { isOurs, type MatchDiscord } from "./room/perform.ts";

/** What the sweep needs. */
export type SweepPorts = {
  readonly discord: Pick<MatchDiscord, "botUserId" | "listChannels" | "deleteChannel">;
  readonly store: Pick<MatchesStore, "roomsOf" | "released">;
  /** Makes a match's room look at what it has. `unknown`: it remembers nothing. */
  readonly look: (matchId: string) => Promise<"looks" | "unknown">;
  readonly clock: Clock;
};

/** Discord's ids count milliseconds from here (discord.md; Snowflakes). */
const DISCORD_EPOCH_MS = 1_420_070_400_000;

/**
 * Deletes channels of ours that no match owns (§A4, orphans): made twice because an answer was lost, or
 * of a match that nobody remembers. Who owns a channel is said by `active_matches`; a channel counts
 * as ours by its name and by what the bot may do in it, so that nobody else's is ever touched.
 */
export async function sweepOrphans(ports: SweepPorts, guildId: string): Promise<void> {
  const { discord, store, look, clock } = ports;
  const rows = await store.roomsOf(guildId);
  const matchIds = [...new Set(rows.map(({ matchId }) => matchId))];
  const looks = await Promise.all(matchIds.map(async (id) => [id, await look(id)] as const));
  const forgotten = new Set(looks.flatMap(([id, answer]) => (answer === "unknown" ? [id] : [])));

  const bot = await discord.botUserId();
  const listed = bot.ok ? await discord.listChannels(guildId) : bot;
  if (!bot.ok || !listed.ok) return;
  const owned = new Set(
    rows.flatMap(({ matchId, channelId }) => (forgotten.has(matchId) ? [] : (channelId ?? []))),
  );
  for (const channel of listed.value) {
    if (!MATCH_CHANNEL_NAME.test(channel.name) || !isOurs(channel, bot.value)) continue;
    if (owned.has(channel.id) || clock() - madeAt(channel.id) < ORPHAN_MIN_AGE_MS) continue;
    const deleted = await discord.deleteChannel(channel.id, "No FACEIT match owns this channel");
    log("warn", "match.orphan_deleted", { guildId, channelId: channel.id, ok: deleted.ok });
    // Limits, or no permission: the next sweep goes on.
    if (!deleted.ok) return;
  }
  for (const { matchId, faction } of rows) {
    if (forgotten.has(matchId)) await store.released(matchId, faction);
  }
}

/** When Discord made a channel, milliseconds since 1970; 0 for an id that does not say. */
function madeAt(channelId: string): number {
  return /^\d{15,20}$/.test(channelId) ? Number(BigInt(channelId) >> 22n) + DISCORD_EPOCH_MS : 0;
}

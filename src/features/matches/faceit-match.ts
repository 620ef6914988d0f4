import { z } from "zod";
import { MATCH_PLAYERS_PER_SIDE_MAX } from "../../protocol/limits.ts";
import { FaceitId, type Faction } from "../../protocol/match.ts";
import { shownText } from "../../protocol/shown-text.ts";

/** A player on one of FACEIT's rosters. */
type RosterPlayer = {
  readonly playerId: string;
  readonly nickname: string;
  readonly skillLevel: number | null;
};

/** One side of a match at FACEIT. */
export type Roster = { readonly name: string; readonly players: readonly RosterPlayer[] };

/**
 * A match at FACEIT, from the Data API or, without a key, from webhooks. Texts are shortened for display
 * and have no control characters. Times are milliseconds since 1970.
 */
export type FaceitMatch = {
  readonly matchId: string;
  /** Ids of its hub, championship or queue, then of that one's organizer. */
  readonly owners: readonly string[];
  /** Grows with each change at FACEIT; orders webhooks and answers (§A3). */
  readonly version: number;
  /** Upper case. */
  readonly status: string;
  readonly game: string;
  readonly region: string;
  readonly competition: string;
  readonly map: string | null;
  readonly bestOf: number | null;
  readonly url: string | null;
  readonly demoUrl: string | null;
  /** One for each map. An older version stored and sent only `demoUrl`: read both with {@link demosOf}. */
  readonly demoUrls?: readonly string[];
  readonly scheduledAt: number | null;
  /** Null while FACEIT has no complete rosters (CHECK_IN). */
  readonly rosters: Readonly<Record<Faction, Roster>> | null;
};

/** Addresses of the recordings of a match. */
export function demosOf({
  demoUrl,
  demoUrls,
}: Pick<FaceitMatch, "demoUrl" | "demoUrls">): readonly string[] {
  return demoUrls ?? (demoUrl === null ? [] : [demoUrl]);
}

/** An address that a page may link to; null if it is not an https URL, or contains credentials. */
export function httpsUrl(value: unknown): string | null {
  if (typeof value !== "string" || value.length > 2_000 || !URL.canParse(value)) return null;
  const url = new URL(value);
  return url.protocol === "https:" && url.username === "" && url.password === "" ? url.href : null;
}

/** A side in the Data API and in webhooks, which name a player's id differently (§A2, §A3). */
export const Team = z.object({
  name: z.unknown().optional(),
  roster: z.array(z.unknown()).catch([]),
});

/** Links are looked up in a plain object, so names like `constructor` would find something there. */
const PlayerId = FaceitId.refine((id) => !(id in Object.prototype));

const Player = z
  .object({
    player_id: PlayerId.optional(),
    id: PlayerId.optional(),
    nickname: z.unknown().optional(),
    game_skill_level: z.number().int().nullish().catch(null),
  })
  .transform(({ player_id: playerId, id, ...rest }) => ({ ...rest, playerId: playerId ?? id }));

/** Both sides, if both have players; each player counts once. */
export function readRosters(
  faction1: z.output<typeof Team> | undefined,
  faction2: z.output<typeof Team> | undefined,
): { readonly faction1: Roster; readonly faction2: Roster } | null {
  if (faction1 === undefined || faction2 === undefined) return null;
  const rosters = { faction1: readRoster(faction1), faction2: readRoster(faction2) };
  const isComplete = rosters.faction1.players.length > 0 && rosters.faction2.players.length > 0;
  return isComplete ? rosters : null;
}

function readRoster({ name, roster }: z.output<typeof Team>): Roster {
  const players = new Map<string, RosterPlayer>();
  for (const entry of roster.slice(0, MATCH_PLAYERS_PER_SIDE_MAX)) {
    const player = Player.safeParse(entry);
    // Skip a player that cannot be read; the rest of the roster is still good.
    if (!player.success || player.data.playerId === undefined) continue;
    const { playerId, nickname, game_skill_level: skillLevel } = player.data;
    const shown = { playerId, nickname: shownText(nickname, 100), skillLevel: skillLevel ?? null };
    players.set(playerId, shown);
  }
  return { name: shownText(name, 100), players: [...players.values()] };
}

import { guildFor, type Principal } from "../../platform/auth/principal.ts";
import { err, ok, type Result } from "../../platform/result.ts";
import type { Match } from "../../protocol/match.ts";
import type { MatchFailure } from "./errors.ts";
import type { MatchesHub, MatchesQuery, MatchesStore, MatchRecord } from "./ports.ts";

/** What reading needs. */
export type ReadPorts = {
  readonly store: Pick<MatchesStore, "get" | "list">;
  readonly hub: Pick<MatchesHub, "inVoice">;
  readonly primaryGuildId: string;
};

/** One page of a guild's matches. `next` null: there are no older ones. */
export type MatchesPage = {
  readonly matches: readonly Match[];
  readonly next: NonNullable<MatchesQuery["before"]> | null;
};

/** The matches of a guild, newest first. @param asked the guild; absent: the one that the token is for */
export async function listMatches(
  ports: ReadPorts,
  who: Principal,
  asked: string | undefined,
  query: Omit<MatchesQuery, "guildId">,
): Promise<Result<MatchesPage, MatchFailure>> {
  const guildId = guildFor(who, asked, ports.primaryGuildId);
  if (guildId === undefined) return err({ kind: "forbidden_guild" });
  // One more than asked for tells whether there is a next page.
  const records = await ports.store.list({ ...query, guildId, limit: query.limit + 1 });
  const page = records.slice(0, query.limit);
  const last = page.at(-1);
  const isLast = records.length === page.length || last === undefined;
  return ok({
    matches: await withVoice(ports, guildId, page),
    next: isLast ? null : { createdAt: Date.parse(last.createdAt), matchId: last.matchId },
  });
}

/** One match of a guild. @param asked the guild; absent: the one that the token is for */
export async function getMatch(
  ports: ReadPorts,
  who: Principal,
  asked: string | undefined,
  matchId: string,
): Promise<Result<Match, MatchFailure>> {
  const guildId = guildFor(who, asked, ports.primaryGuildId);
  if (guildId === undefined) return err({ kind: "forbidden_guild" });
  const record = await ports.store.get(guildId, matchId);
  if (record === null) return err({ kind: "not_found" });
  const [match = record] = await withVoice(ports, guildId, [record]);
  return ok(match);
}

/** The same matches with who is in voice, which only the hub knows. Nobody is in those that are over. */
async function withVoice(
  { hub }: ReadPorts,
  guildId: string,
  records: readonly MatchRecord[],
): Promise<readonly Match[]> {
  const live = records.filter(({ state }) => state === "live").map(({ matchId }) => matchId);
  if (live.length === 0) return records;
  const inVoice = await hub.inVoice(guildId, live);
  return records.map((record) => {
    const voice = inVoice.get(record.matchId);
    if (voice === undefined) return record;
    const { faction1, faction2 } = record.factions;
    return {
      ...record,
      factions: {
        faction1: { ...faction1, inVoice: [...voice.faction1] },
        faction2: { ...faction2, inVoice: [...voice.faction2] },
      },
    };
  });
}

import type { Faction } from "../../protocol/match.ts";

/** A player on a roster, as FACEIT has it. */
export type RosterPlayer = {
  readonly playerId: string;
  readonly nickname: string;
  readonly skillLevel: number | null;
};

/** One side as FACEIT has it. */
export type Roster = { readonly name: string; readonly players: readonly RosterPlayer[] };

/**
 * What FACEIT says of a match: by the Data API, or, without a key, by its webhooks. Texts are cut to
 * what is shown, and without control characters. Times are milliseconds since 1970.
 */
export type FaceitMatch = {
  readonly matchId: string;
  /** Ids of whom it belongs to: its hub, championship or queue, then the organizer of that. */
  readonly owners: readonly string[];
  /** Grows with each change at FACEIT; what is ordered by (§A3). */
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
  /** One for each map. Absent in what an older version stored or sent: {@link demosOf} reads both. */
  readonly demoUrls?: readonly string[];
  readonly scheduledAt: number | null;
  /** Null while FACEIT has no complete rosters (CHECK_IN). */
  readonly rosters: Readonly<Record<Faction, Roster>> | null;
};

/** The recordings of a match. */
export function demosOf({
  demoUrl,
  demoUrls,
}: Pick<FaceitMatch, "demoUrl" | "demoUrls">): readonly string[] {
  return demoUrls ?? (demoUrl === null ? [] : [demoUrl]);
}

/** An address that a page may lead to; null: it is none, or not over https. */
export function httpsUrl(value: unknown): string | null {
  if (typeof value !== "string" || value.length > 2_000 || !URL.canParse(value)) return null;
  const url = new URL(value);
  return url.protocol === "https:" && url.username === "" && url.password === "" ? url.href : null;
}

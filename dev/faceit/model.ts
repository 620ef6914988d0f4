import { z } from "zod";

/** FACEIT's statuses of a match (contract matches-and-music.md §A2). */
const STATUSES = [
  "SCHEDULED",
  "CREATED",
  "CHECK_IN",
  "VOTING",
  "CONFIGURING",
  "READY",
  "ONGOING",
  "FINISHED",
  "ABORTED",
  "CANCELLED",
] as const;
export type Status = (typeof STATUSES)[number];

const FACTIONS = ["faction1", "faction2"] as const;
export type Faction = (typeof FACTIONS)[number];

/** A FACEIT account. */
export interface PlayerRecord {
  readonly id: string;
  readonly nickname: string;
  readonly membership: "free" | "premium";
  readonly skillLevel: number;
  /** The player's Steam id. */
  readonly gamePlayerId: string;
}

/** One side of a match. */
export interface SideRecord {
  readonly factionId: string;
  readonly name: string;
  /** Player ids; the first is the leader. */
  readonly players: readonly string[];
  /** Ids of players that replaced another one. */
  readonly substitutes: readonly string[];
}

export interface CompetitionRecord {
  readonly id: string;
  readonly name: string;
  readonly type: "hub" | "championship" | "matchmaking";
}

/** A match. Times are milliseconds since 1970. */
export interface MatchRecord {
  readonly id: string;
  /** Grows with each change. */
  readonly version: number;
  readonly status: Status;
  readonly organizerId: string;
  readonly competition: CompetitionRecord;
  readonly sides: Readonly<Record<Faction, SideRecord>>;
  readonly map: string;
  /** State of the vote for the map. */
  readonly vote: "none" | "open" | "closed";
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly scheduledAt: number | null;
  readonly configuredAt: number | null;
  /** 0, which is 1970: the match finished without being played. */
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  readonly demoUrl: string | null;
}

/** The content of the state file. */
export interface WorldState {
  readonly players: readonly PlayerRecord[];
  readonly matches: readonly MatchRecord[];
}

/** An id or a nickname. */
export const PlayerName = z.string().min(1).max(200);
const Text = z.string().max(1_000);
const AnyStatus = z.string().toUpperCase().pipe(z.enum(STATUSES));
export const Version = z.int().min(0).max(1_000_000_000);
const Sides = <T extends z.ZodType>(side: T) =>
  z.strictObject({ faction1: side.optional(), faction2: side.optional() });

/** A match to create. Absent members get default values. */
export const NewMatch = z.strictObject({
  rosters: Sides(z.array(PlayerName).max(20).readonly()).optional(),
  names: Sides(Text).optional(),
  competition: z
    .strictObject({
      id: z.string().min(1).max(64).optional(),
      name: Text.optional(),
      type: z.enum(["hub", "championship", "matchmaking"]).optional(),
    })
    .optional(),
  map: Text.optional(),
  status: AnyStatus.default("CHECK_IN"),
  organizerId: z.string().min(1).max(64).optional(),
  scheduledAt: z.iso
    .datetime({ offset: true })
    .transform((text) => Date.parse(text))
    .optional(),
  silent: z.boolean().default(false),
});
/** The part of it that {@link World} needs. */
export type NewMatch = Omit<z.output<typeof NewMatch>, "silent">;

/** A move of a match. */
export const Move = z.strictObject({
  status: AnyStatus,
  version: Version.optional(),
  forfeit: z.boolean().default(false),
  silent: z.boolean().default(false),
});
export type Move = Omit<z.output<typeof Move>, "silent">;

/** One player for another. */
export const Substitution = z.strictObject({
  faction: z.enum(FACTIONS),
  out: PlayerName,
  in: PlayerName,
});

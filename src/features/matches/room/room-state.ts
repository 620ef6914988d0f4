import { FACTIONS, type Faction, type Match, type MatchProblem } from "../../../protocol/match.ts";
import { demosOf, type FaceitMatch } from "../faceit-match.ts";
import type { MatchRecord } from "../ports.ts";
import type { TroubleKind } from "./trouble.ts";

/** One side's voice channel, as far as we know. */
export type SideState = {
  /** The reserved name; null: nothing was asked for, nothing is left. */
  readonly name: string | null;
  /** D1 was asked for a name, and has not answered: there may be a row. */
  readonly reserving: boolean;
  /** Names that were taken by other matches: the next one is longer. */
  readonly namesTaken: number;
  readonly channel: {
    readonly id: string;
    /** Discord users who have been let in. */
    readonly access: readonly string[];
  } | null;
  /** Discord was asked for the channel, and no answer said what came of it. */
  readonly creationUnanswered: boolean;
  /** Looks in a row that did not find a channel that was asked for. */
  readonly absences: number;
  /** Answers were lost: at the end somebody has to look for channels of this name. */
  readonly doubtful: boolean;
  /** Channels made so far: one that people delete by hand comes back, but not for ever. */
  readonly made: number;
  /** Discord refused the category, or the list of people: made without it. */
  readonly withoutCategory: boolean;
  readonly withoutPeople: boolean;
  /** Discord does not know the role of staff. */
  readonly withoutStaff: boolean;
  /** Discord refused the bot's right to move members, which it may only give itself if it has it. */
  readonly withoutMoving: boolean;
  readonly problem: MatchProblem | null;
};

/** How a match ended. */
export type MatchEnd = {
  readonly version: number;
  readonly status: string;
  /** Milliseconds. */
  readonly at: number;
  /** FACEIT's Data API has said so itself; a webhook is only a hint. */
  readonly confirmed: boolean;
  /** Answers of the Data API that said otherwise. */
  readonly contradicted: number;
};

/** When something is tried again. Times are milliseconds. */
export type Retry = { readonly count: number; readonly notBefore: number };

/** Everything that one match's room knows; stored as JSON. Times are milliseconds since 1970. */
export type RoomState = {
  readonly v: 1;
  readonly matchId: string;
  readonly guildId: string;
  /** `closing`: channels are being taken away. `closed`: nothing is left but the memory that it ended. */
  readonly phase: "live" | "closing" | "closed";
  readonly match: FaceitMatch | null;
  /** The highest version that anybody has told. */
  readonly version: number;
  /** Something happened at FACEIT that we have not read. */
  readonly mustRead: boolean;
  readonly readAt: number | null;
  /** Reads without rosters, which come less and less often. */
  readonly emptyReads: number;
  readonly end: MatchEnd | null;
  /** Discord ids by player id, as last read. */
  readonly links: Readonly<Record<string, string>>;
  readonly sides: Readonly<Record<Faction, SideState>>;
  /** `<faction>:<user>` of everybody who has been let in by us. */
  readonly admitted: readonly string[];
  /** `<faction>:<user>` of everybody who has been moved once: who leaves again is left alone. */
  readonly moved: readonly string[];
  /** Users who got a direct message, or take none. */
  readonly messaged: readonly string[];
  /** Users who are not in the guild. */
  readonly absent: readonly string[];
  /** Users whom we have tried to take back to the lobby at the end. */
  readonly evacuated: readonly string[];
  /** The notice of players who are not linked has been posted. */
  readonly noticed: boolean;
  /** What was found to keep the match from being played out, and which of it was told. */
  readonly troubles: readonly TroubleKind[];
  readonly complained: readonly TroubleKind[];
  /** How often somebody said that channels may have been deleted by hand, and up to which it was looked. */
  readonly checksWanted: number;
  readonly checksDone: number;
  readonly retries: Readonly<Record<string, Retry>>;
  readonly firstSeenAt: number;
  /** When anything was last heard from FACEIT. */
  readonly heardAt: number;
  /** Of the record: grows with each change of what is shown. */
  readonly revision: number;
  /** The record without its revision, as it was last counted. */
  readonly shown: string;
  /** Revisions that the hub and the table of matches have. */
  readonly told: number;
  readonly stored: number;
};

/** A state as it may be stored: fields that came later are missing. */
export type StoredRoom = Pick<RoomState, "matchId" | "guildId" | "firstSeenAt"> &
  Partial<Omit<RoomState, "sides">> & {
    readonly sides: Readonly<Record<Faction, Partial<SideState> & { readonly asked?: boolean }>>;
  };

const EMPTY_SIDE: SideState = {
  name: null,
  reserving: false,
  namesTaken: 0,
  channel: null,
  creationUnanswered: false,
  absences: 0,
  doubtful: false,
  made: 0,
  withoutCategory: false,
  withoutPeople: false,
  withoutStaff: false,
  withoutMoving: false,
  problem: null,
};

/** A match that nobody has heard of before. */
export function newRoom(matchId: string, guildId: string, now: number): RoomState {
  return {
    v: 1,
    matchId,
    guildId,
    phase: "live",
    match: null,
    version: 0,
    mustRead: false,
    readAt: null,
    emptyReads: 0,
    end: null,
    links: {},
    admitted: [],
    sides: { faction1: EMPTY_SIDE, faction2: EMPTY_SIDE },
    moved: [],
    messaged: [],
    absent: [],
    evacuated: [],
    noticed: false,
    troubles: [],
    complained: [],
    checksWanted: 0,
    checksDone: 0,
    retries: {},
    firstSeenAt: now,
    heardAt: now,
    // Not 0: the hub and D1 may remember an earlier life of this match, and take only what is newer.
    revision: now,
    shown: "",
    told: 0,
    stored: 0,
  };
}

/** What an older version of the code stored, with what it did not know yet. */
export function restored(stored: StoredRoom): RoomState {
  // `asked` was the name of `creationUnanswered`.
  const sideOf = ({ asked = false, ...side }: StoredRoom["sides"][Faction]): SideState => {
    return { ...EMPTY_SIDE, creationUnanswered: asked, ...side };
  };
  return {
    ...newRoom(stored.matchId, stored.guildId, stored.firstSeenAt),
    ...stored,
    sides: { faction1: sideOf(stored.sides.faction1), faction2: sideOf(stored.sides.faction2) },
  };
}

/** Somebody said that channels may be gone. */
export function withCheck(state: RoomState): RoomState {
  return { ...state, checksWanted: state.checksWanted + 1 };
}

/** The same with another side. */
export function withSide(
  state: RoomState,
  faction: Faction,
  change: Partial<SideState>,
): RoomState {
  return { ...state, sides: { ...state.sides, [faction]: { ...state.sides[faction], ...change } } };
}

/** Nothing of a side is left. A channel whose answer was lost counts as something. */
export function isGone({ name, reserving, channel, creationUnanswered }: SideState): boolean {
  return name === null && !reserving && channel === null && !creationUnanswered;
}

/** The match as it is shown; null: FACEIT has told nothing of it yet. */
export function recordOf(state: RoomState): MatchRecord | null {
  const { match, end } = state;
  if (match === null) return null;
  const sideOf = (faction: Faction): Match["factions"]["faction1"] => {
    const roster = match.rosters?.[faction];
    const { channel, name, problem } = state.sides[faction];
    return {
      name: roster?.name ?? "",
      players: (roster?.players ?? []).map((player) => ({
        ...player,
        discordId: state.links[player.playerId] ?? null,
      })),
      room: channel === null || name === null ? null : { channelId: channel.id, name },
      problem,
      inVoice: [],
    };
  };
  return {
    matchId: state.matchId,
    guildId: state.guildId,
    state: end === null ? "live" : "ended",
    status: end === null ? match.status : end.status,
    game: match.game,
    region: match.region,
    competition: match.competition,
    map: match.map,
    bestOf: match.bestOf,
    url: match.url,
    demoUrl: match.demoUrl,
    demoUrls: [...demosOf(match)],
    factions: { faction1: sideOf("faction1"), faction2: sideOf("faction2") },
    createdAt: new Date(state.firstSeenAt).toISOString(),
    endedAt: end === null ? null : new Date(end.at).toISOString(),
    revision: state.revision,
  };
}

/** An ended match is closed when nothing is left; what was under way when it ended may bring something. */
function phaseOf({ phase, sides }: RoomState): RoomState["phase"] {
  if (phase === "live") return phase;
  return FACTIONS.every((one) => isGone(sides[one])) ? "closed" : "closing";
}

/** What follows from a change: nothing is left to close, and what is shown has a new revision. */
export function tidied(before: RoomState): RoomState {
  const state: RoomState = { ...before, phase: phaseOf(before) };
  const record = recordOf(state);
  if (record === null) return state;
  const { revision: _, ...rest } = record;
  const shown = JSON.stringify(rest);
  return shown === state.shown ? state : { ...state, shown, revision: state.revision + 1 };
}

/** Discord users who belong into a side's channel. Who stands on both sides belongs to the first. */
export function peopleOf(state: RoomState, faction: Faction): readonly string[] {
  const linked = (side: Faction): readonly string[] =>
    (state.match?.rosters?.[side].players ?? []).flatMap(
      ({ playerId }) => state.links[playerId] ?? [],
    );
  const people = new Set(linked(faction));
  if (faction === "faction2") for (const userId of linked("faction1")) people.delete(userId);
  return [...people];
}

/** Something lasting was found out. */
export function withTrouble(state: RoomState, kind: TroubleKind): RoomState {
  return state.troubles.includes(kind) ? state : { ...state, troubles: [...state.troubles, kind] };
}

/** The same when something is refused again: once may be chance, somebody is just changing permissions. */
export function withTroubleIfAgain(state: RoomState, key: string, kind: TroubleKind): RoomState {
  return (state.retries[key]?.count ?? 0) > 0 ? withTrouble(state, kind) : state;
}

/** These are mended: should they come again, they are told again. */
export function withoutTroubles(state: RoomState, kinds: readonly TroubleKind[]): RoomState {
  const left = (all: readonly TroubleKind[]): TroubleKind[] =>
    all.filter((one) => !kinds.includes(one));
  return { ...state, troubles: left(state.troubles), complained: left(state.complained) };
}

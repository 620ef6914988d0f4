import { FACTIONS, type Faction, type Match, type MatchProblem } from "../../../protocol/match.ts";
import { demosOf, type FaceitMatch } from "../faceit-match.ts";
import type { MatchRecord } from "../ports.ts";
import type { TroubleKind } from "./trouble.ts";

/** What we know of one side's voice channel. */
export type SideState = {
  /** The name reserved in D1; null: none yet, or none any more. */
  readonly name: string | null;
  /** A reservation is unanswered: D1 may have a row of it. */
  readonly reserving: boolean;
  /** How many candidates belonged to other matches; each makes the next candidate differ. */
  readonly namesTaken: number;
  readonly channel: {
    readonly id: string;
    /** Discord users with an overwrite that lets them in. */
    readonly access: readonly string[];
  } | null;
  /** Discord was asked to create the channel and has not answered: it may exist. */
  readonly creationUnanswered: boolean;
  /** Searches in a row that did not find the channel of an unanswered creation. */
  readonly missedSearches: number;
  /** An answer was lost, so a second channel of this name may exist: the end looks for it. */
  readonly maybeDuplicate: boolean;
  /** Channels made so far: one that people delete by hand is made again only a few times. */
  readonly channelsMade: number;
  /** Discord refused the category: the channel is made outside it. */
  readonly withoutCategory: boolean;
  /** Discord refused the list of people: the channel is made first, and each is let in afterwards. */
  readonly withoutPeople: boolean;
  /** Discord does not know the staff role. */
  readonly withoutStaff: boolean;
  /** Discord refused the bot's overwrite for Move Members: it can grant only what it has itself. */
  readonly withoutMoving: boolean;
  readonly problem: MatchProblem | null;
};

/** How a match ended. */
export type MatchEnd = {
  readonly version: number;
  readonly status: string;
  /** Milliseconds. */
  readonly at: number;
  /** FACEIT's Data API has confirmed the end; a webhook alone is only a hint. */
  readonly confirmed: boolean;
  /** Answers of the Data API that contradicted the end. */
  readonly contradicted: number;
};

/** When an action is tried again: failures in a row, and the earliest time, milliseconds since 1970. */
type Retry = { readonly count: number; readonly notBefore: number };

/** The stored state of one match. Times are milliseconds since 1970. */
export type RoomState = {
  readonly v: 1;
  readonly matchId: string;
  readonly guildId: string;
  /** `closing`: channels are being deleted. `closed`: only this state is left, to recognize late webhooks. */
  readonly phase: "live" | "closing" | "closed";
  readonly match: FaceitMatch | null;
  /** The highest version seen in a webhook or an answer. */
  readonly version: number;
  /** FACEIT has something that we have not read yet. */
  readonly mustRead: boolean;
  readonly readAt: number | null;
  /** Reads in a row without rosters: each makes the next read later. */
  readonly emptyReads: number;
  readonly end: MatchEnd | null;
  /** Discord ids by player id, as last read. */
  readonly links: Readonly<Record<string, string>>;
  readonly sides: Readonly<Record<Faction, SideState>>;
  /** `<faction>:<user>` of everybody whom we let in. */
  readonly admitted: readonly string[];
  /** `<faction>:<user>` of everybody who was moved once: a user who leaves afterwards is not moved back. */
  readonly moved: readonly string[];
  /** Users who got the direct message, or accept none. */
  readonly messaged: readonly string[];
  /** Users who are not in the guild. */
  readonly absent: readonly string[];
  /** Users whom we have tried to move back to the lobby. */
  readonly evacuated: readonly string[];
  /** The notice about players who are not linked has been posted. */
  readonly noticePosted: boolean;
  readonly troubles: readonly TroubleKind[];
  /** The troubles that were posted. */
  readonly postedTroubles: readonly TroubleKind[];
  /** Counts reports that a channel may have been deleted by hand. */
  readonly checksWanted: number;
  /** The value of `checksWanted` at the last check. */
  readonly checksDone: number;
  readonly retries: Readonly<Record<string, Retry>>;
  readonly firstSeenAt: number;
  /** When FACEIT last sent a webhook or an answer. */
  readonly heardAt: number;
  /** The record's revision: it grows with each change of what clients see. */
  readonly revision: number;
  /** JSON of the record that has this revision, without the revision. */
  readonly shownRecord: string;
  /** The newest revisions that the hub and D1 have acknowledged. */
  readonly toldRevision: number;
  readonly storedRevision: number;
};

/** A state as an older version may have stored it: newer fields are missing or have an older name. */
export type StoredRoom = Pick<RoomState, "matchId" | "guildId" | "firstSeenAt"> &
  Partial<Omit<RoomState, "sides">> & {
    readonly sides: Readonly<Record<Faction, StoredSide>>;
    readonly told?: number;
    readonly stored?: number;
    readonly shown?: string;
    readonly noticed?: boolean;
    readonly complained?: readonly TroubleKind[];
  };

type StoredSide = Partial<SideState> & {
  readonly asked?: boolean;
  readonly absences?: number;
  readonly doubtful?: boolean;
  readonly made?: number;
};

const EMPTY_SIDE: SideState = {
  name: null,
  reserving: false,
  namesTaken: 0,
  channel: null,
  creationUnanswered: false,
  missedSearches: 0,
  maybeDuplicate: false,
  channelsMade: 0,
  withoutCategory: false,
  withoutPeople: false,
  withoutStaff: false,
  withoutMoving: false,
  problem: null,
};

/** The state of a match that is heard of for the first time. */
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
    noticePosted: false,
    troubles: [],
    postedTroubles: [],
    checksWanted: 0,
    checksDone: 0,
    retries: {},
    firstSeenAt: now,
    heardAt: now,
    // Not 0: the hub and D1 may still have this match from before it was forgotten, and ignore older revisions.
    revision: now,
    shownRecord: "",
    toldRevision: 0,
    storedRevision: 0,
  };
}

/**
 * Completes a state that an older version stored. A field that exists under its older name too was last written by
 * an older version, after a rollback, so the older name's value is used.
 */
export function restored(room: StoredRoom): RoomState {
  const { told, stored, shown, noticed, complained, sides, ...rest } = room;
  const known = { ...newRoom(room.matchId, room.guildId, room.firstSeenAt), ...rest };
  return {
    ...known,
    toldRevision: told ?? known.toldRevision,
    storedRevision: stored ?? known.storedRevision,
    shownRecord: shown ?? known.shownRecord,
    noticePosted: noticed ?? known.noticePosted,
    postedTroubles: complained ?? known.postedTroubles,
    sides: { faction1: restoredSide(sides.faction1), faction2: restoredSide(sides.faction2) },
  };
}

function restoredSide({ asked, absences, doubtful, made, ...side }: StoredSide): SideState {
  const known = { ...EMPTY_SIDE, ...side };
  return {
    ...known,
    creationUnanswered: asked ?? known.creationUnanswered,
    missedSearches: absences ?? known.missedSearches,
    maybeDuplicate: doubtful ?? known.maybeDuplicate,
    channelsMade: made ?? known.channelsMade,
  };
}

/** Requests a check of whether the channels still exist. */
export function withCheck(state: RoomState): RoomState {
  return { ...state, checksWanted: state.checksWanted + 1 };
}

export function withSide(
  state: RoomState,
  faction: Faction,
  change: Partial<SideState>,
): RoomState {
  return { ...state, sides: { ...state.sides, [faction]: { ...state.sides[faction], ...change } } };
}

/** Whether nothing of a side is left. An unanswered creation or reservation counts as something. */
export function isGone({ name, reserving, channel, creationUnanswered }: SideState): boolean {
  return name === null && !reserving && channel === null && !creationUnanswered;
}

/** The match as clients see it; null: no data of it has arrived yet. */
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

/** An ended match is closed when nothing of it is left. A request in flight at the end may reopen the closing. */
function phaseOf({ phase, sides }: RoomState): RoomState["phase"] {
  if (phase === "live") return phase;
  return FACTIONS.every((one) => isGone(sides[one])) ? "closed" : "closing";
}

/** Updates what depends on the rest after a change: the phase, and the revision if clients would see a change. */
export function normalized(before: RoomState): RoomState {
  const state: RoomState = { ...before, phase: phaseOf(before) };
  const record = recordOf(state);
  if (record === null) return state;
  const { revision: _, ...rest } = record;
  const shownRecord = JSON.stringify(rest);
  return shownRecord === state.shownRecord
    ? state
    : { ...state, shownRecord, revision: state.revision + 1 };
}

/** Discord users who belong in a side's channel. A user on both rosters belongs to the first side. */
export function peopleOf(state: RoomState, faction: Faction): readonly string[] {
  const linked = (side: Faction): readonly string[] =>
    (state.match?.rosters?.[side].players ?? []).flatMap(
      ({ playerId }) => state.links[playerId] ?? [],
    );
  const people = new Set(linked(faction));
  if (faction === "faction2") for (const userId of linked("faction1")) people.delete(userId);
  return [...people];
}

/** Adds a trouble that retries alone will not end. */
export function withTrouble(state: RoomState, kind: TroubleKind): RoomState {
  return state.troubles.includes(kind) ? state : { ...state, troubles: [...state.troubles, kind] };
}

/** Adds the trouble only at the second refusal in a row: the first may fall into a change of permissions. */
export function withTroubleIfAgain(state: RoomState, key: string, kind: TroubleKind): RoomState {
  return (state.retries[key]?.count ?? 0) > 0 ? withTrouble(state, kind) : state;
}

/** Removes troubles that are over. Should they come again, they are posted again. */
export function withoutTroubles(state: RoomState, kinds: readonly TroubleKind[]): RoomState {
  const left = (all: readonly TroubleKind[]): TroubleKind[] =>
    all.filter((one) => !kinds.includes(one));
  return { ...state, troubles: left(state.troubles), postedTroubles: left(state.postedTroubles) };
}

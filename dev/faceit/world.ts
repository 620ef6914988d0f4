import { createHash } from "node:crypto";
import type { Clock } from "../../src/platform/clock.ts";
import { err, ok, type Result } from "../../src/platform/result.ts";
import type {
  CompetitionRecord,
  Faction,
  MatchRecord,
  Move,
  NewMatch,
  PlayerRecord,
  SideRecord,
  Status,
  WorldState,
} from "./model.ts";

/** A match's version rises by this much with each change, so that no caller relies on consecutive numbers. */
const VERSION_STEP = 7;

const ORGANIZER_ID = "a1b2c3d4-0000-4000-8000-00000000abcd";
const COMPETITION: CompetitionRecord = {
  id: "5b0d7c1e-2c55-4a3b-8f0e-9a1b2c3d4e5f",
  name: "Nordic Night Hub",
  type: "hub",
};

const NUMBERS = ["one", "two", "three", "four", "five"] as const;

/** The accounts of a first start: two teams of five, and two substitutes. */
export const FIRST_ACCOUNTS: readonly PlayerRecord[] = [
  ...team("aurora", "a0000000"),
  ...team("borealis", "b0000000"),
  ...team("substitute", "c0000000").slice(0, 2),
];

/** Nicknames of the default rosters. */
const USUAL_ROSTERS = {
  faction1: NUMBERS.map((number) => `aurora_${number}`),
  faction2: NUMBERS.map((number) => `borealis_${number}`),
};

export interface WorldPorts {
  readonly clock: Clock;
  /** A random UUID. */
  readonly newId: () => string;
  /** Called after each change. */
  readonly changed: () => void;
}

/** Accounts and matches. Failures are texts for the caller of the control API. */
export class World {
  readonly #ports: WorldPorts;
  readonly #players: Map<string, PlayerRecord>;
  readonly #matches: Map<string, MatchRecord>;

  constructor(state: WorldState, ports: WorldPorts) {
    this.#ports = ports;
    this.#players = new Map(state.players.map((player) => [player.id, player]));
    this.#matches = new Map(state.matches.map((match) => [match.id, match]));
  }

  get players(): ReadonlyMap<string, PlayerRecord> {
    return this.#players;
  }

  /** Oldest first. */
  get matches(): ReadonlyMap<string, MatchRecord> {
    return this.#matches;
  }

  state(): WorldState {
    return { players: [...this.#players.values()], matches: [...this.#matches.values()] };
  }

  /** The player with this id or exactly this nickname. */
  player(idOrNickname: string): PlayerRecord | undefined {
    const byId = this.#players.get(idOrNickname);
    return byId ?? [...this.#players.values()].find(({ nickname }) => nickname === idOrNickname);
  }

  /** The players of a side whose accounts still exist. */
  playersOf({ players }: SideRecord): PlayerRecord[] {
    return players.flatMap((id) => this.#players.get(id) ?? []);
  }

  /** Creates an account, or changes the nickname of the account with this id. */
  putPlayer(nickname: string, id = this.#ports.newId()): Result<PlayerRecord, string> {
    const other = this.player(nickname);
    if (other !== undefined && other.id !== id) {
      return err(`nickname: ${other.id} has it already`);
    }
    const player = { ...(this.#players.get(id) ?? newAccount(id, nickname)), nickname };
    this.#players.set(id, player);
    this.#ports.changed();
    return ok(player);
  }

  /** Creates a match at version 1. */
  createMatch(wanted: NewMatch): Result<MatchRecord, string> {
    const match = this.draftMatch(wanted);
    return match.ok ? ok(this.#keep(match.value)) : match;
  }

  /** A match that is not stored, for a webhook about an unknown match. */
  draftMatch(wanted: NewMatch, id = `1-${this.#ports.newId()}`): Result<MatchRecord, string> {
    const { clock } = this.#ports;
    const one = this.#newSide("faction1", wanted);
    if (!one.ok) return one;
    const two = this.#newSide("faction2", wanted);
    if (!two.ok) return two;
    const now = clock();
    const { competition } = wanted;
    return ok({
      id,
      version: 1,
      status: wanted.status,
      organizerId: wanted.organizerId ?? ORGANIZER_ID,
      competition: {
        id: competition?.id ?? COMPETITION.id,
        name: competition?.name ?? COMPETITION.name,
        type: competition?.type ?? COMPETITION.type,
      },
      sides: { faction1: one.value, faction2: two.value },
      map: wanted.map ?? "de_inferno",
      vote: "none",
      createdAt: now,
      updatedAt: now,
      scheduledAt: wanted.scheduledAt ?? null,
      configuredAt: null,
      startedAt: null,
      finishedAt: null,
      demoUrl: null,
    });
  }

  /** Moves a match to any status: FACEIT also finishes matches that it has aborted. */
  move(match: MatchRecord, { status, version, forfeit }: Move): Result<MatchRecord, string> {
    if (version !== undefined && version <= match.version) {
      const hint = "to send a late event, use POST /_control/webhook";
      return err(`version: the match is at ${match.version} already; ${hint}`);
    }
    const now = this.#ports.clock();
    const notPlayed = forfeit || match.status === "ABORTED" || match.status === "CANCELLED";
    const configured = { vote: "closed", configuredAt: match.configuredAt ?? now } as const;
    const changes: Readonly<Partial<Record<Status, Partial<MatchRecord>>>> = {
      VOTING: { vote: "open" },
      CONFIGURING: configured,
      READY: configured,
      ONGOING: { ...configured, startedAt: match.startedAt ?? now },
      FINISHED: {
        ...configured,
        startedAt: notPlayed ? 0 : (match.startedAt ?? now),
        finishedAt: now,
      },
    };
    return ok(this.#change(match, { ...changes[status], status }, version));
  }

  /** Replaces one player by another. */
  substitute(
    match: MatchRecord,
    faction: Faction,
    players: { readonly out: string; readonly in: string },
  ): Result<MatchRecord, string> {
    const side = match.sides[faction];
    const [leaves, enters] = [this.player(players.out), this.player(players.in)];
    if (leaves === undefined || !side.players.includes(leaves.id)) {
      return err(`out: ${players.out} is not on the roster of ${faction}`);
    }
    if (enters === undefined) return err(`in: there is no account ${players.in}`);
    if (side.players.includes(enters.id)) return err(`in: ${players.in} plays there already`);
    const changed: SideRecord = {
      ...side,
      players: side.players.map((id) => (id === leaves.id ? enters.id : id)),
      substitutes: [...side.substitutes, enters.id],
    };
    return ok(this.#change(match, { sides: { ...match.sides, [faction]: changed } }));
  }

  /** Publishes the recording of a match. */
  publishDemo(match: MatchRecord): MatchRecord {
    const demoUrl = `https://demos.example.invalid/cs2/${match.id}-1-1.dem.zst`;
    return this.#change(match, { demoUrl });
  }

  /** @returns whether the match existed */
  deleteMatch(id: string): boolean {
    const existed = this.#matches.delete(id);
    if (existed) this.#ports.changed();
    return existed;
  }

  #newSide(faction: Faction, { rosters, names }: NewMatch): Result<SideRecord, string> {
    const wanted = rosters?.[faction] ?? USUAL_ROSTERS[faction];
    const unknown = wanted.find((one) => this.player(one) === undefined);
    if (unknown !== undefined) return err(`rosters.${faction}: there is no account ${unknown}`);
    const players = wanted.flatMap((one) => this.player(one) ?? []);
    return ok({
      factionId: this.#ports.newId(),
      name: names?.[faction] ?? `team_${players[0]?.nickname ?? faction}`,
      players: players.map(({ id }) => id),
      substitutes: [],
    });
  }

  #change(match: MatchRecord, changes: Partial<MatchRecord>, version?: number): MatchRecord {
    const next = version ?? match.version + VERSION_STEP;
    return this.#keep({ ...match, ...changes, version: next, updatedAt: this.#ports.clock() });
  }

  #keep(match: MatchRecord): MatchRecord {
    this.#matches.set(match.id, match);
    this.#ports.changed();
    return match;
  }
}

function team(name: string, firstPart: string): PlayerRecord[] {
  return NUMBERS.map((number, index) => {
    const id = `${firstPart}-0000-4000-8000-00000000000${index + 1}`;
    return newAccount(id, `${name}_${number}`);
  });
}

/** A new account. Its other values are derived from its id. */
function newAccount(id: string, nickname: string): PlayerRecord {
  const number = createHash("sha256").update(id).digest().readUInt32BE() % 1_000_000_000;
  return {
    id,
    nickname,
    membership: number % 3 === 0 ? "premium" : "free",
    skillLevel: (number % 10) + 1,
    gamePlayerId: `76561190${String(number).padStart(9, "0")}`,
  };
}

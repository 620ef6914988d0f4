import type { MatchSettings } from "../features/matches/config.ts";
import type { FaceitMatch } from "../features/matches/faceit-match.ts";
import type { FaceitFailure, GuildTrouble, MatchRecord } from "../features/matches/ports.ts";
import { STATUS_OF_EVENT, takeHint, type Hint } from "../features/matches/room/hint.ts";
import { perform } from "../features/matches/room/perform.ts";
import { reconcile } from "../features/matches/room/reconcile.ts";
import {
  newRoom,
  restored,
  normalized,
  withCheck,
  type RoomState,
} from "../features/matches/room/room-state.ts";
import { err, ok, type Result } from "../platform/result.ts";
import type { Faction } from "../protocol/match.ts";
import { faceitMatch, MATCH_ID } from "./faceit-matches.ts";
import {
  BOT,
  CATEGORY,
  Crash,
  GUILD,
  LOBBY,
  MatchGuild,
  VirtualDiscord,
  type VirtualChannel,
} from "./virtual-discord.ts";

/** A fault of a write to D1 or the hub. */
export type WriteFault = "failed" | "failed after effect" | "crash" | "crash after effect";

/** More runs of the alarm at one moment than this mean that the room is in an endless loop. */
const TURNS_AT_ONCE_MAX = 60;

/** The settings of a guild without variables. */
const NO_SETTINGS: MatchSettings = {
  categoryId: undefined,
  lobbyId: undefined,
  moveFrom: "anywhere",
  noticeChannelId: undefined,
  staffRoleId: undefined,
  graceMs: 60_000,
  skipEmptyFactions: false,
};

export const DEFAULT_MATCH_SETTINGS: MatchSettings = {
  categoryId: CATEGORY,
  lobbyId: LOBBY,
  moveFrom: "anywhere",
  noticeChannelId: "notices",
  staffRoleId: undefined,
  graceMs: 60_000,
  skipEmptyFactions: false,
};

/**
 * One match with doubles of everything around it: FACEIT, Discord, D1, the hub, links and the clock. Its process
 * can end between any two calls.
 */
export class VirtualMatch extends VirtualDiscord {
  now = 1_800_000_000_000;
  readonly config: MatchSettings;
  hasApi = true;
  /** The guild of a match with these owners. */
  guildOf: (owners: readonly string[]) => string | null = () => GUILD;

  /** The current match at FACEIT. */
  faceit: FaceitMatch;
  faceitFaults: FaceitFailure[] = [];
  /** FACEIT's Data API returns the match as it was so many changes ago. */
  replicaBehind = 0;
  faceitReads = 0;

  readonly matchId: string;
  readonly links = new Map<string, string>();
  /** Users in voice that are bots. */
  readonly bots = new Set<string>();
  /** Troubles stored for the guild's operator: kind to subject. */
  readonly troubles = new Map<string, string>();
  readonly rows = new Map<string, string | null>();
  readonly takenNames = new Set<string>();
  record: MatchRecord | null = null;
  stored: MatchRecord | null = null;
  hubIsDown = false;
  /** The hub does not learn who joins and leaves voice. */
  gatewayIsDown = false;
  /** Faults of the next writes to D1 and the hub; null: the write succeeds. */
  writeFaults: (WriteFault | null)[] = [];
  linksAreDown = false;
  /** How often the room stopped after too many rounds. */
  spun = 0;
  /** Runs while D1 reserves a name. */
  duringReserve: (() => void) | null = null;

  #state: string | null = null;
  #alarmAt: number | null = null;
  /** Earlier versions of the match at FACEIT, newest first. */
  readonly #before: FaceitMatch[] = [];

  constructor(config: Partial<MatchSettings> = {}, guild = new MatchGuild(), matchId = MATCH_ID) {
    super(guild);
    this.config = { ...DEFAULT_MATCH_SETTINGS, ...config };
    this.matchId = matchId;
    this.faceit = { ...faceitMatch("CHECK_IN", 1, null), matchId };
  }

  get state(): RoomState | null {
    return this.#state === null ? null : restored(JSON.parse(this.#state) as RoomState);
  }

  /** Replaces the stored state; null: deletes it. */
  store(state: object | null): void {
    this.#state = state === null ? null : JSON.stringify(state);
    if (state === null) this.#alarmAt = null;
  }

  get alarmAt(): number | null {
    return this.#alarmAt;
  }

  /** Channels that belong to this match, by name. */
  get ours(): VirtualChannel[] {
    return [...this.channels.values()].filter(
      ({ name, owner }) => owner === this.matchId && name.startsWith("match-"),
    );
  }

  channelOf(faction: Faction): VirtualChannel | undefined {
    return this.ours.find(({ name }) => name.endsWith(faction));
  }

  /** Members with access to a side's channel, without the bot. */
  accessOf(faction: Faction): string[] {
    const overwrites = this.channelOf(faction)?.overwrites ?? [];
    return overwrites.flatMap(({ id, kind }) => (kind === "member" && id !== BOT ? [id] : []));
  }

  /** Changes the match at FACEIT, with a new version. */
  advance(status: string, sides: FaceitMatch["rosters"] = this.faceit.rosters): void {
    this.#before.unshift(this.faceit);
    this.faceit = { ...this.faceit, status, rosters: sides, version: this.faceit.version + 7 };
  }

  /** A webhook arrives, as FACEIT would send it now. `change` replaces members. */
  hint(event: string, change: Partial<FaceitMatch> = {}): void {
    const status: string = STATUS_OF_EVENT.get(event) ?? this.faceit.status;
    const match = { ...this.faceit, status, ...(this.hasApi ? { rosters: null } : {}), ...change };
    const before = this.state ?? newRoom(this.matchId, GUILD, this.now);
    const hint: Hint = { event, match };
    this.#state = JSON.stringify(normalized(takeHint(before, hint, this.now, this.hasApi)));
    this.#alarmAt = this.now;
  }

  /** Asks the room to check the match. */
  look(channels = false): void {
    const { state } = this;
    if (state === null || state.phase === "closed") return;
    if (channels) this.#state = JSON.stringify(withCheck(state));
    this.#alarmAt = this.now;
  }

  /** Runs the room's work once, now. @returns false when the process ended in the middle */
  async work(): Promise<boolean> {
    if (this.#state === null) return true;
    let isAlive = true;
    const read = (): RoomState => restored(JSON.parse(this.#state ?? "null") as RoomState);
    const ports = {
      faceit: { match: () => this.#readFaceit(), playerByNickname: async () => ok(null) },
      discord: this.client(this.matchId),
      store: this.#store(),
      troubles: {
        add: async (trouble: GuildTrouble) => {
          const known = this.troubles.get(trouble.kind);
          this.troubles.set(trouble.kind, trouble.subject);
          return known !== trouble.subject;
        },
        remove: async (_: string | null, ...kinds: readonly string[]) => {
          for (const kind of kinds) this.troubles.delete(kind);
        },
      },
      hub: {
        put: (record: MatchRecord) => this.#put(record),
        channelGone: async () => {},
      },
      settingsOf: (guildId: string) => this.#settingsOf(guildId),
      guildOf: (owners: readonly string[]) => this.guildOf(owners),
      clock: () => this.now,
    };
    const next = await reconcile(
      {
        read,
        update: (change) => {
          if (isAlive) this.#state = JSON.stringify(change(read()));
        },
      },
      {
        links: {
          ofPlayers: async (ids) => {
            if (this.linksAreDown) throw new Error("D1 is down");
            return ids.flatMap((faceitId) => {
              const discordId = this.links.get(faceitId);
              if (discordId === undefined) return [];
              return [{ discordId, faceitId, nickname: "", verifiedMethod: "oauth", linkedAt: 0 }];
            });
          },
        },
        hub: {
          whereabouts: async (_, users) => {
            if (this.hubIsDown) throw new Error("the hub is down");
            return users.flatMap((userId) => {
              const channelId = this.voice.get(userId);
              return channelId === undefined ? [] : [{ userId, channelId }];
            });
          },
          inVoice: async (_, [matchId = ""]) => {
            const inSide = (faction: Faction): string[] => {
              const channelId = this.record?.factions[faction].room?.channelId;
              return [...this.voice].flatMap(([user, where]) =>
                where === channelId ? [user] : [],
              );
            };
            const sides = { faction1: inSide("faction1"), faction2: inSide("faction2") };
            const bots = [...sides.faction1, ...sides.faction2].filter((one) => this.bots.has(one));
            return new Map([[matchId, { ...sides, bots, isKnown: !this.gatewayIsDown }]]);
          },
        },
        settingsOf: (guildId) => ({ ...this.#settingsOf(guildId), hasApi: this.hasApi }),
        clock: () => this.now,
        broke: (what) => {
          if (what === "rounds" && isAlive) this.spun += 1;
        },
        perform: async (action, state) => {
          // A dead process does nothing more.
          if (!isAlive) throw new Crash();
          try {
            return await perform(ports, action, state);
          } catch (error) {
            if (error instanceof Crash) isAlive = false;
            throw error;
          }
        },
      },
    );
    this.#alarmAt = isAlive ? next : this.now;
    return isAlive;
  }

  /** Lets `ms` milliseconds pass, and runs everything that becomes due. */
  async pass(ms: number): Promise<void> {
    const until = this.now + ms;
    let turns = 0;
    for (;;) {
      for (const effect of this.late.splice(0)) effect();
      if (this.#alarmAt === null || this.#alarmAt > until) break;
      turns = this.#alarmAt > this.now ? 0 : turns + 1;
      if (turns > TURNS_AT_ONCE_MAX || this.spun > 0)
        throw new Error("the room is in an endless loop");
      this.now = Math.max(this.now, this.#alarmAt);
      this.#alarmAt = null;
      await this.work();
    }
    this.now = until;
  }

  #settingsOf(guildId: string): MatchSettings {
    return guildId === GUILD ? this.config : NO_SETTINGS;
  }

  async #readFaceit(): Promise<Result<FaceitMatch, FaceitFailure>> {
    this.faceitReads += 1;
    const fault = this.faceitFaults.shift();
    const behind = this.replicaBehind === 0 ? undefined : this.#before[this.replicaBehind - 1];
    return fault === undefined ? ok(behind ?? this.faceit) : err(fault);
  }

  async #put(record: MatchRecord): Promise<void> {
    if (this.hubIsDown) throw new Error("the hub is down");
    return this.#written(() => {
      if (record.revision > (this.record?.revision ?? 0)) this.record = record;
    });
  }

  /** One write to D1 or the hub. */
  async #written<T>(effect: () => T): Promise<T> {
    const fault = this.writeFaults.shift() ?? null;
    if (fault === "failed") throw new Error("nothing was written");
    if (fault === "crash") throw new Crash();
    const result = effect();
    if (fault === "failed after effect") throw new Error("the answer was lost");
    if (fault === "crash after effect") throw new Crash();
    return result;
  }

  #store() {
    return {
      write: (record: MatchRecord) =>
        this.#written(() => {
          if (record.revision > (this.stored?.revision ?? 0)) this.stored = record;
        }),
      get: async () => null,
      list: async () => [],
      liveMatchesOf: async () => [],
      reserve: ({ faction, channelName }: { faction: Faction; channelName: string }) =>
        this.#written(() => {
          this.duringReserve?.();
          this.duringReserve = null;
          if (this.takenNames.has(channelName)) return "taken" as const;
          this.rows.set(faction, this.rows.get(faction) ?? null);
          return "ours" as const;
        }),
      opened: (_: string, faction: Faction, channelId: string) =>
        this.#written(() => {
          // As in SQL, an update without a row has no effect.
          if (this.rows.has(faction)) this.rows.set(faction, channelId);
        }),
      released: (_: string, faction: Faction) =>
        this.#written(() => {
          this.rows.delete(faction);
        }),
      roomsOf: async () => [],
    };
  }
}

import type { MatchConfig } from "../config.ts";
import type { FaceitMatch, Roster } from "../features/matches/faceit-match.ts";
import type { FaceitFailure, MatchRecord } from "../features/matches/ports.ts";
import { STATUS_OF_EVENT, takeHint, type Hint } from "../features/matches/room/hint.ts";
import { perform, type MatchDiscord } from "../features/matches/room/perform.ts";
import { reconcile } from "../features/matches/room/reconcile.ts";
import {
  newRoom,
  restored,
  tidied,
  withCheck,
  type RoomState,
} from "../features/matches/room/room-state.ts";
import type { DiscordFailure } from "../platform/discord/call.ts";
import type { GuildChannel } from "../platform/discord/discord-client.ts";
import { err, ok, type Result } from "../platform/result.ts";
import { ENDED_STATUSES, FACTIONS, type Faction } from "../protocol/match.ts";

/** What happens to a call to Discord. `late`: no answer, and the effect comes later. */
export type CallFault =
  | "refused"
  | "failed"
  | "failed after effect"
  | "lost"
  | "lost after effect"
  | "late"
  | "rate limited"
  | "crash"
  | "crash after effect";

/** What happens to a write to D1 or the hub. */
export type WriteFault = "failed" | "failed after effect" | "crash" | "crash after effect";

export const GUILD = "100";
export const LOBBY = "lobby";
export const CATEGORY = "category";
const BOT = "bot";
const MOVE_MEMBERS = 1n << 24n;
/** Discord's limits of the virtual guild. */
const CATEGORY_MAX = 50;

/** The process ended: nothing after this point happened. */
class Crash extends Error {}

/** `owner`: the match that it was made for; null: somebody else's. */
type VirtualChannel = GuildChannel & { readonly owner: string | null };

/** A Discord guild, which several matches may share. */
export class MatchGuild {
  readonly channels = new Map<string, VirtualChannel>();
  readonly voice = new Map<string, string>();
  readonly members = new Set<string>();
  #ids = 0;

  nextId(letter: string): string {
    this.#ids += 1;
    return `${letter}${this.#ids}`;
  }
}

/** Turns of the alarm at one moment of which something comes of: more is a room that spins. */
const TURNS_AT_ONCE_MAX = 60;

/** The first match's id. */
export const MATCH_ID = "1-7c1f0a52-4b1e-4d0e-9a34-2f6d5b8e1c90";

export const DEFAULT_MATCH_CONFIG: MatchConfig = {
  categoryId: CATEGORY,
  lobbyId: LOBBY,
  moveFrom: "anywhere",
  noticeChannelId: "notices",
  staffRoleId: undefined,
  graceMs: 60_000,
  skipEmptyFactions: false,
};

/**
 * One match with everything around it made up: FACEIT, Discord, D1, the hub, links, the clock; and a
 * process that can end between any two calls.
 */
export class VirtualMatch {
  now = 1_800_000_000_000;
  readonly config: MatchConfig;
  hasApi = true;
  /** Which guild plays a match of these owners. */
  guildOf: (owners: readonly string[]) => string | null = () => GUILD;

  /** The truth at FACEIT. */
  faceit: FaceitMatch;
  faceitFaults: FaceitFailure[] = [];
  /** So many changes ago is what FACEIT's Data API tells. */
  replicaBehind = 0;
  faceitReads = 0;

  readonly matchId: string;
  readonly guild: MatchGuild;
  readonly closedToMessages = new Set<string>();
  /** Who has left voice, and the hub has not heard of it. */
  readonly gone = new Set<string>();
  readonly messages: { readonly to: string; readonly text: string }[] = [];
  readonly moves: { readonly userId: string; readonly channelId: string | null }[] = [];
  /** Calls to Discord, by name, newest last. */
  readonly calls: string[] = [];
  guildMax = 500;
  faults: CallFault[] = [];
  /** The same for the next calls of one kind. */
  readonly faultsOf = new Map<string, CallFault[]>();
  /** A bot gives nobody, not even itself, what it does not have. */
  botMayMove = true;
  /** What `refused` says. */
  refusal: DiscordFailure = { kind: "refused", status: 403, code: 50_013, message: "Missing" };

  readonly links = new Map<string, string>();
  readonly rows = new Map<string, string | null>();
  readonly takenNames = new Set<string>();
  record: MatchRecord | null = null;
  stored: MatchRecord | null = null;
  hubIsDown = false;
  /** What happens to the next writes to D1 and the hub; null: nothing. */
  writeFaults: (WriteFault | null)[] = [];
  linksAreDown = false;
  /** Each time the room gave up going on at once. */
  spun = 0;
  /** Something that happens while D1 is asked for a name. */
  duringReserve: (() => void) | null = null;
  /** The pause that `rate limited` asks for. */
  pauseMs = 3_000;

  #state: string | null = null;
  #alarmAt: number | null = null;
  #late: (() => void)[] = [];
  /** What FACEIT told before, newest first. */
  readonly #before: FaceitMatch[] = [];

  constructor(config: Partial<MatchConfig> = {}, guild = new MatchGuild(), matchId = MATCH_ID) {
    this.config = { ...DEFAULT_MATCH_CONFIG, ...config };
    this.guild = guild;
    this.matchId = matchId;
    this.faceit = { ...faceitMatch("CHECK_IN", 1, null), matchId };
  }

  get channels(): Map<string, VirtualChannel> {
    return this.guild.channels;
  }

  get voice(): Map<string, string> {
    return this.guild.voice;
  }

  get members(): Set<string> {
    return this.guild.members;
  }

  get state(): RoomState | null {
    return this.#state === null ? null : restored(JSON.parse(this.#state) as RoomState);
  }

  /** What is stored becomes this; null: nothing is. */
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

  /** Members who may come into a side's channel, the bot left out. */
  accessOf(faction: Faction): string[] {
    const overwrites = this.channelOf(faction)?.overwrites ?? [];
    return overwrites.flatMap(({ id, kind }) => (kind === "member" && id !== BOT ? [id] : []));
  }

  addForeign(name: string, parentId: string | null = CATEGORY): string {
    const id = this.guild.nextId("f");
    this.channels.set(id, { id, name, type: 2, parentId, overwrites: [], owner: null });
    return id;
  }

  /** FACEIT moves on: a new version. */
  advance(status: string, sides: FaceitMatch["rosters"] = this.faceit.rosters): void {
    this.faceit = { ...this.faceit, status, rosters: sides, version: this.faceit.version + 7 };
  }

  /** A webhook arrives, as FACEIT would send it now unless said otherwise. */
  hint(event: string, change: Partial<FaceitMatch> = {}): void {
    const status: string = STATUS_OF_EVENT.get(event) ?? this.faceit.status;
    const match = { ...this.faceit, status, ...(this.hasApi ? { rosters: null } : {}), ...change };
    const before = this.state ?? newRoom(this.matchId, GUILD, this.now);
    const hint: Hint = { event, match };
    this.#state = JSON.stringify(tidied(takeHint(before, hint, this.now, this.hasApi)));
    this.#alarmAt = this.now;
  }

  /** Somebody tells the room to look. */
  look(channels = false): void {
    const { state } = this;
    if (state === null || state.phase === "closed") return;
    if (channels) this.#state = JSON.stringify(withCheck(state));
    this.#alarmAt = this.now;
  }

  /** Works at once, once. @returns false when the process ended in the middle */
  async work(): Promise<boolean> {
    if (this.#state === null) return true;
    let isAlive = true;
    const read = (): RoomState => restored(JSON.parse(this.#state ?? "null") as RoomState);
    const ports = {
      faceit: { match: () => this.#readFaceit(), playerByNickname: async () => ok(null) },
      discord: this.#discord(),
      store: this.#store(),
      hub: { put: (record: MatchRecord) => this.#put(record) },
      config: this.config,
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
            return new Map([[matchId, sides]]);
          },
        },
        settings: {
          hasApi: this.hasApi,
          lobbyId: this.config.lobbyId,
          moveFrom: this.config.moveFrom,
          hasNotices: this.config.noticeChannelId !== undefined,
          graceMs: this.config.graceMs,
          skipEmptyFactions: this.config.skipEmptyFactions,
        },
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

  /** Lets time pass, and everything happen that becomes due, for so many milliseconds. */
  async pass(ms: number): Promise<void> {
    const until = this.now + ms;
    let turns = 0;
    for (;;) {
      for (const effect of this.#late.splice(0)) effect();
      if (this.#alarmAt === null || this.#alarmAt > until) break;
      turns = this.#alarmAt > this.now ? 0 : turns + 1;
      if (turns > TURNS_AT_ONCE_MAX || this.spun > 0) throw new Error("the room spins");
      this.now = Math.max(this.now, this.#alarmAt);
      this.#alarmAt = null;
      await this.work();
    }
    this.now = until;
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
          // No row, no update.
          if (this.rows.has(faction)) this.rows.set(faction, channelId);
        }),
      released: (_: string, faction: Faction) =>
        this.#written(() => {
          this.rows.delete(faction);
        }),
      roomsOf: async () => [],
    };
  }

  async #call<T>(
    name: string,
    effect: () => Result<T, DiscordFailure>,
  ): Promise<Result<T, DiscordFailure>> {
    this.calls.push(name);
    const fault = this.faultsOf.get(name)?.shift() ?? this.faults.shift();
    switch (fault) {
      case undefined:
        return effect();
      case "refused":
        return err(this.refusal);
      case "failed":
        return err({ kind: "failed", status: 500 });
      case "failed after effect":
        effect();
        return err({ kind: "failed", status: 500 });
      case "lost":
        return err({ kind: "unknown_outcome" });
      case "lost after effect":
        effect();
        return err({ kind: "unknown_outcome" });
      case "late":
        this.#late.push(() => void effect());
        return err({ kind: "unknown_outcome" });
      case "rate limited":
        return err({ kind: "rate_limited", retryAfterMs: this.pauseMs });
      case "crash":
        throw new Crash();
      case "crash after effect":
        effect();
        throw new Crash();
    }
  }

  #discord(): MatchDiscord {
    const refuse = (code: number, status = 400): Result<never, DiscordFailure> =>
      err({ kind: "refused", status, code, message: "" });
    const existing = <T>(
      id: string,
      act: (channel: VirtualChannel) => T,
    ): Result<T, DiscordFailure> => {
      const channel = this.channels.get(id);
      return channel === undefined ? refuse(10_003, 404) : ok(act(channel));
    };
    return {
      botUserId: async () => ok(BOT),
      createVoiceChannel: ({ name, parentId, overwrites }) =>
        this.#call("create", () => {
          const inCategory = [...this.channels.values()].filter((one) => one.parentId === parentId);
          if (parentId !== null && inCategory.length >= CATEGORY_MAX) {
            const formErrors = ["CHANNEL_PARENT_MAX_CHANNELS"];
            return err({ kind: "refused", status: 400, code: 50_035, message: "", formErrors });
          }
          if (this.channels.size >= this.guildMax) return refuse(30_013);
          const own = (overwrites ?? []).find(({ id }) => id === BOT)?.allow ?? 0n;
          if (!this.botMayMove && (own & MOVE_MEMBERS) !== 0n) return refuse(50_013, 403);
          const people = (overwrites ?? []).filter(
            ({ kind, id }) => kind === "member" && id !== BOT,
          );
          if (people.some(({ id }) => !this.members.has(id))) return refuse(50_035);
          const id = this.guild.nextId("c");
          const channel = { id, name, type: 2, parentId, overwrites: overwrites ?? [] };
          this.channels.set(id, { ...channel, owner: this.matchId });
          return ok({ id, name });
        }),
      deleteChannel: (id) =>
        this.#call("delete", () => {
          for (const [userId, where] of this.voice) if (where === id) this.voice.delete(userId);
          this.channels.delete(id);
          return ok(undefined);
        }),
      listChannels: () => this.#call("list", () => ok([...this.channels.values()])),
      setOverwrite: (id, overwrite) =>
        this.#call("grant", () => {
          if (!this.members.has(overwrite.id)) return refuse(10_007, 404);
          return existing(id, (channel) => {
            const others = channel.overwrites.filter((one) => one.id !== overwrite.id);
            this.channels.set(id, { ...channel, overwrites: [...others, overwrite] });
            return undefined;
          });
        }),
      removeOverwrite: (id, userId) =>
        this.#call("revoke", () =>
          existing(id, (channel) => {
            const overwrites = channel.overwrites.filter((one) => one.id !== userId);
            this.channels.set(id, { ...channel, overwrites });
            return undefined;
          }),
        ),
      moveMember: (_, userId, channelId) =>
        this.#call("move", () => {
          if (!this.botMayMove) return refuse(50_013, 403);
          if (!this.members.has(userId)) return ok("not_member" as const);
          if (!this.voice.has(userId) || this.gone.has(userId)) return ok("not_in_voice" as const);
          if (channelId !== null && channelId !== LOBBY && !this.channels.has(channelId)) {
            return refuse(10_003, 404);
          }
          this.moves.push({ userId, channelId });
          if (channelId === null) this.voice.delete(userId);
          else this.voice.set(userId, channelId);
          return ok("moved" as const);
        }),
      sendDirectMessage: (userId, { content, button }) =>
        this.#call("message", () => {
          if (this.closedToMessages.has(userId)) return ok("closed" as const);
          this.messages.push({ to: userId, text: `${content} ${button?.url ?? ""}` });
          return ok("sent" as const);
        }),
      sendMessage: (channelId, { content }) =>
        this.#call("notice", () => {
          this.messages.push({ to: channelId, text: content });
          return ok(undefined);
        }),
    };
  }
}

/** A match as FACEIT tells it. */
export function faceitMatch(
  status: string,
  version: number,
  sides: FaceitMatch["rosters"],
): FaceitMatch {
  return {
    matchId: MATCH_ID,
    owners: ["hub", "organizer"],
    version,
    status,
    game: "cs2",
    region: "EU",
    competition: "Nordic Night Hub",
    map: null,
    bestOf: 1,
    url: null,
    demoUrl: null,
    scheduledAt: null,
    rosters: sides,
  };
}

/** Rosters of players `a1…` and `b1…`. */
export function rosters(
  first: readonly string[] = ["a1", "a2"],
  second: readonly string[] = ["b1", "b2"],
): Readonly<Record<Faction, Roster>> {
  const side = (name: string, ids: readonly string[]): Roster => ({
    name,
    players: ids.map((playerId) => ({ playerId, nickname: playerId, skillLevel: 5 })),
  });
  return { faction1: side("team_aurora", first), faction2: side("team_borealis", second) };
}

/** What must hold once everything that was to happen has happened; sentences about what does not. */
export function unsettled(match: VirtualMatch): string[] {
  const { faceit, state, record } = match;
  const wrong: string[] = [];
  const isOver = ENDED_STATUSES.has(faceit.status);
  if (state === null) return wrong;
  if (record !== null && record.revision !== state.revision) wrong.push("the hub is behind");
  if (state.match !== null && match.stored?.revision !== state.revision) wrong.push("D1 is behind");
  if (isOver || state.phase !== "live") {
    if (!isOver) wrong.push("closed although FACEIT says that it is live");
    if (match.ours.length > 0) wrong.push(`channels are left: ${match.ours.length}`);
    if (match.rows.size > 0) wrong.push("rows are left");
    if (record !== null && record.state !== "ended") wrong.push("clients think that it is live");
    return wrong;
  }
  if (faceit.rosters === null) return wrong;
  const taken = new Set<string>();
  for (const faction of FACTIONS) {
    const people = faceit.rosters[faction].players.flatMap(({ playerId }) => {
      const discordId = match.links.get(playerId);
      return discordId === undefined || taken.has(discordId) ? [] : [discordId];
    });
    for (const userId of people) taken.add(userId);
    const channels = match.ours.filter(({ name }) => name.endsWith(faction));
    if (channels.length !== 1) wrong.push(`${faction} has ${channels.length} channels`);
    if (match.rows.get(faction) !== channels[0]?.id) wrong.push(`the row of ${faction} is wrong`);
    if (record?.factions[faction].room?.channelId !== channels[0]?.id) {
      wrong.push(`clients have another room of ${faction}`);
    }
    const wanted = people.filter((userId) => match.members.has(userId)).toSorted();
    if (match.accessOf(faction).toSorted().join() !== wanted.join()) {
      wrong.push(`${faction} lets in ${match.accessOf(faction).join()} and not ${wanted.join()}`);
    }
  }
  return wrong;
}

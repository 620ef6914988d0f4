import type { MatchDiscord } from "../features/matches/ports.ts";
import type { DiscordFailure } from "../platform/discord/call.ts";
import type { GuildChannel } from "../platform/discord/operations.ts";
import { err, ok, type Result } from "../platform/result.ts";

/** A fault of a call to Discord. `late`: no answer, and the effect comes later. */
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

export const GUILD = "100";
export const LOBBY = "lobby";
export const CATEGORY = "category";
export const BOT = "bot";
const MOVE_MEMBERS = 1n << 24n;
/** Discord's limit of channels in a category. */
const CATEGORY_MAX = 50;

/** The process ended at this point. */
export class Crash extends Error {}

/** `owner`: the match that created it; null: it belongs to no match. */
export type VirtualChannel = GuildChannel & { readonly owner: string | null };

/** A Discord guild. Several matches may share it. */
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

/** Discord as matches see it, with faults on request. */
export class VirtualDiscord {
  readonly guild: MatchGuild;
  readonly closedToMessages = new Set<string>();
  /** Users who have left voice, of which the hub does not know yet. */
  readonly gone = new Set<string>();
  readonly messages: { readonly to: string; readonly text: string }[] = [];
  readonly moves: { readonly userId: string; readonly channelId: string | null }[] = [];
  /** Names of the calls to Discord, newest last. */
  readonly calls: string[] = [];
  guildMax = 500;
  /** Ids of categories, lobbies, text channels and roles that were deleted. */
  readonly deleted = new Set<string>();
  faults: CallFault[] = [];
  /** Faults of the next calls with a name. */
  readonly faultsOf = new Map<string, CallFault[]>();
  /** Whether the bot may move members. Without this permission it cannot grant it, not even to itself. */
  botMayMove = true;
  /** The failure that `refused` returns. */
  refusal: DiscordFailure = { kind: "refused", status: 403, code: 50_013, message: "Missing" };

  /** The pause that `rate limited` requires, milliseconds. */
  pauseMs = 3_000;
  /** Effects of `late` calls. */
  protected readonly late: (() => void)[] = [];

  constructor(guild: MatchGuild) {
    this.guild = guild;
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

  addForeign(name: string, parentId: string | null = CATEGORY): string {
    const id = this.guild.nextId("f");
    this.channels.set(id, { id, name, type: 2, parentId, overwrites: [], owner: null });
    return id;
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
        this.late.push(() => void effect());
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

  /** Discord as one match calls it. */
  client(matchId: string): MatchDiscord {
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
          if (parentId !== null && this.deleted.has(parentId)) {
            const formErrors = ["CHANNEL_PARENT_INVALID"];
            return err({ kind: "refused", status: 400, code: 50_035, message: "", formErrors });
          }
          if ((overwrites ?? []).some(({ id }) => this.deleted.has(id))) return refuse(50_028);
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
          this.channels.set(id, { ...channel, owner: matchId });
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
          if (channelId !== null && this.deleted.has(channelId)) return refuse(10_003, 404);
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
          if (this.deleted.has(channelId)) return refuse(10_003, 404);
          this.messages.push({ to: channelId, text: content });
          return ok(undefined);
        }),
    };
  }
}

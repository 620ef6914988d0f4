import { z } from "zod";
import type { Voice } from "./checker.ts";
import type { Stack } from "./stack.ts";

const VOICE_CHANNEL = 2;

const State = z.object({
  channels: z.array(
    z.object({ id: z.string(), name: z.string(), type: z.number(), guild_id: z.string() }),
  ),
  voiceStates: z.array(z.object({ user_id: z.string(), channel_id: z.string().nullable() })),
  gateway: z.object({
    connected: z.boolean(),
    identifies: z.number(),
    resumes: z.number(),
    seq: z.number(),
  }),
});

/** What is done to the bot's gateway connection. */
export type GatewayFault = {
  readonly action:
    | "drop"
    | "reconnect"
    | "invalidate"
    | "zombie"
    | "outage"
    | "restore"
    | "unanswered";
  readonly code?: number;
  readonly resumable?: boolean;
  readonly ms?: number;
  readonly times?: number;
};

const Messages = z.array(
  z.object({
    channelId: z.string(),
    recipientId: z.string().optional(),
    content: z.string(),
    buttons: z.array(z.object({ label: z.string(), url: z.string() })),
    at: z.string(),
  }),
);

const Calls = z.array(
  z.object({
    n: z.number(),
    at: z.string(),
    method: z.string(),
    path: z.string(),
    status: z.number(),
  }),
);

const CommandReply = z.object({
  status: z.number(),
  content: z.string(),
  ephemeral: z.boolean(),
  buttons: z.array(z.object({ label: z.string(), url: z.string() })),
});

/** A slash command as somebody uses it. */
export type CommandUse = {
  readonly userId: string;
  readonly command: string;
  readonly options?: Readonly<Record<string, string>>;
  /** What the member may do, a bit set as a decimal string. */
  readonly permissions?: string;
  readonly guildId?: string;
};

/** What the next REST calls get; of which calls, when `method` or `path` says so. */
export type RestFault = {
  readonly status?: number;
  readonly times: number;
  /** So many of them pass first. */
  readonly skip?: number;
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Below `/api/v10`; `:name` is any one part, a last `*` any rest. */
  readonly path?: string;
  readonly code?: number;
  readonly message?: string;
  /** Seconds, or the header as it stands; null: none. */
  readonly retryAfter?: number | string | null;
  /** A page of what stands in front of Discord. */
  readonly html?: boolean;
  /** Instead of the answer's JSON. */
  readonly body?: unknown;
  /** Of a 429: user, global or shared. */
  readonly scope?: string;
  readonly afterEffect?: boolean;
};

/** The local Discord as the person at its controls sees it. */
export class LocalDiscord {
  readonly #stack: Stack;

  constructor(stack: Stack) {
    this.#stack = stack;
  }

  /** Everything it holds. */
  async state(): Promise<z.infer<typeof State>> {
    return State.parse(await this.#stack.control("GET", "/state"));
  }

  /** Moves a user; null: out of voice. */
  async move(userId: string, channelId: string | null, selfMute = false): Promise<void> {
    await this.#stack.control("POST", "/voice", { userId, channelId, selfMute });
  }

  /** Deletes a channel by hand. */
  async deleteChannel(channelId: string): Promise<void> {
    await this.#stack.control("DELETE", `/channels/${channelId}`);
  }

  /** Makes a channel by hand and returns its id. */
  async createChannel(name: string): Promise<string> {
    const made = await this.#stack.control("POST", "/channels", { name });
    return z.object({ id: z.string() }).parse(made).id;
  }

  /** Makes a guild with the bot in it and returns its id. */
  async createGuild(name: string): Promise<string> {
    return z
      .object({ id: z.string() })
      .parse(await this.#stack.control("POST", "/guilds", { name })).id;
  }

  /** Breaks or repairs the bot's gateway connection. */
  async gateway(fault: GatewayFault): Promise<void> {
    await this.#stack.control("POST", "/gateway", fault);
  }

  /** Loses, doubles or distorts every event of a name; with nothing said it is as usual again. */
  async events(
    event: string,
    fault: { readonly copies?: number; readonly merge?: Readonly<Record<string, unknown>> } = {},
  ): Promise<void> {
    await this.#stack.control("POST", "/events", { event, ...fault });
  }

  /** Breaks the next REST calls. */
  async rest(fault: RestFault): Promise<void> {
    await this.#stack.control("POST", "/rest", fault);
  }

  /** The last REST calls with what they were answered, oldest first. */
  async calls(): Promise<z.infer<typeof Calls>> {
    return Calls.parse(await this.#stack.control("GET", "/calls"));
  }

  /** The last messages of the bot, oldest first. */
  async messages(): Promise<z.infer<typeof Messages>> {
    return Messages.parse(await this.#stack.control("GET", "/messages"));
  }

  /** Uses a slash command and gives what the person sees of the answer. */
  async use(command: CommandUse): Promise<z.infer<typeof CommandReply>> {
    return CommandReply.parse(await this.#stack.control("POST", "/interactions", command));
  }

  /** Checks the interactions endpoint as Discord does before it takes the address. */
  async checkInteractions(): Promise<void> {
    await this.#stack.control("POST", "/interactions/ping");
  }

  /** Makes somebody a member of the primary guild, or takes them out of it. */
  async setMember(userId: string, member: boolean): Promise<void> {
    await this.#stack.control("POST", "/members", { userId, member });
  }

  /** Changes what somebody is called, or whether the bot may write to them. */
  async changeUser(
    userId: string,
    changes: {
      readonly username?: string;
      readonly globalName?: string | null;
      readonly acceptsDirectMessages?: boolean;
    },
  ): Promise<void> {
    await this.#stack.control("POST", `/users/${userId}`, changes);
  }

  /** Names of the voice channels of a guild. */
  async voiceChannels(guildId: string): Promise<readonly string[]> {
    const { channels } = await this.state();
    return channels
      .filter(({ type, guild_id }) => type === VOICE_CHANNEL && guild_id === guildId)
      .map(({ name }) => name);
  }

  /** Who is in each of these channels. */
  async membersOf(channelIds: readonly string[]): Promise<Voice> {
    const { voiceStates } = await this.state();
    return new Map(
      channelIds.map((channelId) => [
        channelId,
        new Set(
          voiceStates
            .filter((state) => state.channel_id === channelId)
            .map(({ user_id }) => user_id),
        ),
      ]),
    );
  }
}

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
  readonly action: "drop" | "reconnect" | "invalidate" | "zombie" | "outage" | "restore";
  readonly code?: number;
  readonly resumable?: boolean;
  readonly ms?: number;
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

  /** Breaks the next REST calls. */
  async rest(fault: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#stack.control("POST", "/rest", fault);
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

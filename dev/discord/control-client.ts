import { z } from "zod";
import { callControl } from "../doubles/control.ts";
import type { GatewayFault } from "./control.ts";
import type { CommandUse, UserChanges } from "./control-people.ts";
import type { EventFault, RestFaultBody } from "./faults.ts";

const VOICE_CHANNEL = 2;

const Created = z.object({ id: z.string() });
const Buttons = z.array(z.object({ label: z.string(), url: z.string() }));

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

const Messages = z.array(
  z.object({
    channelId: z.string(),
    recipientId: z.string().optional(),
    content: z.string(),
    buttons: Buttons,
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
  buttons: Buttons,
});

/** The local Discord as the person at its controls sees it (README.md, Control API). */
export class DiscordControl {
  readonly #double: { readonly url: string };

  /** @param double where the local Discord listens */
  constructor(double: { readonly url: string }) {
    this.#double = double;
  }

  /** Everything it holds. */
  async state(): Promise<z.infer<typeof State>> {
    return State.parse(await callControl(this.#double, "GET", "/state"));
  }

  /** Moves a user; null: out of voice. */
  async move(userId: string, channelId: string | null, selfMute = false): Promise<void> {
    await this.#post("/voice", { userId, channelId, selfMute });
  }

  /** Deletes a channel by hand. */
  async deleteChannel(channelId: string): Promise<void> {
    await callControl(this.#double, "DELETE", `/channels/${channelId}`);
  }

  /** Makes a channel by hand and returns its id. */
  async createChannel(name: string): Promise<string> {
    return Created.parse(await this.#post("/channels", { name })).id;
  }

  /** Makes a guild with the bot in it and returns its id. */
  async createGuild(name: string): Promise<string> {
    return Created.parse(await this.#post("/guilds", { name })).id;
  }

  /** Breaks or repairs the bot's gateway connection. */
  async gateway(fault: GatewayFault): Promise<void> {
    await this.#post("/gateway", fault);
  }

  /** Loses, doubles or distorts every event of a name; with nothing said it is as usual again. */
  async events(fault: z.input<typeof EventFault>): Promise<void> {
    await this.#post("/events", fault);
  }

  /** Breaks the next REST calls. */
  async rest(fault: z.input<typeof RestFaultBody>): Promise<void> {
    await this.#post("/rest", fault);
  }

  /** The last REST calls with what they were answered, oldest first. */
  async calls(): Promise<z.infer<typeof Calls>> {
    return Calls.parse(await callControl(this.#double, "GET", "/calls"));
  }

  /** The last messages of the bot, oldest first. */
  async messages(): Promise<z.infer<typeof Messages>> {
    return Messages.parse(await callControl(this.#double, "GET", "/messages"));
  }

  /** Uses a slash command and gives what the person sees of the answer. */
  async use(command: CommandUse): Promise<z.infer<typeof CommandReply>> {
    return CommandReply.parse(await this.#post("/interactions", command));
  }

  /** Checks the interactions endpoint as Discord does before it takes the address. */
  async checkInteractions(): Promise<void> {
    await this.#post("/interactions/ping");
  }

  /** Makes somebody a member of the primary guild, or takes them out of it. */
  async setMember(userId: string, member: boolean): Promise<void> {
    await this.#post("/members", { userId, member });
  }

  /** Changes what somebody is called, or whether the bot may write to them. */
  async changeUser(userId: string, changes: UserChanges): Promise<void> {
    await this.#post(`/users/${userId}`, changes);
  }

  /** Names of the voice channels of a guild. */
  async voiceChannels(guildId: string): Promise<readonly string[]> {
    const { channels } = await this.state();
    return channels
      .filter(({ type, guild_id }) => type === VOICE_CHANNEL && guild_id === guildId)
      .map(({ name }) => name);
  }

  /** Who is in each of these channels. */
  async membersOf(
    channelIds: readonly string[],
  ): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
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

  #post(path: string, body?: unknown): Promise<unknown> {
    return callControl(this.#double, "POST", path, body);
  }
}

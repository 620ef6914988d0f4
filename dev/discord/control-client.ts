import type { z } from "zod";
import { ControlClient } from "../doubles/control.ts";
import type { controlState, GatewayFault } from "./control.ts";
import type { CommandUse, UserChanges } from "./control-people.ts";
import type { EventFault, RestFaultBody } from "./faults.ts";
import type { CommandReply } from "./interactions/endpoint.ts";
import { isVoice, type MessageRecord } from "./model.ts";
import type { AnsweredCall } from "./rest/recording.ts";

/** The local Discord as the person at its controls sees it (README.md, Control API). */
export class DiscordControl extends ControlClient {
  /** Everything it holds. */
  state(): Promise<ReturnType<typeof controlState>> {
    return this.get("/state");
  }

  /** Moves a user; null: out of voice. */
  move(userId: string, channelId: string | null, selfMute = false): Promise<unknown> {
    return this.post("/voice", { userId, channelId, selfMute });
  }

  /** Deletes a channel by hand. */
  deleteChannel(channelId: string): Promise<unknown> {
    return this.delete(`/channels/${channelId}`);
  }

  /** Makes a channel by hand and returns its id. */
  async createChannel(name: string): Promise<string> {
    return (await this.post<{ id: string }>("/channels", { name })).id;
  }

  /** Makes a guild with the bot in it and returns its id. */
  async createGuild(name: string): Promise<string> {
    return (await this.post<{ id: string }>("/guilds", { name })).id;
  }

  /** Breaks or repairs the bot's gateway connection. */
  gateway(fault: GatewayFault): Promise<unknown> {
    return this.post("/gateway", fault);
  }

  /** Loses, doubles or distorts every event of a name; with nothing said it is as usual again. */
  events(fault: z.input<typeof EventFault>): Promise<unknown> {
    return this.post("/events", fault);
  }

  /** Breaks the next REST calls. */
  rest(fault: z.input<typeof RestFaultBody>): Promise<unknown> {
    return this.post("/rest", fault);
  }

  /** The last REST calls with what they were answered, oldest first. */
  calls(): Promise<readonly AnsweredCall[]> {
    return this.get("/calls");
  }

  /** The last messages of the bot, oldest first. */
  messages(): Promise<readonly MessageRecord[]> {
    return this.get("/messages");
  }

  /** Uses a slash command and gives what the person sees of the answer. */
  use(command: CommandUse): Promise<CommandReply> {
    return this.post("/interactions", command);
  }

  /** Checks the interactions endpoint as Discord does before it takes the address. */
  checkInteractions(): Promise<unknown> {
    return this.post("/interactions/ping");
  }

  /** Makes somebody a member of the primary guild, or takes them out of it. */
  setMember(userId: string, member: boolean): Promise<unknown> {
    return this.post("/members", { userId, member });
  }

  /** Changes what somebody is called, or whether the bot may write to them. */
  changeUser(userId: string, changes: UserChanges): Promise<unknown> {
    return this.post(`/users/${userId}`, changes);
  }

  /** Names of the voice channels of a guild. */
  async voiceChannels(guildId: string): Promise<readonly string[]> {
    const { channels } = await this.state();
    return channels
      .filter((channel) => isVoice(channel) && channel.guild_id === guildId)
      .map(({ name }) => name);
  }

  /** Who is in each of these channels. */
  async membersOf(
    channelIds: readonly string[],
  ): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
    const { voiceStates } = await this.state();
    return new Map(
      channelIds.map((channelId) => {
        const inside = voiceStates.filter((state) => state.channelId === channelId);
        return [channelId, new Set(inside.map(({ userId }) => userId))];
      }),
    );
  }
}

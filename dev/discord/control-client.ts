import type { z } from "zod";
import { ControlClient } from "../doubles/control.ts";
import type { controlState, GatewayFault } from "./control.ts";
import type { CommandUse, UserChanges } from "./control-people.ts";
import type { EventFault, RestFaultBody } from "./faults.ts";
import type { CommandReply } from "./interactions/endpoint.ts";
import { isVoice, type MessageRecord } from "./model.ts";
import type { AnsweredCall } from "./rest/recording.ts";

/** Calls the control API of the local Discord (README.md, Control API). */
export class DiscordControl extends ControlClient {
  /** The whole state. */
  state(): Promise<ReturnType<typeof controlState>> {
    return this.get("/state");
  }

  /** Moves a user to a voice channel; null: out of voice. */
  move(userId: string, channelId: string | null, selfMute = false): Promise<unknown> {
    return this.post("/voice", { userId, channelId, selfMute });
  }

  /** Deletes a channel by hand. */
  deleteChannel(channelId: string): Promise<unknown> {
    return this.delete(`/channels/${channelId}`);
  }

  /** Creates a channel by hand and returns its id. */
  async createChannel(name: string): Promise<string> {
    return (await this.post<{ id: string }>("/channels", { name })).id;
  }

  /** Creates a guild with the bot in it and returns its id. */
  async createGuild(name: string): Promise<string> {
    return (await this.post<{ id: string }>("/guilds", { name })).id;
  }

  /** Breaks or repairs the bot's gateway connection. */
  gateway(fault: GatewayFault): Promise<unknown> {
    return this.post("/gateway", fault);
  }

  /** Drops, repeats or changes all events of a name. Without options they are normal again. */
  events(fault: z.input<typeof EventFault>): Promise<unknown> {
    return this.post("/events", fault);
  }

  /** Sets a fault for the next REST calls. */
  rest(fault: z.input<typeof RestFaultBody>): Promise<unknown> {
    return this.post("/rest", fault);
  }

  /** The last REST calls with the status of their answers, oldest first. */
  calls(): Promise<readonly AnsweredCall[]> {
    return this.get("/calls");
  }

  /** The last messages of the bot, oldest first. */
  messages(): Promise<readonly MessageRecord[]> {
    return this.get("/messages");
  }

  /** Uses a slash command. @returns the answer as the user sees it */
  use(command: CommandUse): Promise<CommandReply> {
    return this.post("/interactions", command);
  }

  /** Checks the interactions endpoint like Discord does before it saves the address. */
  checkInteractions(): Promise<unknown> {
    return this.post("/interactions/ping");
  }

  /** Adds a user to the primary guild, or removes them. */
  setMember(userId: string, member: boolean): Promise<unknown> {
    return this.post("/members", { userId, member });
  }

  /** Changes a user's names, or whether the user accepts direct messages. */
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

  /** The ids of the users in each of these channels. */
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

import { GatewayIntentBits } from "discord-api-types/v10";
import type {
  ChannelRecord,
  Dispatch,
  DispatchData,
  GuildRecord,
  RoleRecord,
  UserRecord,
  VoiceRecord,
} from "./model.ts";
import {
  channelObject,
  guildCreate,
  memberObject,
  roleObject,
  userObject,
  voiceStateObject,
  type WorldView,
} from "./objects.ts";

/** The world as it is after a change. */
type ChangedWorld = WorldView & {
  readonly guilds: ReadonlyMap<string, GuildRecord>;
  isIn(guild: GuildRecord): boolean;
};

/**
 * The gateway's events of changes in the world. The bot gets none of a guild that it is not in or that has an
 * outage, except the event that says so (contract discord.md §2). Its callers decide whether the bot sees a
 * channel: for some events that depends on how the world was before the change.
 */
export class BotEvents {
  readonly #world: ChangedWorld;
  readonly #publish: (dispatch: Dispatch) => void;

  constructor(world: ChangedWorld, publish: (dispatch: Dispatch) => void) {
    this.#world = world;
    this.#publish = publish;
  }

  /** The bot gets the whole guild. @param justJoined whether it has just joined, not seen an outage end */
  guildCreated(guild: GuildRecord, justJoined: boolean): void {
    const data = guildCreate(this.#world, guild, justJoined);
    this.#tell("GUILD_CREATE", GatewayIntentBits.Guilds, guild.id, data);
  }

  /** Without the member `unavailable` the event means that the bot was removed, with it that an outage began. */
  guildDeleted(guildId: string, reason: "removed" | "outage"): void {
    this.#publish({
      event: "GUILD_DELETE",
      intents: GatewayIntentBits.Guilds,
      guildId,
      data: { id: guildId, ...(reason === "outage" ? { unavailable: true } : {}) },
    });
  }

  roleUpdated(guildId: string, role: RoleRecord): void {
    const data = { guild_id: guildId, role: roleObject(role) };
    this.#tell("GUILD_ROLE_UPDATE", GatewayIntentBits.Guilds, guildId, data);
  }

  memberAdded(guild: GuildRecord, user: UserRecord): void {
    const data = { ...memberObject(guild, user), guild_id: guild.id };
    this.#tell("GUILD_MEMBER_ADD", GatewayIntentBits.GuildMembers, guild.id, data);
  }

  memberRemoved(guildId: string, user: UserRecord): void {
    const data = { guild_id: guildId, user: userObject(user) };
    this.#tell("GUILD_MEMBER_REMOVE", GatewayIntentBits.GuildMembers, guildId, data);
  }

  /** A change of a channel that the bot sees. */
  channel(event: "CHANNEL_CREATE" | "CHANNEL_UPDATE" | "CHANNEL_DELETE", it: ChannelRecord): void {
    this.#tell(event, GatewayIntentBits.Guilds, it.guildId, channelObject(it));
  }

  /** @param channelId where the user is now; null: the user has left */
  voiceChanged(voice: VoiceRecord, channelId: string | null): void {
    const guild = this.#world.guilds.get(voice.guildId);
    if (guild === undefined) return;
    this.#tell("VOICE_STATE_UPDATE", GatewayIntentBits.GuildVoiceStates, guild.id, {
      ...voiceStateObject(voice, channelId),
      member: memberObject(guild, this.#world.user(voice.userId)),
    });
  }

  #tell(event: string, intents: number, guildId: string, data: DispatchData): void {
    const guild = this.#world.guilds.get(guildId);
    if (guild === undefined || guild.unavailable || !this.#world.isIn(guild)) return;
    this.#publish({ event, intents, guildId, data });
  }
}

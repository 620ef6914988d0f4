import {
  type APIOverwrite,
  ChannelType,
  GatewayIntentBits,
  PermissionFlagsBits,
} from "discord-api-types/v10";
import type { Clock } from "../../src/platform/clock.ts";
import { Archive } from "./archive.ts";
import type {
  ChannelRecord,
  Dispatch,
  DispatchData,
  GuildRecord,
  UserRecord,
  VoiceRecord,
  WorldState,
} from "./model.ts";
import {
  channelObject,
  guildCreate,
  memberObject,
  roleObject,
  userObject,
  voiceStateObject,
} from "./objects.ts";
import { channelPermissions, EVERYONE_PERMISSIONS } from "./permissions.ts";
import { initialRoles, newChannel, SERVER_OWNER } from "./seed.ts";

export interface WorldPorts {
  readonly clock: Clock;
  readonly newId: () => string;
  /** Tells the gateway. */
  readonly publish: (dispatch: Dispatch) => void;
  /** Called after every change: the state has to be written. */
  readonly changed: () => void;
  /** Whether members of a deleted channel get a VOICE_STATE_UPDATE first. Discord promises none. */
  readonly voiceUpdatesOnDelete: boolean;
}

/**
 * What Discord knows: guilds, channels, users, who is in which voice channel. Every change goes
 * through here and tells the gateway what the bot may see of it (contract discord.md §2).
 */
export class World {
  readonly botId: string;
  readonly users: ReadonlyMap<string, UserRecord>;
  readonly guilds: ReadonlyMap<string, GuildRecord>;
  readonly channels: ReadonlyMap<string, ChannelRecord>;
  readonly voice: ReadonlyMap<string, VoiceRecord>;
  /** Invites, the audit log, direct channels: what the gateway tells nobody. */
  readonly archive: Archive;
  readonly #users: Map<string, UserRecord>;
  readonly #guilds: Map<string, GuildRecord>;
  readonly #channels: Map<string, ChannelRecord>;
  readonly #voice: Map<string, VoiceRecord>;
  readonly #ports: WorldPorts;

  constructor(state: WorldState, ports: WorldPorts) {
    this.botId = state.botId;
    this.users = this.#users = new Map(state.users.map((user) => [user.id, user]));
    this.guilds = this.#guilds = new Map(state.guilds.map((guild) => [guild.id, guild]));
    this.channels = this.#channels = new Map(state.channels.map((it) => [it.id, it]));
    this.voice = this.#voice = new Map(state.voice.map((voice) => [voice.userId, voice]));
    this.archive = new Archive(state, ports);
    this.#ports = ports;
  }

  /** Everything, for the state file. */
  state(): WorldState {
    return {
      botId: this.botId,
      users: [...this.#users.values()],
      guilds: [...this.#guilds.values()],
      channels: [...this.#channels.values()],
      voice: [...this.#voice.values()],
      ...this.archive.state(),
    };
  }

  /** The bot's own user. */
  bot(): UserRecord {
    return this.user(this.botId);
  }

  /** A user of any id; one who was never seen is made. */
  user(id: string): UserRecord {
    const known = this.#users.get(id);
    if (known !== undefined) return known;
    const user: UserRecord = { id, username: `user-${id}`, globalName: null, bot: false };
    this.#users.set(id, user);
    this.#ports.changed();
    return user;
  }

  /** Changes what a user is called, whether they take direct messages, or whether it is a bot. */
  updateUser(user: UserRecord, changes: Partial<Omit<UserRecord, "id">>): UserRecord {
    const updated = { ...user, ...changes };
    this.#users.set(user.id, updated);
    this.#ports.changed();
    return updated;
  }

  /** Channels of a guild in the order they were made. */
  channelsOf(guildId: string): readonly ChannelRecord[] {
    return [...this.#channels.values()].filter((channel) => channel.guildId === guildId);
  }

  /** Who is in voice in a guild. */
  voiceOf(guildId: string): readonly VoiceRecord[] {
    return [...this.#voice.values()].filter((voice) => voice.guildId === guildId);
  }

  /** Whether the bot is in the guild; it can be kicked, and the guild goes on without it. */
  isIn(guild: GuildRecord): boolean {
    return Object.hasOwn(guild.members, this.botId);
  }

  /** Whether the bot sees the channel; a hidden one is silent for it. */
  isVisible(channel: ChannelRecord): boolean {
    const guild = this.#guilds.get(channel.guildId);
    if (guild === undefined || !this.isIn(guild)) return false;
    return (
      (channelPermissions(guild, channel, this.botId) & PermissionFlagsBits.ViewChannel) !== 0n
    );
  }

  createGuild(name: string): GuildRecord {
    const id = this.#ports.newId();
    const now = new Date(this.#ports.clock()).toISOString();
    const guild: GuildRecord = {
      id,
      name,
      ownerId: SERVER_OWNER.id,
      unavailable: false,
      roles: initialRoles(id, this.#ports.newId()),
      members: { [SERVER_OWNER.id]: now, [this.botId]: now },
    };
    this.#guilds.set(id, guild);
    const lobby = { id: this.#ports.newId(), guildId: id, name: "Lobby" };
    this.#channels.set(lobby.id, newChannel({ ...lobby, type: ChannelType.GuildVoice }));
    this.#tell("GUILD_CREATE", GatewayIntentBits.Guilds, id, guildCreate(this, guild, true));
    return guild;
  }

  /** The bot is removed from the guild, and the guild is forgotten. */
  removeGuild(guildId: string): void {
    this.#guilds.delete(guildId);
    for (const channel of this.channelsOf(guildId)) this.#channels.delete(channel.id);
    for (const voice of this.voiceOf(guildId)) this.#voice.delete(voice.userId);
    this.archive.forgetGuild(guildId);
    this.#tell("GUILD_DELETE", GatewayIntentBits.Guilds, guildId, { id: guildId });
  }

  /** An outage of one guild begins or ends; REST goes on (Discord's own outages vary). */
  setAvailable(guild: GuildRecord, available: boolean): void {
    if (guild.unavailable === !available) return;
    const changed = { ...guild, unavailable: !available };
    this.#guilds.set(guild.id, changed);
    if (!this.isIn(guild)) return this.#ports.changed();
    if (available) {
      this.#tell("GUILD_CREATE", GatewayIntentBits.Guilds, guild.id, guildCreate(this, changed));
    } else {
      const data = { id: guild.id, unavailable: true };
      this.#tell("GUILD_DELETE", GatewayIntentBits.Guilds, guild.id, data);
    }
  }

  /** From now on the bot holds exactly these permissions in the guild. */
  setBotPermissions(guild: GuildRecord, permissions: bigint): void {
    const roles = guild.roles.map((role) => {
      if (role.botId === this.botId) return { ...role, permissions: permissions.toString() };
      if (role.id !== guild.id) return role;
      // The default role reaches the bot as well, so it may not give back what was taken.
      return { ...role, permissions: (EVERYONE_PERMISSIONS & permissions).toString() };
    });
    this.#guilds.set(guild.id, { ...guild, roles });
    for (const role of roles) {
      const data = { guild_id: guild.id, role: roleObject(role) };
      this.#tell("GUILD_ROLE_UPDATE", GatewayIntentBits.Guilds, guild.id, data);
    }
  }

  createChannel(
    channel: Pick<ChannelRecord, "guildId" | "type" | "name"> & Partial<ChannelRecord>,
  ): ChannelRecord {
    const siblings = this.channelsOf(channel.guildId).filter(({ type }) => type === channel.type);
    const position = Math.max(-1, ...siblings.map((sibling) => sibling.position)) + 1;
    const created = newChannel({ position, ...channel, id: this.#ports.newId() });
    this.#channels.set(created.id, created);
    this.#tellOfChannel("CHANNEL_CREATE", created, this.isVisible(created));
    return created;
  }

  updateChannel(
    channel: ChannelRecord,
    changes: Partial<Omit<ChannelRecord, "id" | "guildId" | "type">>,
  ): ChannelRecord {
    const updated = { ...channel, ...changes };
    const wasVisible = this.isVisible(channel);
    this.#channels.set(channel.id, updated);
    // The change that hides a channel is still told: with it the bot learns why it gets no more.
    this.#tellOfChannel("CHANNEL_UPDATE", updated, wasVisible || this.isVisible(updated));
    return updated;
  }

  /** Deletes a channel with its invites; whoever is inside leaves; a category frees its channels. */
  deleteChannel(channel: ChannelRecord): void {
    const visible = this.isVisible(channel);
    for (const child of this.channelsOf(channel.guildId)) {
      if (child.parentId === channel.id) this.updateChannel(child, { parentId: null });
    }
    for (const voice of this.voiceOf(channel.guildId)) {
      if (voice.channelId !== channel.id) continue;
      this.#voice.delete(voice.userId);
      if (this.#ports.voiceUpdatesOnDelete && visible) this.#tellOfVoice(voice, null);
    }
    this.#channels.delete(channel.id);
    this.archive.forgetInvitesTo(channel.id);
    this.#tellOfChannel("CHANNEL_DELETE", channel, visible);
  }

  /** A permission overwrite of a channel is set, or with null removed. */
  setOverwrite(channel: ChannelRecord, id: string, overwrite: APIOverwrite | null): ChannelRecord {
    const others = channel.overwrites.filter((it) => it.id !== id);
    return this.updateChannel(channel, {
      overwrites: overwrite === null ? others : [...others, overwrite],
    });
  }

  /**
   * Puts a user into a voice channel, moves them, or with null takes them out. What changes nothing
   * is not told; leaving a guild's channel for another guild's is told in both.
   */
  setVoice(userId: string, channel: ChannelRecord | null, selfMute?: boolean): void {
    const user = this.user(userId);
    const before = this.#voice.get(userId);
    if (channel === null) {
      if (before === undefined) return;
      this.#voice.delete(userId);
      if (this.#sees(before.channelId)) this.#tellOfVoice(before, null);
      this.#ports.changed();
      return;
    }
    const stays = before?.channelId === channel.id;
    const muted = selfMute ?? before?.selfMute ?? false;
    if (stays && before.selfMute === muted) return;
    this.join(channel.guildId, user);
    const after: VoiceRecord = {
      userId,
      guildId: channel.guildId,
      channelId: channel.id,
      sessionId: before?.sessionId ?? crypto.randomUUID().replaceAll("-", ""),
      selfMute: muted,
    };
    this.#voice.set(userId, after);
    const wasSeen = before !== undefined && this.#sees(before.channelId);
    if (before !== undefined && wasSeen && before.guildId !== channel.guildId) {
      this.#tellOfVoice(before, null);
    }
    if (this.isVisible(channel)) this.#tellOfVoice(after, channel.id);
    // Into a hidden channel: for the bot the user is gone.
    else if (wasSeen && before.guildId === channel.guildId) this.#tellOfVoice(before, null);
    this.#ports.changed();
  }

  /** Makes a user a member; one who is already stays as they are. The bot is told of all there is. */
  join(guildId: string, user: UserRecord): void {
    const guild = this.#guilds.get(guildId);
    if (guild === undefined || Object.hasOwn(guild.members, user.id)) return;
    const joinedAt = new Date(this.#ports.clock()).toISOString();
    const joined = { ...guild, members: { ...guild.members, [user.id]: joinedAt } };
    this.#guilds.set(guildId, joined);
    if (user.id === this.botId) {
      const data = guildCreate(this, joined, true);
      return this.#tell("GUILD_CREATE", GatewayIntentBits.Guilds, guildId, data);
    }
    this.#tell("GUILD_MEMBER_ADD", GatewayIntentBits.GuildMembers, guildId, {
      ...memberObject(joined, user),
      guild_id: guildId,
    });
  }

  /**
   * A member leaves the guild, and its voice channels with it. The overwrites for them stay. When it
   * is the bot, the guild goes on and the bot hears nothing of it until it is back.
   */
  leave(guildId: string, user: UserRecord): void {
    const guild = this.#guilds.get(guildId);
    if (guild === undefined || !Object.hasOwn(guild.members, user.id)) return;
    if (this.#voice.get(user.id)?.guildId === guildId) this.setVoice(user.id, null);
    const { [user.id]: _, ...members } = guild.members;
    this.#guilds.set(guildId, { ...guild, members });
    if (user.id === this.botId) {
      return this.#tell("GUILD_DELETE", GatewayIntentBits.Guilds, guildId, { id: guildId });
    }
    const data = { guild_id: guildId, user: userObject(user) };
    this.#tell("GUILD_MEMBER_REMOVE", GatewayIntentBits.GuildMembers, guildId, data);
  }

  #sees(channelId: string): boolean {
    const channel = this.#channels.get(channelId);
    return channel !== undefined && this.isVisible(channel);
  }

  #tellOfChannel(event: string, channel: ChannelRecord, visible: boolean): void {
    if (visible)
      this.#tell(event, GatewayIntentBits.Guilds, channel.guildId, channelObject(channel));
    else this.#ports.changed();
  }

  #tellOfVoice(voice: VoiceRecord, channelId: string | null): void {
    const guild = this.#guilds.get(voice.guildId);
    if (guild === undefined) return;
    this.#tell("VOICE_STATE_UPDATE", GatewayIntentBits.GuildVoiceStates, voice.guildId, {
      ...voiceStateObject(voice, channelId),
      member: memberObject(guild, this.user(voice.userId)),
    });
  }

  #tell(event: string, intents: number, guildId: string, data: DispatchData): void {
    const guild = this.#guilds.get(guildId);
    const hears = guild === undefined || (this.isIn(guild) && !guild.unavailable);
    const silent = !hears && event !== "GUILD_DELETE";
    if (!silent) this.#ports.publish({ event, intents, guildId, data });
    this.#ports.changed();
  }
}

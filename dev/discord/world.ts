import { type APIOverwrite, ChannelType, PermissionFlagsBits } from "discord-api-types/v10";
import type { Clock } from "../../src/platform/clock.ts";
import { Archive } from "./archive.ts";
import { BotEvents } from "./bot-events.ts";
import type {
  ChannelRecord,
  Dispatch,
  GuildRecord,
  UserRecord,
  VoiceRecord,
  WorldState,
} from "./model.ts";
import { channelPermissions, EVERYONE_PERMISSIONS } from "./permissions.ts";
import { initialRoles, newChannel, SERVER_OWNER } from "./seed.ts";

export interface WorldPorts {
  readonly clock: Clock;
  readonly newId: () => string;
  /** Sends a dispatch to the gateway. */
  readonly publish: (dispatch: Dispatch) => void;
  /** Called after every change, to write the state. */
  readonly changed: () => void;
  /** Whether members of a deleted channel get a VOICE_STATE_UPDATE first. Discord promises none. */
  readonly voiceUpdatesOnDelete: boolean;
}

/**
 * The state of Discord: guilds, channels, users and voice states. Every change is made here and sends the gateway
 * the events that the bot may see (contract discord.md §2).
 */
export class World {
  readonly botId: string;
  readonly users: ReadonlyMap<string, UserRecord>;
  readonly guilds: ReadonlyMap<string, GuildRecord>;
  readonly channels: ReadonlyMap<string, ChannelRecord>;
  readonly voice: ReadonlyMap<string, VoiceRecord>;
  /** State without gateway events: invites, the audit log, direct channels, messages and commands. */
  readonly archive: Archive;
  readonly #users: Map<string, UserRecord>;
  readonly #guilds: Map<string, GuildRecord>;
  readonly #channels: Map<string, ChannelRecord>;
  readonly #voice: Map<string, VoiceRecord>;
  readonly #ports: WorldPorts;
  readonly #events: BotEvents;

  constructor(state: WorldState, ports: WorldPorts) {
    this.botId = state.botId;
    this.users = this.#users = new Map(state.users.map((user) => [user.id, user]));
    this.guilds = this.#guilds = new Map(state.guilds.map((guild) => [guild.id, guild]));
    this.channels = this.#channels = new Map(state.channels.map((it) => [it.id, it]));
    this.voice = this.#voice = new Map(state.voice.map((voice) => [voice.userId, voice]));
    this.archive = new Archive(state, ports);
    this.#ports = ports;
    this.#events = new BotEvents(this, ports.publish);
  }

  /** The whole state, for the state file. */
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

  /** The user; created if unknown. */
  user(id: string): UserRecord {
    const known = this.#users.get(id);
    if (known !== undefined) return known;
    const user: UserRecord = { id, username: `user-${id}`, globalName: null, bot: false };
    this.#users.set(id, user);
    this.#ports.changed();
    return user;
  }

  /** Changes a user's names, whether the user accepts direct messages, or whether the user is a bot. */
  updateUser(user: UserRecord, changes: Partial<Omit<UserRecord, "id">>): UserRecord {
    const updated = { ...user, ...changes };
    this.#users.set(user.id, updated);
    this.#ports.changed();
    return updated;
  }

  /** Channels of a guild in the order of creation. */
  channelsOf(guildId: string): readonly ChannelRecord[] {
    return [...this.#channels.values()].filter((channel) => channel.guildId === guildId);
  }

  /** Voice states of a guild. */
  voiceOf(guildId: string): readonly VoiceRecord[] {
    return [...this.#voice.values()].filter((voice) => voice.guildId === guildId);
  }

  /** Whether the bot is in the guild. After a kick the guild goes on without it. */
  isIn(guild: GuildRecord): boolean {
    return Object.hasOwn(guild.members, this.botId);
  }

  /** Whether the bot sees the channel. It gets no events of a hidden channel. */
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
    this.#events.guildCreated(guild, true);
    this.#ports.changed();
    return guild;
  }

  /** Removes the bot from the guild, if it is in it, and deletes the guild. */
  removeGuild(guildId: string): void {
    this.leave(guildId, this.bot());
    this.#guilds.delete(guildId);
    for (const channel of this.channelsOf(guildId)) this.#channels.delete(channel.id);
    for (const voice of this.voiceOf(guildId)) this.#voice.delete(voice.userId);
    this.archive.forgetGuild(guildId);
    this.#ports.changed();
  }

  /** Begins or ends an outage of one guild. REST still works (Discord's own outages vary). */
  setAvailable(guild: GuildRecord, available: boolean): void {
    if (guild.unavailable === !available) return;
    const changed = { ...guild, unavailable: !available };
    this.#guilds.set(guild.id, changed);
    this.#ports.changed();
    if (!this.isIn(guild)) return;
    if (available) this.#events.guildCreated(changed, false);
    else this.#events.guildDeleted(guild.id, "outage");
  }

  /** Sets the bot's permissions in the guild to exactly these. */
  setBotPermissions(guild: GuildRecord, permissions: bigint): void {
    const roles = guild.roles.map((role) => {
      if (role.botId === this.botId) return { ...role, permissions: permissions.toString() };
      if (role.id !== guild.id) return role;
      // The bot has the default role, too, so that role must not grant a removed permission.
      return { ...role, permissions: (EVERYONE_PERMISSIONS & permissions).toString() };
    });
    this.#guilds.set(guild.id, { ...guild, roles });
    for (const role of roles) this.#events.roleUpdated(guild.id, role);
    this.#ports.changed();
  }

  createChannel(
    channel: Pick<ChannelRecord, "guildId" | "type" | "name"> & Partial<ChannelRecord>,
  ): ChannelRecord {
    const siblings = this.channelsOf(channel.guildId).filter(({ type }) => type === channel.type);
    const position = Math.max(-1, ...siblings.map((sibling) => sibling.position)) + 1;
    const created = newChannel({ position, ...channel, id: this.#ports.newId() });
    this.#channels.set(created.id, created);
    if (this.isVisible(created)) this.#events.channel("CHANNEL_CREATE", created);
    this.#ports.changed();
    return created;
  }

  updateChannel(
    channel: ChannelRecord,
    changes: Partial<Omit<ChannelRecord, "id" | "guildId" | "type">>,
  ): ChannelRecord {
    const updated = { ...channel, ...changes };
    const wasVisible = this.isVisible(channel);
    this.#channels.set(channel.id, updated);
    // The update that hides a channel is still sent: it tells the bot why no more events follow.
    if (wasVisible || this.isVisible(updated)) this.#events.channel("CHANNEL_UPDATE", updated);
    this.#ports.changed();
    return updated;
  }

  /** Deletes a channel with its invites. Users inside leave voice, and channels of a category lose it. */
  deleteChannel(channel: ChannelRecord): void {
    const visible = this.isVisible(channel);
    for (const child of this.channelsOf(channel.guildId)) {
      if (child.parentId === channel.id) this.updateChannel(child, { parentId: null });
    }
    for (const voice of this.voiceOf(channel.guildId)) {
      if (voice.channelId !== channel.id) continue;
      this.#voice.delete(voice.userId);
      if (this.#ports.voiceUpdatesOnDelete && visible) this.#events.voiceChanged(voice, null);
    }
    this.#channels.delete(channel.id);
    this.archive.forgetInvitesTo(channel.id);
    if (visible) this.#events.channel("CHANNEL_DELETE", channel);
    this.#ports.changed();
  }

  /** Sets a permission overwrite of a channel; null removes it. */
  setOverwrite(channel: ChannelRecord, id: string, overwrite: APIOverwrite | null): ChannelRecord {
    const others = channel.overwrites.filter((it) => it.id !== id);
    return this.updateChannel(channel, {
      overwrites: overwrite === null ? others : [...others, overwrite],
    });
  }

  /**
   * Puts a user into a voice channel or moves them; null: out of voice. A call that changes nothing sends no
   * event. A move to another guild sends an event in both guilds.
   */
  setVoice(userId: string, channel: ChannelRecord | null, selfMute?: boolean): void {
    const user = this.user(userId);
    const before = this.#voice.get(userId);
    if (channel === null) {
      if (before === undefined) return;
      this.#voice.delete(userId);
      if (this.#sees(before.channelId)) this.#events.voiceChanged(before, null);
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
      this.#events.voiceChanged(before, null);
    }
    if (this.isVisible(channel)) this.#events.voiceChanged(after, channel.id);
    // The user moved into a hidden channel: the bot sees that the user left.
    else if (wasSeen && before.guildId === channel.guildId) this.#events.voiceChanged(before, null);
    this.#ports.changed();
  }

  /** Makes a user a member, unless they are one. If it is the bot, it gets the whole guild. */
  join(guildId: string, user: UserRecord): void {
    const guild = this.#guilds.get(guildId);
    if (guild === undefined || Object.hasOwn(guild.members, user.id)) return;
    const joinedAt = new Date(this.#ports.clock()).toISOString();
    const joined = { ...guild, members: { ...guild.members, [user.id]: joinedAt } };
    this.#guilds.set(guildId, joined);
    if (user.id === this.botId) this.#events.guildCreated(joined, true);
    else this.#events.memberAdded(joined, user);
    this.#ports.changed();
  }

  /**
   * Removes a member from the guild and its voice channels. Overwrites for the member stay. If it is the bot, the
   * guild goes on, and the bot gets no events of it until it returns.
   */
  leave(guildId: string, user: UserRecord): void {
    const guild = this.#guilds.get(guildId);
    if (guild === undefined || !Object.hasOwn(guild.members, user.id)) return;
    if (this.#voice.get(user.id)?.guildId === guildId) this.setVoice(user.id, null);
    const { [user.id]: _, ...members } = guild.members;
    this.#guilds.set(guildId, { ...guild, members });
    if (user.id === this.botId) this.#events.guildDeleted(guildId, "removed");
    else this.#events.memberRemoved(guildId, user);
    this.#ports.changed();
  }

  #sees(channelId: string): boolean {
    const channel = this.#channels.get(channelId);
    return channel !== undefined && this.isVisible(channel);
  }
}

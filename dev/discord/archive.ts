import type { APIAuditLogChange } from "discord-api-types/v10";
import type { Clock } from "../../src/platform/clock.ts";
import {
  AUDIT_LOG_ENTRIES_MAX,
  type AuditLogRecord,
  type CommandRecord,
  type DirectChannelRecord,
  type InviteRecord,
  type MessageRecord,
  MESSAGES_MAX,
  type WorldState,
} from "./model.ts";

/** What a line of the audit log says; without a user it was the bot. */
type AuditLogEntry = Pick<AuditLogRecord, "guildId" | "action" | "targetId"> & {
  readonly userId?: string;
  readonly reason?: string | null;
  readonly changes?: readonly APIAuditLogChange[];
  readonly options?: Readonly<Record<string, string>>;
};

interface ArchivePorts {
  readonly clock: Clock;
  readonly newId: () => string;
  /** Called after every change: the state has to be written. */
  readonly changed: () => void;
}

/** The part of the world that REST knows and the gateway tells nobody. */
export class Archive {
  readonly #botId: string;
  readonly #directChannels: Map<string, DirectChannelRecord>;
  #invites: readonly InviteRecord[];
  #auditLog: readonly AuditLogRecord[];
  #messages: readonly MessageRecord[];
  #commands: readonly CommandRecord[];
  readonly #ports: ArchivePorts;

  constructor(state: WorldState, ports: ArchivePorts) {
    this.#botId = state.botId;
    this.#directChannels = new Map(state.directChannels.map((it) => [it.id, it]));
    this.#invites = state.invites;
    this.#auditLog = state.auditLog;
    this.#messages = state.messages ?? [];
    this.#commands = state.commands ?? [];
    this.#ports = ports;
  }

  state(): Pick<WorldState, "invites" | "auditLog" | "directChannels" | "messages" | "commands"> {
    return {
      invites: this.#invites,
      auditLog: this.#auditLog,
      directChannels: [...this.#directChannels.values()],
      messages: this.#messages,
      commands: this.#commands,
    };
  }

  forgetGuild(guildId: string): void {
    this.#invites = this.#invites.filter((invite) => invite.guildId !== guildId);
    this.#auditLog = this.#auditLog.filter((entry) => entry.guildId !== guildId);
    this.#commands = this.#commands.filter((command) => command.guildId !== guildId);
  }

  forgetInvitesTo(channelId: string): void {
    this.#invites = this.#invites.filter((invite) => invite.channelId !== channelId);
  }

  addInvite(invite: InviteRecord): void {
    this.#invites = [...this.#invites, invite];
    this.#ports.changed();
  }

  /** Invites of a guild that have not expired. */
  invitesOf(guildId: string): readonly InviteRecord[] {
    const now = this.#ports.clock();
    return this.#invites.filter(
      (it) => it.guildId === guildId && (it.maxAge === 0 || it.createdAt + it.maxAge * 1_000 > now),
    );
  }

  /** The channel between the bot and a user; made on first use. */
  directChannelWith(recipientId: string): DirectChannelRecord {
    const known = [...this.#directChannels.values()].find((it) => it.recipientId === recipientId);
    if (known !== undefined) return known;
    const channel = { id: this.#ports.newId(), recipientId };
    this.#directChannels.set(channel.id, channel);
    this.#ports.changed();
    return channel;
  }

  /** A channel between the bot and a user, by its id. */
  directChannel(id: string): DirectChannelRecord | undefined {
    return this.#directChannels.get(id);
  }

  /** Keeps a message; the oldest goes when there are too many. */
  addMessage(message: MessageRecord): void {
    this.#messages = [...this.#messages, message].slice(-MESSAGES_MAX);
    this.#ports.changed();
  }

  /** The last messages of all channels, oldest first. */
  messages(): readonly MessageRecord[] {
    return this.#messages;
  }

  /** The application's commands in a guild, or with null those of all guilds. */
  commandsOf(guildId: string | null): readonly CommandRecord[] {
    return this.#commands.filter((command) => command.guildId === guildId);
  }

  /** Replaces all commands of a guild, or with null those of all guilds. */
  setCommands(guildId: string | null, commands: readonly CommandRecord[]): void {
    const others = this.#commands.filter((command) => command.guildId !== guildId);
    this.#commands = [...others, ...commands];
    this.#ports.changed();
  }

  /** Writes a line into the guild's audit log. */
  audit(entry: AuditLogEntry): void {
    const record: AuditLogRecord = {
      changes: [],
      options: null,
      reason: null,
      userId: this.#botId,
      ...entry,
      id: this.#ports.newId(),
    };
    const ofGuild = [...this.auditLogOf(entry.guildId), record].slice(-AUDIT_LOG_ENTRIES_MAX);
    const others = this.#auditLog.filter((it) => it.guildId !== entry.guildId);
    this.#auditLog = [...others, ...ofGuild];
    this.#ports.changed();
  }

  /** The guild's audit log, oldest first. */
  auditLogOf(guildId: string): readonly AuditLogRecord[] {
    return this.#auditLog.filter((entry) => entry.guildId === guildId);
  }
}

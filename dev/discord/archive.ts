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

/** An entry for the audit log. Without `userId` the bot did it. */
type AuditLogEntry = Pick<AuditLogRecord, "guildId" | "action" | "targetId"> & {
  readonly userId?: string;
  readonly reason?: string | null;
  readonly changes?: readonly APIAuditLogChange[];
  readonly options?: Readonly<Record<string, string>>;
};

interface ArchivePorts {
  readonly clock: Clock;
  readonly newId: () => string;
  /** Called after every change, to write the state. */
  readonly changed: () => void;
}

type ArchiveState = Required<
  Pick<WorldState, "invites" | "auditLog" | "directChannels" | "messages" | "commands">
>;

/** The part of the world that is visible over REST and has no gateway events. */
export class Archive {
  readonly #botId: string;
  readonly #ports: ArchivePorts;
  #state: ArchiveState;

  constructor(state: WorldState, ports: ArchivePorts) {
    const { botId, invites, auditLog, directChannels, messages = [], commands = [] } = state;
    this.#botId = botId;
    this.#state = { invites, auditLog, directChannels, messages, commands };
    this.#ports = ports;
  }

  /** The whole state, each list oldest first. Of messages it has the last {@link MESSAGES_MAX}. */
  state(): ArchiveState {
    return this.#state;
  }

  forgetGuild(guildId: string): void {
    const { invites, auditLog, commands } = this.#state;
    this.#change({
      invites: invites.filter((invite) => invite.guildId !== guildId),
      auditLog: auditLog.filter((entry) => entry.guildId !== guildId),
      commands: commands.filter((command) => command.guildId !== guildId),
    });
  }

  forgetInvitesTo(channelId: string): void {
    const { invites } = this.#state;
    this.#change({ invites: invites.filter((invite) => invite.channelId !== channelId) });
  }

  addInvite(invite: InviteRecord): void {
    this.#change({ invites: [...this.#state.invites, invite] });
  }

  /** Invites of a guild that have not expired. */
  invitesOf(guildId: string): readonly InviteRecord[] {
    const now = this.#ports.clock();
    return this.#state.invites.filter(
      (it) => it.guildId === guildId && (it.maxAge === 0 || it.createdAt + it.maxAge * 1_000 > now),
    );
  }

  /** The channel between the bot and a user; created on first use. */
  directChannelWith(recipientId: string): DirectChannelRecord {
    const { directChannels } = this.#state;
    const known = directChannels.find((it) => it.recipientId === recipientId);
    if (known !== undefined) return known;
    const channel = { id: this.#ports.newId(), recipientId };
    this.#change({ directChannels: [...directChannels, channel] });
    return channel;
  }

  /** A channel between the bot and a user, by its id. */
  directChannel(id: string): DirectChannelRecord | undefined {
    return this.#state.directChannels.find((channel) => channel.id === id);
  }

  /** Keeps a message, and drops the oldest above {@link MESSAGES_MAX}. */
  addMessage(message: MessageRecord): void {
    this.#change({ messages: [...this.#state.messages, message].slice(-MESSAGES_MAX) });
  }

  /** The application's commands of one guild; null: its global commands. */
  commandsOf(guildId: string | null): readonly CommandRecord[] {
    return this.#state.commands.filter((command) => command.guildId === guildId);
  }

  /** Replaces the commands of one guild; null: the global commands. */
  setCommands(guildId: string | null, commands: readonly CommandRecord[]): void {
    const others = this.#state.commands.filter((command) => command.guildId !== guildId);
    this.#change({ commands: [...others, ...commands] });
  }

  /** Adds an entry to the guild's audit log. */
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
    const others = this.#state.auditLog.filter((it) => it.guildId !== entry.guildId);
    this.#change({ auditLog: [...others, ...ofGuild] });
  }

  /** The guild's audit log, oldest first. */
  auditLogOf(guildId: string): readonly AuditLogRecord[] {
    return this.#state.auditLog.filter((entry) => entry.guildId === guildId);
  }

  #change(changes: Partial<ArchiveState>): void {
    this.#state = { ...this.#state, ...changes };
    this.#ports.changed();
  }
}

import type { DiscordClient } from "../../platform/discord/operations.ts";
import type { RoomsHub } from "./hub-commands.ts";
import type { RoomRecord } from "./room-record.ts";

/** What rooms ask of Discord. */
export type RoomsDiscord = Pick<
  DiscordClient,
  | "createVoiceChannel"
  | "deleteChannel"
  | "getChannel"
  | "createInvite"
  | "findByAuditReason"
  | "botUserId"
>;

/** The reader's grants (`grantsOf`), in the form that the SQL of the list needs. */
export type Reader = {
  readonly sub: string;
  readonly discordId: string | undefined;
  /** Whether the reader has the scope `rooms:manage` and sees all rooms of the guild. */
  readonly manages: boolean;
};

/** One page of a guild's rooms, newest first. */
export type RoomsQuery = {
  readonly guildId: string;
  readonly state: "open" | "ended";
  readonly reader: Reader;
  /** Only rooms older than the one with this id. */
  readonly before: string | null;
  readonly limit: number;
};

/** The copy of all guilds' rooms for lists and look-ups (D1). */
export interface RoomsCopy {
  ofChannel(channelId: string): Promise<RoomRecord | null>;
  list(query: RoomsQuery): Promise<readonly RoomRecord[]>;
  /** Writes a record, unless the stored revision is the same or newer. A record that is `gone` is deleted. */
  write(record: RoomRecord): Promise<void>;
}

/** Late answers to requests whose outcome was unknown (rooms.md §1, Idempotency). */
export interface LateAnswers {
  /** The request succeeded: its repetition is answered with this room. */
  succeeded(room: RoomRecord): Promise<void>;
  /** The request failed: its key is free again. */
  failed(room: RoomRecord): Promise<void>;
}

/** What the use cases need. */
export type RoomsPorts = {
  readonly discord: RoomsDiscord;
  readonly hub: RoomsHub;
  readonly copy: RoomsCopy;
  readonly primaryGuildId: string;
};

/** What the tasks of a hub's rooms need from outside the hub. */
export type RoomTaskPorts = {
  readonly discord: RoomsDiscord;
  readonly copy: RoomsCopy;
  readonly answers: LateAnswers;
  /** When the last heartbeat of this guild's container arrived, milliseconds since 1970; null: none did. */
  readonly gatewayHeardAt: (guildId: string) => Promise<number | null>;
};

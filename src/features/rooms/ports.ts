import type { DiscordClient } from "../../platform/discord/operations.ts";
import type { DiscordUser } from "../../protocol/person.ts";
import type { Member, RoomRecord } from "./room-record.ts";

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

/** A room with its members. */
type LiveRoom = { readonly room: RoomRecord; readonly members: readonly Member[] };

/** A user with name and picture. */
type NamedUser = DiscordUser & { readonly userId: string };

/** A part of a name, and how many people to find. */
export type PeopleQuery = { readonly q: string; readonly limit: number };

/** The outcome of a request that was never answered. */
export type Recovered =
  | { readonly kind: "opened"; readonly room: RoomRecord }
  /** It is not known yet whether Discord created the channel. */
  | { readonly kind: "undecided" }
  /** No room came of it: it may be repeated. */
  | { readonly kind: "nothing" };

/** The rooms part of a guild's hub, the source of truth for live rooms (rooms.md §5). */
export interface RoomsHub {
  /** Records a creation before Discord is asked. The hub settles it even if the request dies. */
  reserve(room: RoomRecord): Promise<void>;
  /** Opens a room whose channel exists. `gone`: the creation had been given up, so the channel has no room. */
  open(
    room: Pick<RoomRecord, "guildId" | "id">,
    channel: { readonly id: string; readonly name: string },
  ): Promise<"opened" | "gone">;
  /** Gives up a creation: Discord certainly did not create the channel. */
  giveUp(room: Pick<RoomRecord, "guildId" | "id">): Promise<void>;
  /** Has the hub find out soon whether the channel exists. */
  doubt(room: Pick<RoomRecord, "guildId" | "id">): Promise<void>;
  /** Settles the creation of an earlier request with this key. */
  recover(guildId: string, createdBy: string, idempotencyKey: string): Promise<Recovered>;
  /** Ends the room of a channel that was deleted in Discord. Safe for a room that has ended already. */
  end(guildId: string, channelId: string): Promise<void>;
  /** Those of the channels that are rooms in the hub. */
  read(guildId: string, channelIds: readonly string[]): Promise<readonly LiveRoom[]>;
  /** People of the guild whose name contains `q`. */
  people(guildId: string, query: PeopleQuery): Promise<readonly NamedUser[]>;
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

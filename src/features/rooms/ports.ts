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

/** Who reads: what they hold (`grantsOf`), as far as the list needs it in SQL. */
export type Reader = {
  readonly sub: string;
  readonly discordId: string | undefined;
  /** Holds `rooms:manage`: sees everything in the guild. */
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
  /** Writes a record unless a newer revision stands there; one that is `gone` is removed. */
  write(record: RoomRecord): Promise<void>;
}

/** A room with who is in it. */
export type LiveRoom = { readonly room: RoomRecord; readonly members: readonly Member[] };

/** Somebody by name. */
export type NamedUser = DiscordUser & { readonly userId: string };

/** A part of somebody's name, and how many to find. */
export type PeopleQuery = { readonly q: string; readonly limit: number };

/** What became of a request whose answer was never given. */
export type Recovered =
  | { readonly kind: "opened"; readonly room: RoomRecord }
  /** Discord does not tell yet. */
  | { readonly kind: "undecided" }
  /** Nothing came of it: it may be done again. */
  | { readonly kind: "nothing" };

/** The rooms part of a guild's hub, which holds the truth about rooms that live (rooms.md §5). */
export interface RoomsHub {
  /** Before Discord is asked: from now on the creation is found and settled, whatever happens. */
  reserve(room: RoomRecord): Promise<void>;
  /** The channel exists. `gone`: the creation had been given up, so the channel is nobody's. */
  open(
    room: Pick<RoomRecord, "guildId" | "id">,
    channel: { readonly id: string; readonly name: string },
  ): Promise<"opened" | "gone">;
  /** Discord certainly did not make the channel. */
  giveUp(room: Pick<RoomRecord, "guildId" | "id">): Promise<void>;
  /** Nobody knows whether the channel exists: find out soon. */
  doubt(room: Pick<RoomRecord, "guildId" | "id">): Promise<void>;
  /** Settles what an earlier request of this person left behind. */
  recover(guildId: string, createdBy: string, idempotencyKey: string): Promise<Recovered>;
  /** The channel is deleted in Discord. Also right when the room has ended already. */
  end(guildId: string, channelId: string): Promise<void>;
  /** Those of the channels that the hub knows as rooms. */
  read(guildId: string, channelIds: readonly string[]): Promise<readonly LiveRoom[]>;
  /** People of the guild whose name has `q` in it. */
  people(guildId: string, query: PeopleQuery): Promise<readonly NamedUser[]>;
}

/** Late answers to requests whose outcome was unknown (rooms.md §1, Idempotency). */
export interface LateAnswers {
  /** The request succeeded after all: whoever repeats it gets this room. */
  succeeded(room: RoomRecord): Promise<void>;
  /** Nothing came of it: the key is free. */
  failed(room: RoomRecord): Promise<void>;
}

/** What the use cases need. */
export type RoomsPorts = {
  readonly discord: RoomsDiscord;
  readonly hub: RoomsHub;
  readonly copy: RoomsCopy;
  readonly primaryGuildId: string;
};

/** What the work of a hub's rooms needs besides the hub. */
export type RoomTaskPorts = {
  readonly discord: RoomsDiscord;
  readonly copy: RoomsCopy;
  readonly answers: LateAnswers;
  /** When the last heartbeat of this guild's container arrived, milliseconds; null: none ever did. */
  readonly gatewayHeardAt: (guildId: string) => Promise<number | null>;
};

import { z } from "zod";
import type { ChannelChange, VoiceChange } from "../../../gateway/guild-changes.ts";
import type { VoiceState } from "../../../gateway/guild-voice.ts";
import type { HubTurn } from "../../../hub/extension.ts";
import {
  roomDeleted,
  roomUpdated,
  voiceJoined,
  voiceLeft,
} from "../../../protocol/events/rooms.ts";
import { DiscordUser } from "../../../protocol/person.ts";
import type { PeopleQuery } from "../ports.ts";
import type { RoomRecord } from "../room-record.ts";

/** A user whom the hub has seen in voice. */
export type KnownPerson = DiscordUser & {
  readonly userId: string;
  /**
   * Whether the user was seen in a channel that everybody in the guild may see. Others are not listed, because
   * the list would reveal that they were in a private room.
   */
  readonly listed: boolean;
  /** Milliseconds since 1970. */
  readonly seenAt: number;
};

/** The names that a guild's hub knows, at most `PEOPLE_MAX`. */
export interface PeopleState {
  person(userId: string): DiscordUser | null;
  /** Stores a person. Once listed, always listed. @returns whether the person is new */
  savePerson(person: KnownPerson): boolean;
  /** Listed people whose name contains `q` in any case, except bots. Names that begin with it come first. */
  findPeople(query: PeopleQuery): readonly KnownPerson[];
  /** Deletes people last seen before this time, milliseconds since 1970. @returns whether anybody is left */
  forgetPeople(seenBefore: number): boolean;
}

/** What a change is about: a channel, or a user in one. */
export type ChangeSubject = {
  readonly channelId: string;
  /** Null: the change is about the channel itself. */
  readonly userId: string | null;
};

/** A change that can be held until it is decided whether its channel is a room. */
export type HeldChange = VoiceChange | ChannelChange;

/** The name of the event that reports a change. */
export const EVENT_OF: Readonly<Record<HeldChange["kind"], string>> = {
  joined: voiceJoined.name,
  left: voiceLeft.name,
  channel_updated: roomUpdated.name,
  channel_deleted: roomDeleted.name,
};

export function subjectOf(change: HeldChange): ChangeSubject {
  return { channelId: change.channelId, userId: "userId" in change ? change.userId : null };
}

const told = {
  channelId: z.string(),
  ts: z.number(),
  id: z.string().exactOptional(),
  trace: z.string().exactOptional(),
};

/** A {@link HeldChange} as it is stored. */
export const StoredChange: z.ZodType<HeldChange> = z.discriminatedUnion("kind", [
  z.object({
    ...told,
    kind: z.literal("joined"),
    userId: z.string(),
    user: DiscordUser.optional(),
  }),
  z.object({ ...told, kind: z.literal("left"), userId: z.string(), since: z.number() }),
  z.object({
    ...told,
    kind: z.literal("channel_updated"),
    name: z.string(),
    userLimit: z.number(),
  }),
  z.object({ ...told, kind: z.literal("channel_deleted") }),
]);

/** The rooms of a guild, and what readers were told about voice, as the hub stores them. */
export interface RoomsState extends PeopleState {
  room(id: string): RoomRecord | null;
  /** The room with this channel, open or ended. */
  roomOfChannel(channelId: string): RoomRecord | null;
  /** The newest room that this person requested with this idempotency key. */
  roomOfRequest(createdBy: string, idempotencyKey: string): RoomRecord | null;
  roomsIn(state: "creating" | "open"): readonly RoomRecord[];
  saveRoom(room: RoomRecord): void;
  removeRoom(id: string): void;

  /** Voice channels of the guild that are not rooms. */
  foreignChannels(): readonly string[];
  isForeign(channelId: string): boolean;
  addForeign(channelId: string): void;
  removeForeign(channelId: string): void;

  /** Channels that were first seen while rooms were being created, and may belong to one of them. */
  unsettledChannels(): readonly string[];
  /** Ids of the rooms whose channel this may be; null: it has not been seen yet, or is decided. */
  candidatesOf(channelId: string): readonly string[] | null;
  saveCandidates(channelId: string, roomIds: readonly string[]): void;
  removeCandidates(channelId: string): void;

  /** Holds a change, after those that are held already. */
  hold(change: HeldChange): void;
  heldCount(): number;
  /** The held changes, oldest first. */
  held(): readonly HeldChange[];
  /** Returns the held changes, oldest first, and removes them. */
  takeHeld(): readonly HeldChange[];
  /**
   * Whether a change of this subject must stay behind a held one. One about a user: behind those of the same user
   * and of the channel itself. One about a channel: behind all in that channel.
   */
  isAfterHeld(subject: ChangeSubject): boolean;
  /** Whether a change of this user is held. */
  isWaiting(userId: string): boolean;

  /** Since when an open room is known to be empty, milliseconds since 1970; null: it is not known to be. */
  emptySince(roomId: string): number | null;
  saveEmptySince(roomId: string, since: number | null): void;

  /**
   * Where a user is by what readers were told. It differs from the guild's voice only while a change is held, or
   * in the channel of an ended room.
   */
  publishedVoiceOf(userId: string): VoiceState | null;
  /** Who is in a channel by what readers were told, in the order in which they joined. */
  membersOf(channelId: string): readonly VoiceState[];
  savePublishedVoice(userId: string, voice: VoiceState | null): void;
  /** Whether readers were told something else about a user than the guild's voice says. */
  isPublishedVoiceBehind(userId: string): boolean;
  /**
   * Users who are in no channel, although readers were told that they are and nothing waits that would correct
   * it. There should be none; a snapshot corrects it, so that no room keeps somebody for ever.
   */
  unexplainedVoice(): readonly VoiceState[];
  /** Whether everybody in voice is known. */
  isVoiceKnown(): boolean;
}

/** The stored state, with what a turn of the hub can do. */
export type RoomsTurn = {
  readonly state: RoomsState;
  readonly hub: Pick<HubTurn, "guildId" | "now" | "publish" | "schedule" | "cancel">;
};

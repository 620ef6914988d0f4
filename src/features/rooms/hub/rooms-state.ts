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

/** Somebody whom the hub has seen in voice. */
export type KnownPerson = DiscordUser & {
  readonly userId: string;
  /**
   * Seen where everybody of the guild may look. Whoever was only in private rooms has a name there, and
   * is in no list: it would tell that somebody is in such a room.
   */
  readonly listed: boolean;
  /** Milliseconds since 1970. */
  readonly seenAt: number;
};

/** The names that a guild's hub knows: at most {@link PEOPLE_MAX}. */
export interface PeopleState {
  person(userId: string): DiscordUser | null;
  /** Keeps who was seen; once listed, always listed. @returns whether nobody knew them before */
  savePerson(person: KnownPerson): boolean;
  /** Those listed whose name has `q` in it, whatever its case; names that begin with it first. No bots. */
  findPeople(query: PeopleQuery): readonly KnownPerson[];
  /** Forgets who was not seen since, milliseconds. @returns whether somebody is left */
  forgetPeople(seenBefore: number): boolean;
}

/** What a change is about: a channel, or somebody in one. */
export type ChangeSubject = {
  readonly channelId: string;
  /** Null: it is about the channel itself. */
  readonly userId: string | null;
};

/** A change that waits until it is known whose channel it is about. */
export type HeldChange = VoiceChange | ChannelChange;

/** The event that tells such a change. */
export const EVENT_OF: Readonly<Record<HeldChange["kind"], string>> = {
  joined: voiceJoined.name,
  left: voiceLeft.name,
  channel_updated: roomUpdated.name,
  channel_deleted: roomDeleted.name,
};

/** What a change is about. */
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

/** What a guild's hub knows of rooms, and what it told of who is in voice: the storage contract of the rules in
 * `apply-change.ts`. */
export interface RoomsState extends PeopleState {
  room(id: string): RoomRecord | null;
  /** Our room with this channel, open or ended. */
  roomOfChannel(channelId: string): RoomRecord | null;
  /** The room that this request of this person asked for. */
  roomOfRequest(createdBy: string, idempotencyKey: string): RoomRecord | null;
  roomsIn(state: "creating" | "open"): readonly RoomRecord[];
  saveRoom(room: RoomRecord): void;
  removeRoom(id: string): void;

  /** Voice channels of the guild that are not our rooms. */
  foreignChannels(): readonly string[];
  isForeign(channelId: string): boolean;
  addForeign(channelId: string): void;
  removeForeign(channelId: string): void;

  /** Channels that first showed themselves while rooms were being made, and may be one of theirs. */
  unsettledChannels(): readonly string[];
  /** Ids of the rooms whose channel this may be; null: it has not shown itself yet, or is settled. */
  candidatesOf(channelId: string): readonly string[] | null;
  saveCandidates(channelId: string, roomIds: readonly string[]): void;
  removeCandidates(channelId: string): void;

  /** Keeps a change behind those that wait already. */
  hold(change: HeldChange): void;
  heldCount(): number;
  /** Changes that wait, oldest first. */
  held(): readonly HeldChange[];
  /** The same; from now on none waits. */
  takeHeld(): readonly HeldChange[];
  /**
   * Whether a change of this subject comes after one that waits: of the same user, or of the channel itself;
   * one about a channel comes after all that are of it.
   */
  isAfterHeld(subject: ChangeSubject): boolean;
  /** Whether something that this user did waits. */
  isWaiting(userId: string): boolean;

  /** Since when nobody has been in an open room, as far as that is known, milliseconds; null: it is not. */
  emptySince(roomId: string): number | null;
  saveEmptySince(roomId: string, since: number | null): void;

  /**
   * Where readers were told that somebody is. It is what the guild's voice says, unless a change waits or
   * his room has ended.
   */
  voiceOf(userId: string): VoiceState | null;
  /** The same of a channel, in the order they joined. */
  membersOf(channelId: string): readonly VoiceState[];
  saveTold(userId: string, voice: VoiceState | null): void;
  /** Whether readers were told of somebody something else than what the guild's voice says. */
  isToldApart(userId: string): boolean;
  /** Whether it is known who is in voice. */
  isVoiceKnown(): boolean;
}

/** The state together with what a turn of the hub can do. */
export type RoomsTurn = {
  readonly state: RoomsState;
  readonly hub: Pick<HubTurn, "guildId" | "now" | "publish" | "schedule" | "cancel">;
};

import { z } from "zod";
import type { VoiceKnowledge } from "../../../gateway/voice-knowledge.ts";
import type { HubTurn } from "../../../hub/extension.ts";
import type { GatewayStanding } from "../../../protocol/events/rooms.ts";
import type { DiscordUser } from "../../../protocol/person.ts";
import type { PeopleQuery } from "../ports.ts";
import type { RoomRecord, VoiceState } from "../room-record.ts";

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

/** What an event is about: a channel, or somebody in one. */
export type EventSubject = {
  readonly channelId: string;
  /** Null: it is about the channel itself. */
  readonly userId: string | null;
};

/** An event that waits until it is known whose channel it is about, as it is stored. */
export const HeldEvent = z.object({
  channelId: z.string(),
  userId: z.string().nullable(),
  event: z.object({
    id: z.string().exactOptional(),
    event: z.string(),
    payload: z.record(z.string(), z.unknown()),
    ts: z.number(),
    trace: z.string().exactOptional(),
  }),
});
export type HeldEvent = z.infer<typeof HeldEvent>;

/** What a guild's hub knows of rooms and voice: the storage contract of the rules in `apply-event.ts`. */
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

  /** Keeps an event behind those that wait already. */
  hold(event: HeldEvent): void;
  heldCount(): number;
  /** Events that wait, oldest first. */
  heldEvents(): readonly HeldEvent[];
  /** The same; from now on none waits. */
  takeHeld(): readonly HeldEvent[];
  /**
   * Whether an event of this subject comes after one that waits: of the same user, or of the channel itself;
   * one about a channel comes after all that are of it.
   */
  isAfterHeld(subject: EventSubject): boolean;

  /** Since when nobody has been in an open room, as far as that is known, milliseconds; null: it is not. */
  emptySince(roomId: string): number | null;
  saveEmptySince(roomId: string, since: number | null): void;

  voiceOf(userId: string): VoiceState | null;
  /** In the order they joined. */
  membersOf(channelId: string): readonly VoiceState[];
  voiceStates(): readonly VoiceState[];
  saveVoice(voice: VoiceState): void;
  removeVoice(userId: string): void;

  gateway(): GatewayStanding | null;
  saveGateway(standing: GatewayStanding): void;
  voiceKnowledge(): VoiceKnowledge;
  saveVoiceKnowledge(knowledge: VoiceKnowledge): void;
}

/** The state together with what a turn of the hub can do. */
export type RoomsTurn = {
  readonly state: RoomsState;
  readonly hub: Pick<HubTurn, "guildId" | "now" | "publish" | "schedule" | "cancel">;
};

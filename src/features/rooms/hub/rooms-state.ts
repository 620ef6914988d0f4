import type { HubTurn } from "../../../hub/extension.ts";
import type { GatewayStanding } from "../../../protocol/events/rooms.ts";
import type { RoomRecord, VoiceState } from "../room-record.ts";

/** What a guild's hub knows of rooms and voice: the storage contract of the rules in `apply-event.ts`. */
export interface RoomsState {
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

  voiceOf(userId: string): VoiceState | null;
  /** In the order they joined. */
  membersOf(channelId: string): readonly VoiceState[];
  voiceStates(): readonly VoiceState[];
  saveVoice(voice: VoiceState): void;
  removeVoice(userId: string): void;

  gateway(): GatewayStanding | null;
  saveGateway(standing: GatewayStanding): void;
}

/** The state together with what a turn of the hub can do. */
export type RoomsTurn = {
  readonly state: RoomsState;
  readonly hub: Pick<HubTurn, "guildId" | "now" | "publish" | "schedule" | "cancel">;
};

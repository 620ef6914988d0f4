import { z } from "zod";
import type { ChannelChange, VoiceChange } from "../../../gateway/guild-changes.ts";
import {
  roomDeleted,
  roomUpdated,
  voiceJoined,
  voiceLeft,
} from "../../../protocol/events/rooms.ts";
import { DiscordUser } from "../../../protocol/person.ts";

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

import { z } from "zod";
import { DiscordId } from "../discord-id.ts";
import { Person } from "../person.ts";
import { defineEvent } from "./define-event.ts";

const GuildId = DiscordId.meta({ description: "The guild that this happened in" });
const ChannelId = DiscordId.meta({ description: "The voice channel" });
const UserId = DiscordId.meta({ description: "The Discord user" });
/** 100 code points are at most 200 UTF-16 units, which is what zod counts. */
const ChannelName = z.string().max(200);

/** Events of rooms and voice channels (rooms.md §2). */
export const roomCreated = defineEvent(
  "room.created",
  z.object({ channelId: ChannelId, name: ChannelName, guildId: GuildId }),
  "A room was opened. Sent once, whether Discord's answer or its event came first.",
);

export const roomUpdated = defineEvent(
  "room.updated",
  z.object({
    channelId: ChannelId,
    name: ChannelName,
    guildId: GuildId,
    userLimit: z.number().int().min(0),
  }),
  "A room's name or limit changed.",
);

export const roomDeleted = defineEvent(
  "room.deleted",
  z.object({ channelId: ChannelId, guildId: GuildId }),
  "A room ended: by REST, in Discord, or because it stayed empty. Sent once.",
);

export const voiceJoined = defineEvent(
  "voice.joined",
  z.object({
    guildId: GuildId,
    channelId: ChannelId,
    userId: UserId,
    user: Person.optional().meta({
      description: "The user's name and picture, if Discord sent them",
    }),
  }),
  "A user entered a voice channel.",
);

export const voiceLeft = defineEvent(
  "voice.left",
  z.object({ guildId: GuildId, channelId: ChannelId, userId: UserId }),
  "A user left a voice channel: channelId is the one that was left.",
);

/** The state of the container's connection to Discord's gateway. */
export const GatewayState = z.enum(["connected", "resuming", "down"]);
export type GatewayState = z.infer<typeof GatewayState>;

/** The gateway's state, and since when. */
export const GatewayStanding = z.object({
  state: GatewayState,
  since: z.number().int().meta({ description: "Milliseconds since 1970" }),
});
export type GatewayStanding = z.infer<typeof GatewayStanding>;

export const gatewayState = defineEvent(
  "gateway.state",
  GatewayStanding.extend({ guildId: GuildId }),
  "The connection to Discord changed: while it is not `connected`, Discord's events come later.",
);

/** All events of this area, for the registry. */
export const ROOM_EVENTS = [roomCreated, roomUpdated, roomDeleted, voiceJoined, voiceLeft] as const;

/** The events of the gateway, which every area that uses Discord needs. */
export const GATEWAY_EVENTS = [gatewayState] as const;

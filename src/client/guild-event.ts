import type { Faction, Match, Person } from "./resources.ts";

/**
 * Payload of every event of the stream, by name. The types are written out so that the package does not need zod;
 * a test compares them with the registry.
 */
export type EventPayloads = {
  /** A room was opened. */
  readonly "room.created": {
    readonly channelId: string;
    readonly name: string;
    readonly guildId: string;
  };
  /** A room's name or limit changed. */
  readonly "room.updated": {
    readonly channelId: string;
    readonly name: string;
    readonly guildId: string;
    readonly userLimit: number;
  };
  /** A room ended. */
  readonly "room.deleted": { readonly channelId: string; readonly guildId: string };
  /** A user entered a voice channel. */
  readonly "voice.joined": {
    readonly guildId: string;
    readonly channelId: string;
    readonly userId: string;
    /** The user's name and picture, if Discord sent them. */
    readonly user?: Person | undefined;
  };
  /** A user left a voice channel. */
  readonly "voice.left": {
    readonly guildId: string;
    readonly channelId: string;
    readonly userId: string;
  };
  /** The connection to Discord changed; `since` in milliseconds since 1970. */
  readonly "gateway.state": {
    readonly guildId: string;
    readonly state: "connected" | "resuming" | "down";
    readonly since: number;
  };
  /** GuildHub has learned of a match. */
  readonly "match.created": { readonly guildId: string; readonly match: Match };
  /** A match's status, rosters, links or map changed. */
  readonly "match.updated": { readonly guildId: string; readonly match: Match };
  /** The private voice channel of one side was created. */
  readonly "match.room.created": {
    readonly guildId: string;
    readonly matchId: string;
    readonly faction: Faction;
    readonly channelId: string;
    readonly name: string;
  };
  /** The private voice channel of one side was deleted. */
  readonly "match.room.deleted": {
    readonly guildId: string;
    readonly matchId: string;
    readonly faction: Faction;
    readonly channelId: string;
  };
  /** A match ended. */
  readonly "match.ended": { readonly guildId: string; readonly match: Match };
};

/** Name of a registered event. */
export type EventName = keyof EventPayloads;

/** Payload of a registered event. */
export type PayloadOf<Name extends EventName> = EventPayloads[Name];

/** An event with a known name. The name narrows the payload. */
export type GuildEvent = {
  [Name in EventName]: { readonly event: Name; readonly payload: PayloadOf<Name> };
}[EventName];

const KNOWN: Readonly<Record<EventName, true>> = {
  "room.created": true,
  "room.updated": true,
  "room.deleted": true,
  "voice.joined": true,
  "voice.left": true,
  "gateway.state": true,
  "match.created": true,
  "match.updated": true,
  "match.room.created": true,
  "match.room.deleted": true,
  "match.ended": true,
};

/**
 * Whether the name of an event is known here, and not one of a later version or another area. The payload is not
 * checked: the hub publishes registered events only, and a test compares these types with their schemas.
 */
export function isGuildEvent(frame: {
  readonly event: string;
  readonly payload?: unknown;
}): frame is GuildEvent {
  return Object.hasOwn(KNOWN, frame.event);
}

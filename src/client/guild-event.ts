import type { z } from "zod";
import type { ROOM_EVENTS } from "../protocol/events/rooms.ts";

type Definition = (typeof ROOM_EVENTS)[number];

/** Payload of a registered event. */
export type PayloadOf<Name extends Definition["name"]> = z.infer<
  Extract<Definition, { readonly name: Name }>["payload"]
>;

/** An event whose name is known here, with its payload. */
export type GuildEvent = {
  [Name in Definition["name"]]: { readonly event: Name; readonly payload: PayloadOf<Name> };
}[Definition["name"]];

const KNOWN: Readonly<Record<Definition["name"], true>> = {
  "room.created": true,
  "room.updated": true,
  "room.deleted": true,
  "voice.joined": true,
  "voice.left": true,
  "gateway.state": true,
};

/**
 * Whether it is an event of a kind that is known here, and not of a later version or another area.
 * The hub validates a payload by the same registry before it is published.
 */
export function isGuildEvent(frame: {
  readonly event: string;
  readonly payload?: unknown;
}): frame is GuildEvent {
  return Object.hasOwn(KNOWN, frame.event);
}

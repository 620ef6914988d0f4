import { MANAGE_ROOMS_SCOPE, grantsOf, type Principal } from "../../platform/auth/principal.ts";
import { audienceOf, type RoomRecord } from "./room-record.ts";

type Who = Pick<Principal, "sub" | "scopes" | "discordId">;
type Visibility = Pick<RoomRecord, "private" | "createdBy" | "allowedUserIds">;

/** Whether a person manages all rooms of their guilds. */
export function managesRooms(who: Pick<Who, "scopes">): boolean {
  return who.scopes.includes(MANAGE_ROOMS_SCOPE);
}

/** Whether a person may see a room: the same rule as for its events (rooms.md §3). */
export function maySee(who: Who, room: Visibility): boolean {
  const audience = audienceOf(room);
  if (audience === null) return true;
  const held = new Set(grantsOf(who));
  return audience.some((one) => held.has(one));
}

/** Whether a person may end a room: its creator may, and those who manage rooms (rooms.md §1). */
export function mayEnd(who: Who, room: Pick<RoomRecord, "createdBy">): boolean {
  return room.createdBy === who.sub || managesRooms(who);
}

/** Whether a person may create invites to a room: those who may see it, while it is open. */
export function mayInvite(who: Who, room: Visibility & Pick<RoomRecord, "state">): boolean {
  return room.state === "open" && maySee(who, room);
}

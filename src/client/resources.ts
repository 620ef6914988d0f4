import { hasTexts, isRecord } from "./json-shape.ts";

/** Name and picture of a user. */
export type Person = {
  /** The name that the guild shows. */
  readonly name: string;
  /** URL of a small picture at Discord; null: none. */
  readonly avatarUrl: string | null;
};

/** A user who is in a room's voice channel now, with a name if Discord sent it. */
export type RoomMember = {
  readonly userId: string;
  /** RFC 3339. */
  readonly joinedAt: string;
  readonly name?: string | undefined;
  readonly avatarUrl?: string | null | undefined;
};

/** A room as REST answers and snapshots carry it (rooms.md §1). Times are RFC 3339. */
export type Room = {
  readonly channelId: string;
  readonly name: string;
  readonly guildId: string;
  /** 0: no limit. */
  readonly userLimit: number;
  readonly private: boolean;
  readonly createdBy: string;
  readonly createdAt: string;
  readonly state: "creating" | "open" | "ended";
  readonly endedAt: string | null;
  readonly members: readonly RoomMember[];
};

/** The two sides of a match, as FACEIT calls them. */
export type Faction = "faction1" | "faction2";

/** A player of a match. */
export type MatchPlayer = {
  readonly playerId: string;
  readonly nickname: string;
  readonly skillLevel: number | null;
  /** Null: the player has not linked Discord. */
  readonly discordId: string | null;
};

/** One side of a match. */
export type MatchSide = {
  readonly name: string;
  readonly players: readonly MatchPlayer[];
  /** Its private voice channel. */
  readonly room: { readonly channelId: string; readonly name: string } | null;
  /** Why it has no voice channel; null: no problem. */
  readonly problem: "discord_full" | "discord_refused" | "discord_unreachable" | null;
  /** Discord users who are in its channel now. */
  readonly inVoice: readonly string[];
};

/** A FACEIT match as REST answers, events and snapshots carry it. Times are RFC 3339. */
export type Match = {
  readonly matchId: string;
  readonly guildId: string;
  readonly state: "live" | "ended";
  /** FACEIT's own status: READY, ONGOING, FINISHED, … */
  readonly status: string;
  readonly game: string;
  readonly region: string;
  readonly competition: string;
  readonly map: string | null;
  readonly bestOf: number | null;
  readonly url: string | null;
  readonly demoUrl: string | null;
  /** The recordings, one for each map; `demoUrl` is the first. */
  readonly demoUrls: readonly string[];
  readonly factions: { readonly [Side in Faction]: MatchSide };
  readonly createdAt: string;
  readonly endedAt: string | null;
  /** Grows with each change of the match: a lower revision is older. */
  readonly revision: number;
};

/** Body of `POST /create-room` (rooms.md §1). */
export type NewRoom = {
  readonly name?: string;
  readonly userLimit?: number;
  readonly private?: boolean;
  readonly allowedUserIds?: readonly string[];
  readonly guildId?: string;
};

/** Answer to `POST /create-room`. */
export type CreatedRoom = {
  readonly channelId: string;
  readonly name: string;
  readonly guildId: string;
};

/** A link into a room; `expiresAt` null: it does not expire. */
export type Invite = {
  readonly url: string;
  readonly code: string;
  readonly expiresAt: string | null;
};

/** A page of rooms, newest first; `nextCursor` null: the last page. */
export type RoomsPage = {
  readonly rooms: readonly Room[];
  readonly nextCursor: string | null;
};

/** A page of matches, newest first; `nextCursor` null: the last page. */
export type MatchesPage = {
  readonly matches: readonly Match[];
  readonly nextCursor: string | null;
};

/** People by name. People who are not in it can still be given by their Discord id. */
export type People = { readonly people: readonly (Person & { readonly userId: string })[] };

/** Whether a body is a {@link CreatedRoom}. */
export function isCreatedRoom(body: unknown): body is CreatedRoom {
  return hasTexts(body, ["channelId", "name", "guildId"]);
}

/** Whether a body is a {@link Room}, as far as this client relies on it. */
export function isRoom(body: unknown): body is Room {
  return (
    hasTexts(body, ["channelId", "name", "createdBy", "createdAt"]) &&
    typeof body["userLimit"] === "number" &&
    typeof body["private"] === "boolean"
  );
}

/** Whether a body is a {@link RoomsPage}. */
export function isRoomsPage(body: unknown): body is RoomsPage {
  return isPage(body, "rooms", isRoom);
}

/** Whether a body is a {@link Match}, as far as this client relies on it. */
export function isMatch(body: unknown): body is Match {
  return hasTexts(body, ["matchId", "state", "createdAt"]) && isRecord(body["factions"]);
}

/** Whether a body is a {@link MatchesPage}. */
export function isMatchesPage(body: unknown): body is MatchesPage {
  return isPage(body, "matches", isMatch);
}

/** Whether a body is {@link People}. */
export function isPeople(body: unknown): body is People {
  return isPage(body, "people", (one) => hasTexts(one, ["userId", "name"]));
}

/** Whether a body is an object with an array under this name, whose items all pass `isOne`. */
export function isPage(
  body: unknown,
  list: string,
  isOne: (one: unknown) => boolean,
): body is Record<string, unknown> {
  const ones = isRecord(body) ? body[list] : null;
  return Array.isArray(ones) && ones.every(isOne);
}

/** Whether a body is an {@link Invite}. */
export function isInvite(body: unknown): body is Invite {
  return hasTexts(body, ["url", "code"]);
}

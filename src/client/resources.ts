/** What is known of a user besides the id. */
export type Person = {
  /** As the guild sees it. */
  readonly name: string;
  /** A small picture at Discord; null: none. */
  readonly avatarUrl: string | null;
};

/** A user who is in a room's voice channel now, with the name where Discord told it. */
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

/** Somebody who plays in a match. */
export type MatchPlayer = {
  readonly playerId: string;
  readonly nickname: string;
  readonly skillLevel: number | null;
  /** Null: has not linked Discord. */
  readonly discordId: string | null;
};

/** One side of a match. */
export type MatchSide = {
  readonly name: string;
  readonly players: readonly MatchPlayer[];
  /** Its private voice channel. */
  readonly room: { readonly channelId: string; readonly name: string } | null;
  /** What keeps it from having one. */
  readonly problem: "discord_full" | "discord_refused" | "discord_unreachable" | null;
  /** Discord users who are in its channel now. */
  readonly inVoice: readonly string[];
};

/** A FACEIT match as REST answers, events and snapshots carry it. Times are RFC 3339. */
export type Match = {
  readonly matchId: string;
  readonly guildId: string;
  readonly state: "live" | "ended";
  /** FACEIT's own: READY, ONGOING, FINISHED, … */
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
  /** Grows with each change of the match: a lower one is older. */
  readonly revision: number;
};

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

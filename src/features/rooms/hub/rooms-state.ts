import { isVoiceKnown, sqlGuildVoice, type VoiceState } from "../../../gateway/guild-voice.ts";
import type { BeforeEnd, HubTurn, Kept } from "../../../hub/extension.ts";
import { KeptRows } from "../../../hub/kept-rows.ts";
import { RoomRecord } from "../room-record.ts";
import { type ChangeSubject, type HeldChange, StoredChange, subjectOf } from "./held-change.ts";
import { sqlPeople } from "./people.ts";
import { HOLD } from "./rooms-tables.ts";

/** So many channels are kept in memory. */
const CHANNELS_KEPT = 1_000;

/**
 * The rooms of a guild, and what readers were told about voice, in the SQLite of its hub. Every event of voice asks
 * about its channel and its user, so the answers are kept in memory: only this object writes while it lives.
 */
export function sqlRoomsState(sql: SqlStorage, kept: Kept, beforeEnd: BeforeEnd) {
  const isAny = (query: string, ...bindings: readonly string[]): boolean =>
    sql.exec(query, ...bindings).toArray().length > 0;
  const records = (query: string, ...bindings: readonly string[]): RoomRecord[] =>
    sql
      .exec<{ record: string }>(query, ...bindings)
      .toArray()
      .map(({ record }) => RoomRecord.parse(JSON.parse(record)));
  const voice = kept(sqlGuildVoice);
  /** The rooms of the last channels; null: it has none. */
  const roomsByChannel = new Map<string, RoomRecord | null>();
  const foreign = once(
    () =>
      new Set(
        sql
          .exec<{ channelId: string }>("SELECT channel_id AS channelId FROM rooms_foreign")
          .toArray()
          .map(({ channelId }) => channelId),
      ),
  );
  /** The candidates of each unsettled channel, joined by spaces. */
  const unsettled = once(
    () =>
      new Map(
        sql
          .exec<{ channelId: string; roomIds: string }>(
            "SELECT channel_id AS channelId, room_ids AS roomIds FROM rooms_unsettled",
          )
          .toArray()
          .map(({ channelId, roomIds }) => [channelId, roomIds]),
      ),
  );
  /** Users about whom readers were told something else than the voice table says; null voice: in no channel. */
  const publishedApart = once(
    () =>
      new Map<string, VoiceState | null>(
        sql
          .exec<{ userId: string; channelId: string | null; since: number | null }>(
            "SELECT user_id AS userId, channel_id AS channelId, since FROM rooms_told",
          )
          .toArray()
          .map(({ userId, channelId, since }) => [
            userId,
            channelId === null ? null : { userId, channelId, since: since ?? 0 },
          ]),
      ),
  );
  const empty = new KeptRows<{ roomId: string; since: number }, { room_id: string; since: number }>(
    sql,
    {
      name: "rooms_empty",
      columns: ["room_id", "since"],
      keyOf: ({ roomId }) => roomId,
      valuesOf: ({ roomId, since }) => [roomId, since],
      rowOf: ({ room_id: roomId, since }) => ({ roomId, since }),
    },
    CHANNELS_KEPT,
    beforeEnd,
  );
  /** How many changes are held; null: not known. Mostly none is. */
  let waiting: number | null = null;
  const heldCount = (): number =>
    (waiting ??= sql.exec<{ n: number }>("SELECT count(*) AS n FROM rooms_waiting").one().n);
  const isWaiting = (userId: string): boolean =>
    heldCount() > 0 && isAny("SELECT 1 FROM rooms_waiting WHERE user_id = ? LIMIT 1", userId);
  const held = (): readonly HeldChange[] =>
    sql
      .exec<{ held: string }>("SELECT held FROM rooms_waiting ORDER BY position")
      .toArray()
      .map((row) => StoredChange.parse(JSON.parse(row.held)));

  return {
    ...sqlPeople(sql, beforeEnd),
    room: (id: string) => records("SELECT record FROM rooms_room WHERE id = ?", id)[0] ?? null,
    /** The room with this channel, open or ended. */
    roomOfChannel: (channelId: string): RoomRecord | null => {
      const known = roomsByChannel.get(channelId);
      if (known !== undefined) return known;
      const [room = null] = records(
        "SELECT record FROM rooms_room WHERE channel_id = ?",
        channelId,
      );
      if (roomsByChannel.size >= CHANNELS_KEPT) roomsByChannel.clear();
      roomsByChannel.set(channelId, room);
      return room;
    },
    /** The newest room that this person requested with this idempotency key. */
    roomOfRequest: (createdBy: string, idempotencyKey: string) =>
      records(
        `SELECT record FROM rooms_room WHERE created_by = ? AND idempotency_key = ?
         ORDER BY id DESC LIMIT 1`,
        createdBy,
        idempotencyKey,
      )[0] ?? null,
    roomsIn: (state: "creating" | "open"): readonly RoomRecord[] =>
      records("SELECT record FROM rooms_room WHERE state = ? ORDER BY id", state),
    saveRoom: (room: RoomRecord): void => {
      roomsByChannel.clear();
      sql.exec(
        `INSERT INTO rooms_room (id, channel_id, state, created_by, idempotency_key, record)
         VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET channel_id = excluded.channel_id, state = excluded.state,
           record = excluded.record`,
        room.id,
        room.channelId,
        room.state,
        room.createdBy,
        room.idempotencyKey,
        JSON.stringify(room),
      );
    },
    removeRoom: (id: string): void => {
      roomsByChannel.clear();
      sql.exec("DELETE FROM rooms_room WHERE id = ?", id);
    },

    /** Voice channels of the guild that are not rooms. */
    foreignChannels: (): readonly string[] => [...foreign()],
    isForeign: (channelId: string) => foreign().has(channelId),
    addForeign: (channelId: string): void => {
      if (foreign().has(channelId)) return;
      foreign().add(channelId);
      sql.exec("INSERT OR IGNORE INTO rooms_foreign (channel_id) VALUES (?)", channelId);
    },
    removeForeign: (channelId: string): void => {
      foreign().delete(channelId);
      sql.exec("DELETE FROM rooms_foreign WHERE channel_id = ?", channelId);
    },

    /** Channels that were first seen while rooms were being created, and may belong to one of them. */
    unsettledChannels: (): readonly string[] => [...unsettled().keys()],
    /** Ids of the rooms whose channel this may be; null: it has not been seen yet, or is decided. */
    candidatesOf: (channelId: string): readonly string[] | null => {
      return unsettled().get(channelId)?.split(" ") ?? null;
    },
    saveCandidates: (channelId: string, roomIds: readonly string[]): void => {
      unsettled().set(channelId, roomIds.join(" "));
      sql.exec(
        "INSERT OR REPLACE INTO rooms_unsettled (channel_id, room_ids) VALUES (?, ?)",
        channelId,
        roomIds.join(" "),
      );
    },
    removeCandidates: (channelId: string): void => {
      unsettled().delete(channelId);
      sql.exec("DELETE FROM rooms_unsettled WHERE channel_id = ?", channelId);
    },

    /** Holds a change, after those that are held already. */
    hold: (change: HeldChange): void => {
      const { channelId, userId } = subjectOf(change);
      waiting = heldCount() + 1;
      sql.exec(HOLD, channelId, userId, JSON.stringify(change));
    },
    heldCount,
    /** The held changes, oldest first. */
    held,
    /** Returns the held changes, oldest first, and removes them. */
    takeHeld: (): readonly HeldChange[] => {
      const taken = held();
      waiting = 0;
      sql.exec("DELETE FROM rooms_waiting");
      return taken;
    },
    /**
     * Whether a change of this subject must stay behind a held one. One about a user: behind those of the same
     * user and of the channel itself. One about a channel: behind all in that channel.
     */
    isAfterHeld: ({ channelId, userId }: ChangeSubject): boolean => {
      if (heldCount() === 0) return false;
      return userId === null
        ? isAny("SELECT 1 FROM rooms_waiting WHERE channel_id = ? LIMIT 1", channelId)
        : isAny(
            `SELECT 1 FROM rooms_waiting
             WHERE user_id = ? OR (channel_id = ? AND user_id IS NULL) LIMIT 1`,
            userId,
            channelId,
          );
    },
    /** Whether a change of this user is held. */
    isWaiting,

    /** Since when an open room is known to be empty, milliseconds since 1970; null: it is not known to be. */
    emptySince: (roomId: string): number | null => empty.get(roomId)?.since ?? null,
    saveEmptySince: (roomId: string, since: number | null): void => {
      if (since !== null) empty.set({ roomId, since });
      else if (empty.get(roomId) !== null) empty.remove(roomId);
    },

    /**
     * Where a user is by what readers were told. It differs from the guild's voice only while a change is held,
     * or in the channel of an ended room.
     */
    publishedVoiceOf: (userId: string): VoiceState | null => {
      const told = publishedApart().get(userId);
      return told === undefined ? voice.of(userId) : told;
    },
    /** The users in a channel as readers were told, in the order in which they joined. */
    membersOf: (channelId: string): readonly VoiceState[] => {
      const apart = publishedApart();
      const members = voice.membersOf(channelId);
      if (apart.size === 0) return members;
      const told = [...apart.values()].filter((one) => one?.channelId === channelId);
      return [...members.filter(({ userId }) => !apart.has(userId)), ...told]
        .filter((one) => one !== null)
        .toSorted((a, b) => a.since - b.since || (a.userId < b.userId ? -1 : 1));
    },
    savePublishedVoice: (userId: string, told: VoiceState | null): void => {
      const apart = publishedApart();
      if (told?.channelId === voice.of(userId)?.channelId) {
        if (apart.delete(userId)) sql.exec("DELETE FROM rooms_told WHERE user_id = ?", userId);
        return;
      }
      apart.set(userId, told);
      sql.exec(
        "INSERT OR REPLACE INTO rooms_told (user_id, channel_id, since) VALUES (?, ?, ?)",
        userId,
        told?.channelId ?? null,
        told?.since ?? null,
      );
    },
    /** Whether readers were told something else about a user than the guild's voice says. */
    isPublishedVoiceBehind: (userId: string) => publishedApart().has(userId),
    /**
     * Users who are in no channel, although readers were told that they are and nothing waits that would correct
     * it. There should be none; a snapshot corrects it, so that no room keeps somebody for ever.
     */
    unexplainedVoice: (): readonly VoiceState[] =>
      [...publishedApart()].flatMap(([userId, told]) =>
        told === null || isWaiting(userId) || voice.of(userId) !== null ? [] : [told],
      ),
    /** Whether everybody in voice is known. */
    isVoiceKnown: () => isVoiceKnown(voice.knowledge()),
  };
}

/** Reads at the first use, and keeps what was read. */
function once<T extends object>(read: () => T): () => T {
  let known: T | undefined;
  return () => (known ??= read());
}
export type RoomsState = ReturnType<typeof sqlRoomsState>;

/** The stored state, with what a turn of the hub can do. */
export type RoomsTurn = {
  readonly state: RoomsState;
  readonly hub: Pick<HubTurn, "name" | "now" | "publish" | "schedule" | "cancel">;
};

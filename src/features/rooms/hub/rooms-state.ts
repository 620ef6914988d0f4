import { isVoiceKnown, sqlGuildVoice, type VoiceState } from "../../../gateway/guild-voice.ts";
import type { HubTurn } from "../../../hub/extension.ts";
import { RoomRecord } from "../room-record.ts";
import { type ChangeSubject, type HeldChange, StoredChange, subjectOf } from "./held-change.ts";
import { sqlPeople } from "./people.ts";
import { HOLD } from "./rooms-tables.ts";

/** The rooms of a guild, and what readers were told about voice, in the SQLite of its hub. */
export function sqlRoomsState(sql: SqlStorage) {
  const isAny = (query: string, ...bindings: readonly string[]): boolean =>
    sql.exec(query, ...bindings).toArray().length > 0;
  const records = (query: string, ...bindings: readonly string[]): RoomRecord[] =>
    sql
      .exec<{ record: string }>(query, ...bindings)
      .toArray()
      .map(({ record }) => RoomRecord.parse(JSON.parse(record)));
  const channelsIn = (table: "rooms_foreign" | "rooms_unsettled"): readonly string[] =>
    sql
      .exec<{ channelId: string }>(`SELECT channel_id AS channelId FROM ${table}`)
      .toArray()
      .map(({ channelId }) => channelId);
  const voice = sqlGuildVoice(sql);
  /** Users about whom readers were told something else than the voice table says; null voice: in no channel. */
  const publishedApart = (where: string, ...bindings: readonly string[]) =>
    sql
      .exec<{ userId: string; channelId: string | null; since: number | null }>(
        `SELECT user_id AS userId, channel_id AS channelId, since FROM rooms_told ${where}`,
        ...bindings,
      )
      .toArray()
      .map(({ userId, channelId, since }) => ({
        userId,
        voice: channelId === null ? null : { userId, channelId, since: since ?? 0 },
      }));
  const publishedApartOf = (userId: string) => publishedApart("WHERE user_id = ?", userId)[0];
  const isWaiting = (userId: string): boolean =>
    isAny("SELECT 1 FROM rooms_waiting WHERE user_id = ? LIMIT 1", userId);
  const held = (): readonly HeldChange[] =>
    sql
      .exec<{ held: string }>("SELECT held FROM rooms_waiting ORDER BY position")
      .toArray()
      .map((row) => StoredChange.parse(JSON.parse(row.held)));

  return {
    ...sqlPeople(sql),
    room: (id: string) => records("SELECT record FROM rooms_room WHERE id = ?", id)[0] ?? null,
    /** The room with this channel, open or ended. */
    roomOfChannel: (channelId: string) =>
      records("SELECT record FROM rooms_room WHERE channel_id = ?", channelId)[0] ?? null,
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
      sql.exec("DELETE FROM rooms_room WHERE id = ?", id);
    },

    /** Voice channels of the guild that are not rooms. */
    foreignChannels: () => channelsIn("rooms_foreign"),
    isForeign: (channelId: string) =>
      isAny("SELECT 1 FROM rooms_foreign WHERE channel_id = ?", channelId),
    addForeign: (channelId: string): void => {
      sql.exec("INSERT OR IGNORE INTO rooms_foreign (channel_id) VALUES (?)", channelId);
    },
    removeForeign: (channelId: string): void => {
      sql.exec("DELETE FROM rooms_foreign WHERE channel_id = ?", channelId);
    },

    /** Channels that were first seen while rooms were being created, and may belong to one of them. */
    unsettledChannels: () => channelsIn("rooms_unsettled"),
    /** Ids of the rooms whose channel this may be; null: it has not been seen yet, or is decided. */
    candidatesOf: (channelId: string): readonly string[] | null => {
      const [row] = sql
        .exec<{ room_ids: string }>(
          "SELECT room_ids FROM rooms_unsettled WHERE channel_id = ?",
          channelId,
        )
        .toArray();
      return row === undefined ? null : row.room_ids.split(" ");
    },
    saveCandidates: (channelId: string, roomIds: readonly string[]): void => {
      sql.exec(
        "INSERT OR REPLACE INTO rooms_unsettled (channel_id, room_ids) VALUES (?, ?)",
        channelId,
        roomIds.join(" "),
      );
    },
    removeCandidates: (channelId: string): void => {
      sql.exec("DELETE FROM rooms_unsettled WHERE channel_id = ?", channelId);
    },

    /** Holds a change, after those that are held already. */
    hold: (change: HeldChange): void => {
      const { channelId, userId } = subjectOf(change);
      sql.exec(HOLD, channelId, userId, JSON.stringify(change));
    },
    heldCount: (): number =>
      sql.exec<{ n: number }>("SELECT count(*) AS n FROM rooms_waiting").one().n,
    /** The held changes, oldest first. */
    held,
    /** Returns the held changes, oldest first, and removes them. */
    takeHeld: (): readonly HeldChange[] => {
      const taken = held();
      sql.exec("DELETE FROM rooms_waiting");
      return taken;
    },
    /**
     * Whether a change of this subject must stay behind a held one. One about a user: behind those of the same
     * user and of the channel itself. One about a channel: behind all in that channel.
     */
    isAfterHeld: ({ channelId, userId }: ChangeSubject): boolean =>
      userId === null
        ? isAny("SELECT 1 FROM rooms_waiting WHERE channel_id = ? LIMIT 1", channelId)
        : isAny(
            `SELECT 1 FROM rooms_waiting
             WHERE user_id = ? OR (channel_id = ? AND user_id IS NULL) LIMIT 1`,
            userId,
            channelId,
          ),
    /** Whether a change of this user is held. */
    isWaiting,

    /** Since when an open room is known to be empty, milliseconds since 1970; null: it is not known to be. */
    emptySince: (roomId: string): number | null => {
      const [row] = sql
        .exec<{ since: number }>("SELECT since FROM rooms_empty WHERE room_id = ?", roomId)
        .toArray();
      return row?.since ?? null;
    },
    saveEmptySince: (roomId: string, since: number | null): void => {
      if (since === null) sql.exec("DELETE FROM rooms_empty WHERE room_id = ?", roomId);
      else {
        sql.exec(
          "INSERT OR REPLACE INTO rooms_empty (room_id, since) VALUES (?, ?)",
          roomId,
          since,
        );
      }
    },

    /**
     * Where a user is by what readers were told. It differs from the guild's voice only while a change is held,
     * or in the channel of an ended room.
     */
    publishedVoiceOf: (userId: string): VoiceState | null => {
      const told = publishedApartOf(userId);
      return told === undefined ? voice.of(userId) : told.voice;
    },
    /** The users in a channel as readers were told, in the order in which they joined. */
    membersOf: (channelId: string): readonly VoiceState[] => {
      const apart = new Map(publishedApart("").map((told) => [told.userId, told.voice]));
      const members = voice.membersOf(channelId);
      if (apart.size === 0) return members;
      const told = [...apart.values()].filter((one) => one?.channelId === channelId);
      return [...members.filter(({ userId }) => !apart.has(userId)), ...told]
        .filter((one) => one !== null)
        .toSorted((a, b) => a.since - b.since || (a.userId < b.userId ? -1 : 1));
    },
    savePublishedVoice: (userId: string, told: VoiceState | null): void => {
      if (told?.channelId === voice.of(userId)?.channelId) {
        sql.exec("DELETE FROM rooms_told WHERE user_id = ?", userId);
        return;
      }
      sql.exec(
        "INSERT OR REPLACE INTO rooms_told (user_id, channel_id, since) VALUES (?, ?, ?)",
        userId,
        told?.channelId ?? null,
        told?.since ?? null,
      );
    },
    /** Whether readers were told something else about a user than the guild's voice says. */
    isPublishedVoiceBehind: (userId: string) => publishedApartOf(userId) !== undefined,
    /**
     * Users who are in no channel, although readers were told that they are and nothing waits that would correct
     * it. There should be none; a snapshot corrects it, so that no room keeps somebody for ever.
     */
    unexplainedVoice: (): readonly VoiceState[] =>
      publishedApart("WHERE channel_id IS NOT NULL").flatMap(({ userId, voice: told }) =>
        told === null || isWaiting(userId) || voice.of(userId) !== null ? [] : [told],
      ),
    /** Whether everybody in voice is known. */
    isVoiceKnown: () => isVoiceKnown(voice.knowledge()),
  };
}
export type RoomsState = ReturnType<typeof sqlRoomsState>;

/** The stored state, with what a turn of the hub can do. */
export type RoomsTurn = {
  readonly state: RoomsState;
  readonly hub: Pick<HubTurn, "name" | "now" | "publish" | "schedule" | "cancel">;
};

import { z } from "zod";
import { isVoiceKnown, type VoiceState } from "../../../gateway/guild-voice.ts";
import { hasTable, sqlGuildVoice } from "../../../gateway/sql-guild-voice.ts";
import { log } from "../../../platform/log.ts";
import { RoomRecord } from "../room-record.ts";
import { createPeopleTable, sqlPeople } from "./people.ts";
import {
  EVENT_OF,
  StoredChange,
  subjectOf,
  type HeldChange,
  type RoomsState,
} from "./rooms-state.ts";

/** Creates the tables of the rooms extension, after those of the gateway. Runs again at each wake. */
export function createRoomsTables(sql: SqlStorage): false {
  createPeopleTable(sql);
  sql.exec(`
    CREATE TABLE IF NOT EXISTS rooms_room (
      id TEXT PRIMARY KEY,
      channel_id TEXT UNIQUE,
      state TEXT NOT NULL,
      created_by TEXT NOT NULL,
      idempotency_key TEXT,
      record TEXT NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS rooms_room_state ON rooms_room (state);
    CREATE INDEX IF NOT EXISTS rooms_room_request ON rooms_room (created_by, idempotency_key);
    CREATE TABLE IF NOT EXISTS rooms_told (
      user_id TEXT PRIMARY KEY,
      channel_id TEXT,
      since INTEGER
    ) STRICT;
    CREATE TABLE IF NOT EXISTS rooms_foreign (channel_id TEXT PRIMARY KEY) STRICT;
    CREATE TABLE IF NOT EXISTS rooms_unsettled (
      channel_id TEXT PRIMARY KEY,
      room_ids TEXT NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS rooms_waiting (
      position INTEGER PRIMARY KEY AUTOINCREMENT,
      channel_id TEXT NOT NULL,
      user_id TEXT,
      held TEXT NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS rooms_empty (
      room_id TEXT PRIMARY KEY,
      since INTEGER NOT NULL
    ) STRICT;
  `);
  if (hasTable(sql, "rooms_voice")) takeOverTold(sql);
  return false;
}

/**
 * Takes over what older versions stored: who is in voice, as readers were told, and held events in the form in
 * which they arrived.
 */
function takeOverTold(sql: SqlStorage): void {
  sql.exec(`
    DELETE FROM rooms_told;
    INSERT INTO rooms_told (user_id, channel_id, since)
      SELECT told.user_id, told.channel_id, told.since
        FROM rooms_voice AS told LEFT JOIN gateway_voice AS now USING (user_id)
        WHERE now.channel_id IS NOT told.channel_id
      UNION ALL
      SELECT user_id, NULL, NULL FROM gateway_voice
        WHERE user_id NOT IN (SELECT user_id FROM rooms_voice);
    DELETE FROM rooms_waiting;
    DROP TABLE rooms_voice;
  `);
  // A table of their own: a version before could not read what this one holds, and none that it holds is lost.
  if (!hasTable(sql, "rooms_held")) return;
  const rows = sql.exec<HeldRow>(
    "SELECT channel_id, user_id, held FROM rooms_held ORDER BY position",
  );
  for (const row of rows.toArray()) {
    const { event, payload, ts, ...cause } = HeldBefore.parse(JSON.parse(row.held)).event;
    const kinds = Object.entries(EVENT_OF).flatMap(([kind, name]) =>
      name === event ? [kind] : [],
    );
    const change = StoredChange.safeParse({ ...payload, ...cause, ts, since: ts, kind: kinds[0] });
    if (!change.success) {
      log("warn", "rooms.held_event_dropped", { event });
      continue;
    }
    sql.exec(
      "INSERT INTO rooms_waiting (channel_id, user_id, held) VALUES (?, ?, ?)",
      row.channel_id,
      row.user_id,
      JSON.stringify(change.data),
    );
  }
  sql.exec("DROP TABLE rooms_held");
}

type HeldRow = {
  readonly channel_id: string;
  readonly user_id: string | null;
  readonly held: string;
};

/** A held event in the form that older versions stored. */
const HeldBefore = z.object({
  event: z.object({
    id: z.string().exactOptional(),
    event: z.string(),
    payload: z.record(z.string(), z.unknown()),
    ts: z.number(),
    trace: z.string().exactOptional(),
  }),
});

/** {@link RoomsState} in the SQLite of a guild's hub. */
export function sqlRoomsState(sql: SqlStorage): RoomsState {
  const records = (query: string, ...bindings: readonly string[]): RoomRecord[] =>
    sql
      .exec<{ record: string }>(query, ...bindings)
      .toArray()
      .map(({ record }) => RoomRecord.parse(JSON.parse(record)));
  const voice = sqlGuildVoice(sql);
  /** Users about whom readers were told something else than the voice table says; null voice: in no channel. */
  const publishedApart = (where: string, ...bindings: readonly string[]): PublishedVoice[] =>
    sql
      .exec<PublishedRow>(`SELECT user_id, channel_id, since FROM rooms_told ${where}`, ...bindings)
      .toArray()
      .map(({ user_id: userId, channel_id: channelId, since }) => ({
        userId,
        voice: channelId === null ? null : { userId, channelId, since: since ?? 0 },
      }));
  const publishedApartOf = (userId: string): PublishedVoice | undefined =>
    publishedApart("WHERE user_id = ?", userId)[0];
  const isWaiting = (userId: string): boolean =>
    sql.exec("SELECT 1 FROM rooms_waiting WHERE user_id = ? LIMIT 1", userId).toArray().length > 0;
  const held = (): HeldChange[] =>
    sql
      .exec<{ held: string }>("SELECT held FROM rooms_waiting ORDER BY position")
      .toArray()
      .map((row) => StoredChange.parse(JSON.parse(row.held)));

  return {
    ...sqlPeople(sql),
    room: (id) => records("SELECT record FROM rooms_room WHERE id = ?", id)[0] ?? null,
    roomOfChannel: (channelId) =>
      records("SELECT record FROM rooms_room WHERE channel_id = ?", channelId)[0] ?? null,
    roomOfRequest: (createdBy, key) =>
      records(
        `SELECT record FROM rooms_room WHERE created_by = ? AND idempotency_key = ?
         ORDER BY id DESC LIMIT 1`,
        createdBy,
        key,
      )[0] ?? null,
    roomsIn: (state) => records("SELECT record FROM rooms_room WHERE state = ? ORDER BY id", state),
    saveRoom: (room) => {
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
    removeRoom: (id) => {
      sql.exec("DELETE FROM rooms_room WHERE id = ?", id);
    },

    foreignChannels: () =>
      sql
        .exec<{ channel_id: string }>("SELECT channel_id FROM rooms_foreign")
        .toArray()
        .map((row) => row.channel_id),
    isForeign: (channelId) =>
      sql.exec("SELECT 1 FROM rooms_foreign WHERE channel_id = ?", channelId).toArray().length > 0,
    addForeign: (channelId) => {
      sql.exec("INSERT OR IGNORE INTO rooms_foreign (channel_id) VALUES (?)", channelId);
    },
    removeForeign: (channelId) => {
      sql.exec("DELETE FROM rooms_foreign WHERE channel_id = ?", channelId);
    },

    unsettledChannels: () =>
      sql
        .exec<{ channel_id: string }>("SELECT channel_id FROM rooms_unsettled")
        .toArray()
        .map((row) => row.channel_id),
    candidatesOf: (channelId) => {
      const [row] = sql
        .exec<{ room_ids: string }>(
          "SELECT room_ids FROM rooms_unsettled WHERE channel_id = ?",
          channelId,
        )
        .toArray();
      return row === undefined ? null : row.room_ids.split(" ");
    },
    saveCandidates: (channelId, roomIds) => {
      sql.exec(
        "INSERT OR REPLACE INTO rooms_unsettled (channel_id, room_ids) VALUES (?, ?)",
        channelId,
        roomIds.join(" "),
      );
    },
    removeCandidates: (channelId) => {
      sql.exec("DELETE FROM rooms_unsettled WHERE channel_id = ?", channelId);
    },

    hold: (change) => {
      const { channelId, userId } = subjectOf(change);
      sql.exec(
        "INSERT INTO rooms_waiting (channel_id, user_id, held) VALUES (?, ?, ?)",
        channelId,
        userId,
        JSON.stringify(change),
      );
    },
    heldCount: () => sql.exec<{ n: number }>("SELECT count(*) AS n FROM rooms_waiting").one().n,
    held,
    takeHeld: () => {
      const taken = held();
      sql.exec("DELETE FROM rooms_waiting");
      return taken;
    },
    isAfterHeld: ({ channelId, userId }) => {
      const found =
        userId === null
          ? sql.exec("SELECT 1 FROM rooms_waiting WHERE channel_id = ? LIMIT 1", channelId)
          : sql.exec(
              `SELECT 1 FROM rooms_waiting
               WHERE user_id = ? OR (channel_id = ? AND user_id IS NULL) LIMIT 1`,
              userId,
              channelId,
            );
      return found.toArray().length > 0;
    },

    isWaiting,

    emptySince: (roomId) => {
      const [row] = sql
        .exec<{ since: number }>("SELECT since FROM rooms_empty WHERE room_id = ?", roomId)
        .toArray();
      return row?.since ?? null;
    },
    saveEmptySince: (roomId, since) => {
      if (since === null) sql.exec("DELETE FROM rooms_empty WHERE room_id = ?", roomId);
      else {
        sql.exec(
          "INSERT OR REPLACE INTO rooms_empty (room_id, since) VALUES (?, ?)",
          roomId,
          since,
        );
      }
    },

    publishedVoiceOf: (userId) => {
      const told = publishedApartOf(userId);
      return told === undefined ? voice.of(userId) : told.voice;
    },
    membersOf: (channelId) => {
      const apart = new Map(publishedApart("").map((told) => [told.userId, told.voice]));
      const members = voice.membersOf(channelId);
      if (apart.size === 0) return members;
      const told = [...apart.values()].filter((one) => one?.channelId === channelId);
      return [...members.filter(({ userId }) => !apart.has(userId)), ...told]
        .filter((one) => one !== null)
        .toSorted((a, b) => a.since - b.since || (a.userId < b.userId ? -1 : 1));
    },
    savePublishedVoice: (userId, told) => {
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
    isPublishedVoiceBehind: (userId) => publishedApartOf(userId) !== undefined,
    unexplainedVoice: () =>
      publishedApart("WHERE channel_id IS NOT NULL").flatMap(({ userId, voice: told }) =>
        told === null || isWaiting(userId) || voice.of(userId) !== null ? [] : [told],
      ),
    isVoiceKnown: () => isVoiceKnown(voice.knowledge()),
  };
}

type PublishedRow = {
  readonly user_id: string;
  readonly channel_id: string | null;
  readonly since: number | null;
};

type PublishedVoice = { readonly userId: string; readonly voice: VoiceState | null };

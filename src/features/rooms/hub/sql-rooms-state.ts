import { NO_VOICE_KNOWLEDGE, VoiceKnowledge } from "../../../gateway/voice-knowledge.ts";
import { GatewayStanding } from "../../../protocol/events/rooms.ts";
import { RoomRecord, type VoiceState } from "../room-record.ts";
import { createPeopleTable, sqlPeople } from "./people.ts";
import { HeldEvent, type RoomsState } from "./rooms-state.ts";

/**
 * Creates the tables of the rooms extension; may run again at each wake.
 * @returns whether nothing was kept of the gateway before: only a snapshot says who is in voice
 */
export function createRoomsTables(sql: SqlStorage): boolean {
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
    CREATE TABLE IF NOT EXISTS rooms_voice (
      user_id TEXT PRIMARY KEY,
      channel_id TEXT NOT NULL,
      since INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS rooms_voice_channel ON rooms_voice (channel_id, since);
    CREATE TABLE IF NOT EXISTS rooms_foreign (channel_id TEXT PRIMARY KEY) STRICT;
    CREATE TABLE IF NOT EXISTS rooms_unsettled (
      channel_id TEXT PRIMARY KEY,
      room_ids TEXT NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS rooms_held (
      position INTEGER PRIMARY KEY AUTOINCREMENT,
      channel_id TEXT NOT NULL,
      user_id TEXT,
      held TEXT NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS rooms_gateway (
      one INTEGER PRIMARY KEY CHECK (one = 1),
      state TEXT NOT NULL,
      since INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS rooms_knowledge (
      one INTEGER PRIMARY KEY CHECK (one = 1),
      knowledge TEXT NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS rooms_empty (
      room_id TEXT PRIMARY KEY,
      since INTEGER NOT NULL
    ) STRICT;
  `);
  const begun = sql.exec(
    "INSERT OR IGNORE INTO rooms_knowledge (one, knowledge) VALUES (1, ?) RETURNING one",
    JSON.stringify(NO_VOICE_KNOWLEDGE),
  );
  return begun.toArray().length > 0;
}

/** {@link RoomsState} in the SQLite of a guild's hub. */
export function sqlRoomsState(sql: SqlStorage): RoomsState {
  const records = (query: string, ...bindings: readonly string[]): RoomRecord[] =>
    sql
      .exec<{ record: string }>(query, ...bindings)
      .toArray()
      .map(({ record }) => RoomRecord.parse(JSON.parse(record)));
  const voices = (query: string, ...bindings: readonly string[]): VoiceState[] =>
    sql
      .exec<{ user_id: string; channel_id: string; since: number }>(query, ...bindings)
      .toArray()
      .map((row) => ({ userId: row.user_id, channelId: row.channel_id, since: row.since }));

  const held = (query: string): HeldEvent[] =>
    sql
      .exec<{ held: string }>(query)
      .toArray()
      .map((row) => HeldEvent.parse(JSON.parse(row.held)));

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

    hold: (event) => {
      sql.exec(
        "INSERT INTO rooms_held (channel_id, user_id, held) VALUES (?, ?, ?)",
        event.channelId,
        event.userId,
        JSON.stringify(event),
      );
    },
    heldCount: () => sql.exec<{ n: number }>("SELECT count(*) AS n FROM rooms_held").one().n,
    heldEvents: () => held("SELECT held FROM rooms_held ORDER BY position"),
    takeHeld: () => {
      const taken = held("SELECT held FROM rooms_held ORDER BY position");
      sql.exec("DELETE FROM rooms_held");
      return taken;
    },
    isAfterHeld: ({ channelId, userId }) => {
      const found =
        userId === null
          ? sql.exec("SELECT 1 FROM rooms_held WHERE channel_id = ? LIMIT 1", channelId)
          : sql.exec(
              `SELECT 1 FROM rooms_held
               WHERE user_id = ? OR (channel_id = ? AND user_id IS NULL) LIMIT 1`,
              userId,
              channelId,
            );
      return found.toArray().length > 0;
    },

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

    voiceOf: (userId) =>
      voices("SELECT user_id, channel_id, since FROM rooms_voice WHERE user_id = ?", userId)[0] ??
      null,
    membersOf: (channelId) =>
      voices(
        `SELECT user_id, channel_id, since FROM rooms_voice WHERE channel_id = ?
         ORDER BY since, user_id`,
        channelId,
      ),
    voiceStates: () =>
      voices("SELECT user_id, channel_id, since FROM rooms_voice ORDER BY since, user_id"),
    saveVoice: ({ userId, channelId, since }) => {
      sql.exec(
        `INSERT INTO rooms_voice (user_id, channel_id, since) VALUES (?, ?, ?)
         ON CONFLICT (user_id) DO UPDATE SET channel_id = excluded.channel_id, since = excluded.since`,
        userId,
        channelId,
        since,
      );
    },
    removeVoice: (userId) => {
      sql.exec("DELETE FROM rooms_voice WHERE user_id = ?", userId);
    },

    gateway: () => {
      const [row] = sql.exec("SELECT state, since FROM rooms_gateway").toArray();
      return row === undefined ? null : GatewayStanding.parse(row);
    },
    saveGateway: ({ state, since }) => {
      sql.exec(
        `INSERT INTO rooms_gateway (one, state, since) VALUES (1, ?, ?)
         ON CONFLICT (one) DO UPDATE SET state = excluded.state, since = excluded.since`,
        state,
        since,
      );
    },
    voiceKnowledge: () => {
      const row = sql.exec<{ knowledge: string }>("SELECT knowledge FROM rooms_knowledge").one();
      return VoiceKnowledge.parse(JSON.parse(row.knowledge));
    },
    saveVoiceKnowledge: (knowledge) => {
      sql.exec(
        "INSERT OR REPLACE INTO rooms_knowledge (one, knowledge) VALUES (1, ?)",
        JSON.stringify(knowledge),
      );
    },
  };
}

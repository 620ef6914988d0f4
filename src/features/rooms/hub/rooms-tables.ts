import { z } from "zod";
import { hasTable } from "../../../gateway/guild-voice.ts";
import { log } from "../../../platform/log.ts";
import { EVENT_OF, StoredChange } from "./held-change.ts";
import { createPeopleTable } from "./people.ts";

/** Stores an event that waits. */
export const HOLD = "INSERT INTO rooms_waiting (channel_id, user_id, held) VALUES (?, ?, ?)";

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
  // The new form has its own table, because an older version could not read it. Its events are moved there.
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
    sql.exec(HOLD, row.channel_id, row.user_id, JSON.stringify(change.data));
  }
  sql.exec("DROP TABLE rooms_held");
}

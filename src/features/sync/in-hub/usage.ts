import type { HubTurn } from "../../../hub/extension.ts";
import { CLIENT_EVENTS } from "../events/from-client.ts";
import { newId } from "./ids.ts";
import { openSession } from "./sessions.ts";
import { firstOf } from "./tables.ts";
import { sessionUpdates } from "./updates.ts";

type Row = { readonly id: string; readonly createdAt: number };

/** The key of reports that belong to no session: SQLite takes two nulls for different. */
const NO_SESSION = "";

/** `usage-report`: keeps the newest report of a session and key, and tells the account's devices. */
export function reportUsage(hub: HubTurn, data: unknown): Record<string, unknown> {
  const read = CLIENT_EVENTS["usage-report"].data.safeParse(data);
  if (!read.success) return { success: false, error: "Invalid parameters" };
  const { key, sessionId, tokens, cost } = read.data;
  const session = sessionId ?? NO_SESSION;
  if (session !== NO_SESSION && openSession(hub.sql, session) === null) {
    return { success: false, error: "Session not found" };
  }
  const now = hub.now();
  hub.sql.exec(
    `INSERT INTO sync_usage_reports (sessionId, key, id, data, createdAt, updatedAt)
     VALUES (?1, ?2, ?3, ?4, ?5, ?5) ON CONFLICT (sessionId, key)
     DO UPDATE SET data = excluded.data, updatedAt = excluded.updatedAt`,
    session,
    key,
    newId(now),
    JSON.stringify({ tokens, cost }),
    now,
  );
  const row = firstOf<Row>(
    hub.sql,
    "SELECT id, createdAt FROM sync_usage_reports WHERE sessionId = ? AND key = ?",
    session,
    key,
  );
  if (session !== NO_SESSION) sessionUpdates.usage(hub, session, { key, tokens, cost });
  return { success: true, reportId: row?.id, createdAt: row?.createdAt, updatedAt: now };
}

import type { z } from "zod";
import type { HubTurn } from "../../../hub/extension.ts";
import { SYNC_LIST_MAX_LENGTH } from "../../../protocol/limits.ts";
import { CLIENT_EVENTS } from "../events/from-client.ts";
import type { UsageGroup, UsagePeriod } from "../records.ts";
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

const PERIODS_MS = { hour: 3_600_000, day: 86_400_000 } as const;
/** Characters of a group, and of a counter beside its name, in an answer. */
const AROUND_LENGTH = 64;

const MOST = Number.MAX_VALUE;

type Sums = Map<string, number>;

/**
 * Sums of the reports that were made first in a time, by periods of UTC, the oldest first. The newest reports are
 * summed first: an answer of more than {@link SYNC_LIST_MAX_LENGTH} characters lacks older ones.
 * @returns null: the account has no such session. A deleted one has used what it has used
 */
export function queryUsage(
  { sql }: HubTurn,
  {
    sessionId,
    from,
    to,
    period,
  }: {
    readonly sessionId: string | null;
    /** Milliseconds, as `to`. */
    readonly from: number;
    readonly to: number | null;
    readonly period: z.infer<typeof UsagePeriod>;
  },
): { usage: UsageGroup[]; totalReports: number } | null {
  if (sessionId !== null) {
    const session = firstOf(sql, "SELECT 1 FROM sync_sessions WHERE id = ?", sessionId);
    if (session === null) return null;
  }
  const reports = sql.exec<{ data: string; createdAt: number }>(
    `SELECT data, createdAt FROM sync_usage_reports WHERE createdAt >= ?1 AND createdAt <= ?2
     AND (?3 IS NULL OR sessionId = ?3) ORDER BY createdAt DESC`,
    from,
    to ?? Number.MAX_SAFE_INTEGER,
    sessionId,
  );
  const groups = new Map<number, { tokens: Sums; cost: Sums; reportCount: number }>();
  let totalReports = 0;
  let length = 0;
  for (const { data, createdAt } of reports) {
    if (length > SYNC_LIST_MAX_LENGTH) break;
    const at = Math.floor(createdAt / PERIODS_MS[period]) * PERIODS_MS[period];
    const group = groups.get(at) ?? { tokens: new Map(), cost: new Map(), reportCount: 0 };
    if (group.reportCount === 0) length += AROUND_LENGTH;
    const report = JSON.parse(data) as Record<"tokens" | "cost", Record<string, number>>;
    length += add(group.tokens, report.tokens) + add(group.cost, report.cost);
    group.reportCount += 1;
    totalReports += 1;
    groups.set(at, group);
  }
  const usage = [...groups].toReversed().map(([at, { tokens, cost, reportCount }]) => ({
    timestamp: at / 1_000,
    tokens: Object.fromEntries(tokens),
    cost: Object.fromEntries(cost),
    reportCount,
  }));
  return { usage, totalReports };
}

/** @returns by how many characters the sums have grown, about */
function add(sums: Sums, counters: Readonly<Record<string, number>>): number {
  let grown = 0;
  for (const [name, value] of Object.entries(counters)) {
    const before = sums.get(name);
    if (before === undefined) grown += name.length + AROUND_LENGTH;
    // A sum without end would be no JSON.
    sums.set(name, Math.max(-MOST, Math.min(MOST, (before ?? 0) + value)));
  }
  return grown;
}

/** `update-usage-limits`: keeps what a client says of its limits, instead of what was said before. */
export function keepUsageLimits({ sql }: HubTurn, data: unknown): Record<string, unknown> {
  const read = CLIENT_EVENTS["update-usage-limits"].data.safeParse(data);
  if (!read.success) return { success: false, error: "Invalid parameters" };
  sql.exec(
    "INSERT OR REPLACE INTO sync_facts (key, value) VALUES ('usageLimits', ?)",
    JSON.stringify(read.data),
  );
  return { success: true };
}

/** null: no client has said anything. */
export function readUsageLimits({ sql }: HubTurn): Record<string, unknown> | null {
  const known = firstOf<{ value: string }>(
    sql,
    "SELECT value FROM sync_facts WHERE key = 'usageLimits'",
  );
  return known === null ? null : (JSON.parse(known.value) as Record<string, unknown>);
}

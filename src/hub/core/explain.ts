import type { ExplanationCode } from "../../protocol/hub-report.ts";
import type { Entry, JournalExtent } from "./journal.ts";
import type { LiveSession } from "./live-session.ts";

/** What is known about the event in question. */
export type Asked = {
  readonly seq: number;
  readonly entry: Entry | undefined;
  readonly extent: JournalExtent;
  /** Milliseconds. */
  readonly now: number;
};

/**
 * Why a session did or did not get an event, decided by the same rules as the sending (HUB-8).
 * @param sent seq of the last event sent to the session
 */
export function explain(session: LiveSession, sent: number, asked: Asked): ExplanationCode {
  const { seq, entry, extent, now } = asked;
  if (seq > extent.head) return "not_yet";
  if (entry === undefined) return "trimmed";
  if (seq <= (session.record.start ?? session.record.from)) return "before_connection";
  if (!session.mayRead(entry.audience)) return "not_in_audience";
  if (entry.except === session.record.id) return "caused_it";
  if (!session.hears(entry.topic)) return "not_subscribed";
  if (seq <= sent) return "delivered";
  if (session.expiresAtMs <= now) return "expired";
  return session.isLagging ? "lagging" : "pending";
}

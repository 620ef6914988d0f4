import { RETRY_AFTER_MAX_MS } from "./limits.ts";

const SECONDS = /^\d+(?:\.\d{1,15})?$/;
/** The three ways in which HTTP writes a date (RFC 9110 §5.6.7); each begins with the day of the week. */
const HTTP_DATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,9},? [\w :-]+$/;

/**
 * How long a `Retry-After` asks to wait: seconds, or a date (RFC 9110 §10.2.3).
 * @param value the header as it came; null without one
 * @param now milliseconds since 1970
 * @returns milliseconds from 0 to {@link RETRY_AFTER_MAX_MS}; null without a usable one
 */
export function retryAfterMs(value: string | null, now: number): number | null {
  const text = value?.trim() ?? "";
  const ms = SECONDS.test(text) ? Math.ceil(Number(text) * 1000) : untilDate(text, now);
  return ms === null ? null : Math.min(RETRY_AFTER_MAX_MS, Math.max(0, ms));
}

function untilDate(text: string, now: number): number | null {
  if (!HTTP_DATE.test(text)) return null;
  // One of the three does not name the zone; all are in GMT.
  const at = Date.parse(text.endsWith(" GMT") ? text : `${text} GMT`);
  return Number.isNaN(at) ? null : at - now;
}

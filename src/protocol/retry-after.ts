import { RETRY_AFTER_MAX_MS } from "./limits.ts";

const SECONDS = /^\d+(?:\.\d{1,15})?$/;
/** The three ways in which HTTP writes a date (RFC 9110 §5.6.7); each begins with the day of the week. */
const HTTP_DATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,9},? [\w :-]+$/;

/**
 * How long a `Retry-After` header asks to wait: seconds, or a date (RFC 9110 §10.2.3).
 * @param value the raw header; null if there is none
 * @param now milliseconds since 1970
 * @returns milliseconds from 0 to {@link RETRY_AFTER_MAX_MS}; null if there is no valid value
 */
export function retryAfterMs(value: string | null, now: number): number | null {
  const text = value?.trim() ?? "";
  const ms = SECONDS.test(text) ? Math.ceil(Number(text) * 1000) : untilDate(text, now);
  return ms === null ? null : Math.min(RETRY_AFTER_MAX_MS, Math.max(0, ms));
}

function untilDate(text: string, now: number): number | null {
  if (!HTTP_DATE.test(text)) return null;
  // The asctime form names no time zone; all three forms are in GMT.
  const at = Date.parse(text.endsWith(" GMT") ? text : `${text} GMT`);
  return Number.isNaN(at) ? null : at - now;
}

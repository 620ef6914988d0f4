import { type Backoff, doublingPause } from "../../src/protocol/backoff.ts";
import type { IdentifyRecord } from "../store/settings-store.ts";

/** Discord allows one IDENTIFY in this time per unit of `max_concurrency`; we use one unit. */
const IDENTIFY_SPACING_MS = 5_000;

/** After this time a session counts as successful and resets the streak. */
export const IDENTIFY_SETTLED_MS = 60_000;

/** Number of IDENTIFYs in a row for which only the spacing applies. */
const FREE_IDENTIFIES = 5;

/** Applies after those. The longest pause is 288 IDENTIFYs a day, far below Discord's 1000 (discord.md §2). */
const IDENTIFY_BACKOFF: Backoff = { firstMs: 2 * IDENTIFY_SPACING_MS, mostMs: 300_000 };

/**
 * How long to wait before the next IDENTIFY, milliseconds. The record survives the process, so that a
 * process in a crash loop slows down instead of using up the day's budget; then Discord would reset the
 * token.
 */
export function identifyWait(record: IdentifyRecord, now: number): number {
  const over = record.streak - FREE_IDENTIFIES;
  const pause = over < 0 ? IDENTIFY_SPACING_MS : doublingPause(IDENTIFY_BACKOFF, over);
  const next = record.lastAt + pause;
  // If the clock went back, we must not wait longer than the pause itself.
  return Math.max(0, Math.min(pause, next - now));
}

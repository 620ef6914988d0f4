import { type Backoff, doublingPause } from "../../src/protocol/backoff.ts";
import type { IdentifyRecord } from "../store/settings-store.ts";

/** Discord allows one IDENTIFY in this time for each unit of `max_concurrency`; we use one. */
const IDENTIFY_SPACING_MS = 5_000;

/** A session that lived so long was worth its IDENTIFY. */
export const IDENTIFY_SETTLED_MS = 60_000;

/** IDENTIFYs in a row that only the spacing bounds. */
const FREE_IDENTIFIES = 5;

/** After those. The longest is 288 a day, far from Discord's 1000 (discord.md §2). */
const IDENTIFY_BACKOFF: Backoff = { firstMs: 2 * IDENTIFY_SPACING_MS, mostMs: 300_000 };

/**
 * How long to wait before the next IDENTIFY, milliseconds. The record outlives the process, so that
 * one that crashes again and again slows down instead of burning the day's budget, at the end of
 * which Discord resets the token.
 */
export function identifyWait(record: IdentifyRecord, now: number): number {
  const over = record.streak - FREE_IDENTIFIES;
  const pause = over < 0 ? IDENTIFY_SPACING_MS : doublingPause(IDENTIFY_BACKOFF, over);
  const next = record.lastAt + pause;
  // A clock that went back must not keep us out for longer than the pause itself.
  return Math.max(0, Math.min(pause, next - now));
}

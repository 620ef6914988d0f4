import { z } from "zod";
import { parseJson } from "../../src/protocol/outbound.ts";
import { retryAfterMs } from "../../src/protocol/retry-after.ts";
import { PublisherConflict } from "../../src/protocol/signed-events.ts";

/** The meaning of the hub's answer for the sender (rooms.md §4). */
export type Answer =
  /** Everything is stored or refused by name; nothing is sent again. */
  | {
      readonly kind: "accepted";
      readonly refused: readonly { readonly index: number; readonly code: string }[];
    }
  /** The content is wrong: sending the same again cannot help. */
  | { readonly kind: "rejected"; readonly status: number }
  /** The configuration is wrong (secret, URL): keep everything until a person fixes it. */
  | { readonly kind: "misconfigured"; readonly reason: string }
  /** A newer process publishes. */
  | { readonly kind: "stale" }
  | { readonly kind: "gap"; readonly expected: number }
  /** Try again later. `afterMs`: when the hub wants the next attempt. */
  | { readonly kind: "later"; readonly afterMs: number | null; readonly reason: string };

/** Longest wait that a `Retry-After` can cause, milliseconds. */
export const HUB_PAUSE_MAX_MS = 5 * 60 * 1000;

/** Client errors that mean "later": request timeout, too early, too many requests. */
const NOT_NOW: ReadonlySet<number> = new Set([408, 425, 429]);

const Accepted = z.object({
  ok: z.literal(true),
  // An older hub answers only `ok`.
  refused: z.array(z.object({ index: z.number().int().min(0), code: z.string() })).default([]),
});

/** The pause that the hub asks for, at most {@link HUB_PAUSE_MAX_MS}; null: none. */
function pauseOf(retryAfter: string | null, now: number): number | null {
  const ms = retryAfterMs(retryAfter, now);
  return ms === null ? null : Math.min(HUB_PAUSE_MAX_MS, ms);
}

function conflict(body: unknown): Answer {
  const parsed = PublisherConflict.safeParse(body);
  if (parsed.success && parsed.data.code === "stale_publisher") return { kind: "stale" };
  if (parsed.success && parsed.data.code === "future_epoch") {
    return {
      kind: "misconfigured",
      reason: "our clock was ahead when this process started (409): set it, and start again",
    };
  }
  if (parsed.success && parsed.data.expected !== undefined) {
    return { kind: "gap", expected: parsed.data.expected };
  }
  return { kind: "later", afterMs: null, reason: "the hub answers 409 without saying why" };
}

/** Parses the hub's answer. Pure. */
export function classifyAnswer(
  status: number,
  retryAfter: string | null,
  text: string,
  now: number,
): Answer {
  if (status >= 200 && status < 300) {
    const accepted = Accepted.safeParse(parseJson(text));
    if (accepted.success) return { kind: "accepted", refused: accepted.data.refused };
    // Another server answered 200, so nothing was stored.
    return {
      kind: "misconfigured",
      reason: `HUB_ENDPOINT answers ${status}, but not as a hub does: name the Worker's /internal/events`,
    };
  }
  switch (status) {
    case 400:
    case 413:
    case 422:
      return { kind: "rejected", status };
    case 401:
    case 403:
      return {
        kind: "misconfigured",
        reason: `the hub refuses our signature (${status}): HUB_SECRET must be the Worker's, and the clocks must agree within a minute`,
      };
    case 409:
      return conflict(parseJson(text));
    default:
      return status >= 500 || NOT_NOW.has(status)
        ? {
            kind: "later",
            afterMs: pauseOf(retryAfter, now),
            reason: `the hub answers ${status}`,
          }
        : {
            kind: "misconfigured",
            reason: `HUB_ENDPOINT answers ${status}: name the Worker's /internal/events`,
          };
  }
}

import type { Clock } from "../clock.ts";
import { isIdempotent, type DiscordAnswer, type DiscordCall } from "./call.ts";

/** Attempts of a call that may be repeated, when Discord or the network fails. */
const ATTEMPTS_MAX = 3;

/** First pause between attempts, milliseconds; it doubles, and full jitter spreads it. */
const FIRST_BACK_OFF_MS = 200;

/** What sending with retries needs from outside. */
export type RetryPorts = {
  /** Sends a call once. */
  readonly send: (call: DiscordCall) => Promise<DiscordAnswer>;
  /** Milliseconds that one operation may spend on waiting; 0: it never waits. */
  readonly budgetMs: number;
  readonly clock: Clock;
  readonly sleep: (ms: number) => Promise<void>;
  /** At least 0, below 1. */
  readonly random: () => number;
};

/** Sends a call, and again while that is safe and the budget lasts. */
export async function sendWithRetries(
  call: DiscordCall,
  { send, budgetMs, clock, sleep, random }: RetryPorts,
): Promise<DiscordAnswer> {
  const deadline = clock() + budgetMs;
  for (let attempt = 1; ; attempt += 1) {
    const answer = await send(call);
    const pause = pauseBeforeRetry(call, answer, attempt, random);
    if (pause === null || clock() + pause > deadline) return answer;
    await sleep(pause);
  }
}

/** Milliseconds to wait before the same call goes again; null: it must not, or need not. */
function pauseBeforeRetry(
  call: DiscordCall,
  answer: DiscordAnswer,
  attempt: number,
  random: () => number,
): number | null {
  if (answer.kind === "rate_limited") return answer.retryAfterMs;
  const serverFailed = answer.kind === "failed" && answer.status >= 500;
  if (!serverFailed && answer.kind !== "unknown_outcome") return null;
  if (!isIdempotent(call.method) || attempt >= ATTEMPTS_MAX) return null;
  return random() * FIRST_BACK_OFF_MS * 2 ** attempt;
}

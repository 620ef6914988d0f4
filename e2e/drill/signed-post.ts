import { setTimeout as delay } from "node:timers/promises";
import { signBody, type SignedEvent } from "../../src/protocol/signed-events.ts";
import type { Drill } from "./drill.ts";

/** The Worker's answer to signed events; `status` 0: unknown. */
type PostAnswer = {
  readonly status: number;
  readonly code: string | undefined;
  readonly retryAfterMs: number;
};

const TIMEOUT_MS = 8_000;
const RETRY_MS = 150;
const RETRY_CAP_MS = 1_500;

/** `POST /internal/events` after the contract (rooms.md §4): one attempt, signed now. Never throws. */
export async function post(
  { stack, secret }: Drill,
  events: readonly SignedEvent[],
): Promise<PostAnswer> {
  const body = Buffer.from(JSON.stringify({ events }));
  try {
    const response = await fetch(`${stack.urls.worker}/internal/events`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(await signBody([secret], body, Date.now())),
      },
      body,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const [, code] = /"code":"(\w+)"/.exec(await response.text()) ?? [];
    const retryAfterMs = Number(response.headers.get("retry-after") ?? 0) * 1000;
    return { status: response.status, code, retryAfterMs };
  } catch {
    return { status: 0, code: undefined, retryAfterMs: 0 };
  }
}

/**
 * Sends the same events until the hub's answer is final: 200, or a 4xx that a retry cannot change.
 * @returns undefined when the drill is in a hurry
 */
export async function postUntilSettled(
  drill: Drill,
  events: readonly SignedEvent[],
): Promise<PostAnswer | undefined> {
  const { signal } = drill.hurry;
  for (let wait = RETRY_MS; !signal.aborted; wait = Math.min(wait * 2, RETRY_CAP_MS)) {
    const answer = await post(drill, events);
    if (answer.status === 200 || (answer.status >= 400 && answer.status < 500)) return answer;
    await delay(Math.max(answer.retryAfterMs, wait), undefined, { signal }).catch(() => {});
  }
  return undefined;
}

import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { signBody, type SignedEvent } from "../../src/protocol/signed-events.ts";

/** The Worker's answer to signed events; `status` 0: unknown. */
export type PostAnswer = {
  readonly status: number;
  readonly code: string | undefined;
  readonly retryAfterMs: number;
};

const TIMEOUT_MS = 8_000;
const RETRY_MS = 150;
const RETRY_CAP_MS = 1_500;

const Problem = z.object({ code: z.string() });

/** `POST /internal/events` after the contract (rooms.md §4). */
export class SignedPost {
  readonly #endpoint: string;
  readonly #secret: string;

  constructor(endpoint: string, secret: string) {
    this.#endpoint = endpoint;
    this.#secret = secret;
  }

  /** One attempt, signed now. Never throws. */
  async once(events: readonly SignedEvent[]): Promise<PostAnswer> {
    const body = Buffer.from(JSON.stringify({ events }));
    try {
      const response = await fetch(this.#endpoint, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          ...(await signBody([this.#secret], body, Date.now())),
        },
        body,
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      const text = await response.text();
      const { status } = response;
      const problem = status === 200 ? undefined : Problem.safeParse(parse(text)).data;
      const retryAfterMs = Number(response.headers.get("retry-after") ?? 0) * 1000;
      return { status, code: problem?.code, retryAfterMs };
    } catch {
      return { status: 0, code: undefined, retryAfterMs: 0 };
    }
  }

  /**
   * Sends the same events until the hub's answer is final: 200, or a 4xx that a retry cannot change.
   * @returns undefined when the signal aborted it
   */
  async untilSettled(
    events: readonly SignedEvent[],
    signal: AbortSignal,
  ): Promise<PostAnswer | undefined> {
    for (let wait = RETRY_MS; !signal.aborted; wait = Math.min(wait * 2, RETRY_CAP_MS)) {
      const answer = await this.once(events);
      if (answer.status === 200 || (answer.status >= 400 && answer.status < 500)) return answer;
      await delay(Math.max(answer.retryAfterMs, wait), undefined, { signal }).catch(() => {});
    }
    return undefined;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

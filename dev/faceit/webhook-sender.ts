import type { Clock } from "../../src/platform/clock.ts";
import type { WebhookBody } from "./webhook-body.ts";

/** Deliveries kept for the control API. Above it, the oldest finished ones are dropped. */
const REMEMBERED = 2_000;

/** Sleeps `ms` milliseconds. Ends early, without an error, when the signal is aborted. */
export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>;

interface SenderOptions {
  readonly url: string;
  /** Name of the header that carries the secret. */
  readonly header: string;
  readonly secret: string;
  /** Waits before the retries, milliseconds. After the last retry the delivery is given up. */
  readonly retryDelaysMs: readonly number[];
  /** How long an attempt waits for an answer, milliseconds. */
  readonly answerDeadlineMs: number;
  readonly clock: Clock;
  readonly sleep: Sleep;
  /** From 0 to below 1, for the order in which held attempts are released. */
  readonly random: () => number;
  /** Called after each change of a delivery. */
  readonly changed: () => void;
}

/** A webhook to deliver. */
export interface Outgoing {
  readonly event: string;
  readonly eventId: string;
  readonly matchId: string | null;
  readonly version: number | null;
  /** The envelope, or any other body from a test. */
  readonly body: WebhookBody | string;
  /** Replaces the right secret; null: no secret is sent. */
  readonly secret?: string | null | undefined;
  /** Milliseconds before the first attempt. */
  readonly delayMs?: number | undefined;
}

/** A delivery and its progress. */
export interface Delivery extends Outgoing {
  readonly state: "waiting" | "held" | "sending" | "delivered" | "given_up";
  /** HTTP status of the newest answer; null: none yet, or no answer came. */
  readonly status: number | null;
  readonly attempts: number;
  /** When a waiting delivery is sent next, milliseconds since 1970; absent: it does not wait. */
  readonly dueAt?: number | undefined;
}

/**
 * Delivers webhooks at least once (§A3). After an answer other than 2xx, or none in time, a webhook is sent again
 * with the same ids. Deliveries do not wait for each other, so they overlap and may arrive in another order.
 */
export class WebhookSender {
  readonly #options: SenderOptions;
  readonly #deliveries = new Map<number, Delivery>();
  readonly #closing = new AbortController();
  #next = 1;
  #held: (() => void)[] | null = null;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  get holds(): boolean {
    return this.#held !== null;
  }

  /** Oldest first. */
  get deliveries(): readonly Delivery[] {
    return [...this.#deliveries.values()];
  }

  /** Unfinished deliveries, for the state file. */
  pending(): readonly Delivery[] {
    return this.deliveries.filter(({ state }) => state !== "delivered" && state !== "given_up");
  }

  /** Continues a delivery that an earlier process did not finish, and waits for what is left of its delay. */
  resume({ event, eventId, matchId, version, body, secret, attempts, dueAt = 0 }: Delivery): void {
    const delayMs = Math.max(0, dueAt - this.#options.clock());
    void this.#deliver({ event, eventId, matchId, version, body, secret, delayMs }, attempts);
  }

  send(outgoing: Outgoing): void {
    void this.#deliver(outgoing, 0);
  }

  /** Holds all attempts, or releases them in random order. */
  hold(on: boolean): void {
    if (on) {
      this.#held ??= [];
      return;
    }
    const held = this.#held ?? [];
    this.#held = null;
    while (held.length > 0) {
      const [release] = held.splice(Math.floor(this.#options.random() * held.length), 1);
      release?.();
    }
  }

  /** Stops sending. Unfinished deliveries stay pending. */
  close(): void {
    this.#closing.abort();
  }

  async #deliver(outgoing: Outgoing, attemptsBefore: number): Promise<void> {
    const { retryDelaysMs, clock, sleep } = this.#options;
    const { signal } = this.#closing;
    const { delayMs = 0 } = outgoing;
    const number = this.#next++;
    const first = { status: null, attempts: attemptsBefore, dueAt: clock() + delayMs };
    this.#note(number, { ...outgoing, state: "waiting", ...first });
    if (delayMs > 0) await sleep(delayMs, signal);
    if (signal.aborted) return;
    for (let attempts = attemptsBefore; ; attempts += 1) {
      await this.#untilReleased(number, outgoing, attempts);
      if (signal.aborted) return;
      this.#note(number, { ...outgoing, state: "sending", status: null, attempts: attempts + 1 });
      const status = await this.#post(outgoing, attempts);
      if (signal.aborted) return;
      const isDelivered = status !== null && status >= 200 && status < 300;
      const wait = retryDelaysMs[attempts];
      const state = isDelivered ? "delivered" : wait === undefined ? "given_up" : "waiting";
      const dueAt = state === "waiting" ? clock() + (wait ?? 0) : undefined;
      this.#note(number, { ...outgoing, state, status, attempts: attempts + 1, dueAt });
      if (isDelivered || wait === undefined) return;
      await sleep(wait, signal);
      if (signal.aborted) return;
    }
  }

  async #untilReleased(number: number, outgoing: Outgoing, attempts: number): Promise<void> {
    const held = this.#held;
    if (held === null) return;
    this.#note(number, { ...outgoing, state: "held", status: null, attempts });
    await new Promise<void>((resolve) => held.push(resolve));
  }

  /** @returns the answer's status; null: no answer in time */
  async #post({ body, secret }: Outgoing, retryCount: number): Promise<number | null> {
    const { url, header, secret: usual, answerDeadlineMs } = this.#options;
    const value = secret === undefined ? usual : secret;
    try {
      const response = await fetch(url, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          ...(value === null ? {} : { [header]: value }),
        },
        body:
          typeof body === "string" ? body : JSON.stringify({ ...body, retry_count: retryCount }),
        redirect: "manual",
        signal: AbortSignal.any([AbortSignal.timeout(answerDeadlineMs), this.#closing.signal]),
      });
      await response.body?.cancel();
      return response.status;
    } catch {
      return null;
    }
  }

  #note(number: number, delivery: Delivery): void {
    this.#deliveries.set(number, delivery);
    for (const [oldest, { state }] of this.#deliveries) {
      if (this.#deliveries.size <= REMEMBERED) break;
      if (state === "delivered" || state === "given_up") this.#deliveries.delete(oldest);
    }
    this.#options.changed();
  }
}

import { fullJitter, type Backoff } from "../../src/protocol/backoff.ts";
import type { Logger } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import { SIGNED_BATCH_MAX } from "../../src/protocol/limits.ts";
import type { Outbox, OutboxEvent } from "../store/outbox.ts";
import type { Answer } from "./answer.ts";
import { takeBatch, type Batch } from "./batch.ts";
import type { DeadLetters } from "./dead-letters.ts";
import type { HubClient } from "./hub-client.ts";

const RETRY_BACKOFF: Backoff = { firstMs: 500, mostMs: 10_000 };

/** Retry interval while the configuration is wrong, milliseconds: rare, but soon enough after the fix. */
export const MISCONFIGURED_RETRY_MS = 30_000;

/** Number of simultaneous requests over all guilds. */
const REQUESTS_MAX = 8;

/** Dependencies of a {@link Publisher}. */
export type PublisherParts = {
  readonly outbox: Outbox;
  readonly hub: HubClient;
  readonly deadLetters: DeadLetters;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** This process's epoch: it sorts after those of all earlier processes (rooms.md §4). */
  readonly epoch: string;
  /** Replaces a guild's unsent events by a snapshot. */
  readonly resync: (guildId: string) => void;
  /** A newer process publishes: this one has to disconnect from Discord. */
  readonly onStale: () => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  /** Settles after `ms`, or as soon as the signal aborts. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
};

/** The queue of one guild while it is being sent. */
type Lane = {
  readonly guildId: string;
  /** The publisher's seq of the first event in the queue; the others follow without a gap. */
  headSeq: number;
  failures: number;
  /** Number of events to send one by one, because a batch with them was rejected. */
  singly: number;
  /** Dead letters directly before the front: the hub may or may not have counted them. */
  buried: number;
  running: boolean;
  /** Ends a wait that the hub did not request; null: there is no such wait. */
  wait: AbortController | null;
};

/** Number of refused events at the end of a request: the hub did not count those. */
function refusedAtTheEnd(sent: number, refused: readonly { readonly index: number }[]): number {
  const indexes = new Set(refused.map(({ index }) => index));
  let last = sent;
  while (last > 0 && indexes.has(last - 1)) last -= 1;
  return sent - last;
}

/**
 * Sends the outbox to the hub (sending side of rooms.md §4): in strict order per guild, with one request of
 * a guild at a time, until the hub has everything. Each process numbers from 1 in its own epoch, including
 * events that the previous process left. Ids stay, so the hub recognizes what it has.
 */
export class Publisher {
  readonly #parts: PublisherParts;
  readonly #lanes = new Map<string, Lane>();
  /** Lanes that wait until fewer than {@link REQUESTS_MAX} requests are under way. */
  readonly #queued: (() => void)[] = [];
  #requests = 0;
  readonly #running = new Set<Promise<void>>();
  /** Ends the waits between attempts. */
  readonly #stopping = new AbortController();
  #stopped = false;

  constructor(parts: PublisherParts) {
    this.#parts = parts;
  }

  /** Sends the events that the previous process left. */
  start(): void {
    for (const guildId of this.#parts.outbox.guildIds()) this.wake(guildId);
  }

  /** An event was added to a guild's outbox. */
  wake(guildId: string): void {
    if (this.#stopped) return;
    let lane = this.#lanes.get(guildId);
    if (lane === undefined) {
      lane = { guildId, headSeq: 1, failures: 0, singly: 0, buried: 0, running: false, wait: null };
      this.#lanes.set(guildId, lane);
    }
    if (!lane.running) this.#launch(lane);
  }

  /** Another request reached the hub: queues that only wait for a retry send now. */
  hubIsBack(): void {
    for (const lane of this.#lanes.values()) lane.wait?.abort();
  }

  /**
   * Gives every queue one more attempt without waiting, and stops. It waits for attempts that are under
   * way; `abort` of the hub client bounds them.
   */
  async stop(): Promise<void> {
    this.#stopping.abort();
    while (this.#running.size > 0) await Promise.all(this.#running);
    this.#stopped = true;
  }

  #launch(lane: Lane): void {
    lane.running = true;
    const run = this.#run(lane).finally(() => {
      this.#running.delete(run);
      lane.running = false;
      // An event may have arrived after the last check.
      const more = this.#parts.outbox.depth(lane.guildId).events > 0;
      if (more && !this.#stopping.signal.aborted) this.wake(lane.guildId);
    });
    this.#running.add(run);
  }

  async #post(batch: Batch): Promise<Answer> {
    if (this.#requests >= REQUESTS_MAX) {
      await new Promise<void>((resolve) => this.#queued.push(resolve));
    }
    this.#requests += 1;
    const answer = await this.#parts.hub.post(batch.body, batch.trace);
    this.#requests -= 1;
    this.#queued.shift()?.();
    return answer;
  }

  /** Sends until the queue is empty. */
  async #run(lane: Lane): Promise<void> {
    const { outbox } = this.#parts;
    while (!this.#stopped) {
      const limit = lane.singly > 0 ? 1 : SIGNED_BATCH_MAX;
      const head = outbox.head(lane.guildId, limit);
      const first = head[0];
      if (first === undefined) return;
      const batch = takeBatch(head, this.#parts.epoch, lane.headSeq, limit);
      if (batch === null) {
        this.#bury(lane, first, "too_large");
        this.#advance(lane, [first], 1);
        continue;
      }
      outbox.setInFlight(lane.guildId, batch.events.at(-1)?.position ?? null);
      const answer = await this.#post(batch);
      outbox.setInFlight(lane.guildId, null);
      this.#parts.metrics.publishes.inc({ outcome: answer.kind });
      const waitMs = this.#settle(lane, batch.events, answer);
      if (waitMs === null) continue;
      // While the process stops, each queue gets one attempt and does not wait.
      if (this.#stopping.signal.aborted) return;
      // A time that the hub named is respected.
      const asked = answer.kind === "later" && answer.afterMs !== null;
      lane.wait = asked ? null : new AbortController();
      const signals = lane.wait === null ? [] : [lane.wait.signal];
      await this.#parts.sleep(waitMs, AbortSignal.any([this.#stopping.signal, ...signals]));
      lane.wait = null;
    }
  }

  /** @returns milliseconds until the next attempt; null: at once */
  #settle(lane: Lane, events: readonly OutboxEvent[], answer: Answer): number | null {
    const { log, random } = this.#parts;
    const { guildId } = lane;
    const traceId = events[0]?.trace ?? undefined;
    switch (answer.kind) {
      case "accepted":
        for (const { index, code } of answer.refused) {
          const refused = events[index];
          if (refused !== undefined) this.#bury(lane, refused, code);
        }
        this.#advance(lane, events, refusedAtTheEnd(events.length, answer.refused));
        return null;
      case "rejected":
        return this.#reject(lane, events, answer.status);
      case "stale":
        log.log("alert", "a newer gateway-worker publishes: this one stops", { guildId, traceId });
        this.#stopped = true;
        this.#stopping.abort();
        this.#parts.onStale();
        return null;
      case "gap":
        return this.#closeGap(lane, answer.expected);
      case "misconfigured":
        lane.failures += 1;
        log.log("alert", "events are kept until this is repaired", {
          guildId,
          traceId,
          reason: answer.reason,
          waiting: this.#parts.outbox.totals().events,
        });
        return MISCONFIGURED_RETRY_MS * (0.5 + random() / 2);
      case "later": {
        const backoff = this.#backOff(lane);
        const waitMs = answer.afterMs === null ? backoff : answer.afterMs * (1 + random() / 10);
        if (lane.failures === 1) {
          log.log("warn", "events wait for the hub", {
            guildId,
            traceId,
            reason: answer.reason,
            waitMs,
          });
        }
        return waitMs;
      }
    }
  }

  #reject(lane: Lane, events: readonly OutboxEvent[], status: number): null {
    const [first] = events;
    if (events.length === 1 && first !== undefined) {
      this.#bury(lane, first, `http_${status}`);
      this.#advance(lane, events, 1);
    } else {
      // Only the faulty event is to be dropped: sent one by one, the hub shows which it is.
      lane.singly = events.length;
    }
    return null;
  }

  /**
   * What the hub lacks is no longer in the outbox: the queue continues from the number that the hub
   * expects.
   */
  #closeGap(lane: Lane, expected: number): number | null {
    const { guildId, headSeq, buried } = lane;
    lane.headSeq = expected;
    lane.buried = 0;
    // The hub did not count what it had refused, and nothing else is missing.
    if (buried > 0 && expected === headSeq - buried) return null;
    this.#parts.log.log("warn", "the hub misses events of ours and gets a snapshot", {
      guildId,
      expected,
      sent: headSeq,
    });
    this.#parts.resync(guildId);
    return this.#backOff(lane);
  }

  #backOff(lane: Lane): number {
    lane.failures += 1;
    return fullJitter(RETRY_BACKOFF, lane.failures - 1, this.#parts.random());
  }

  /** @param buried how many of them, at the end, became dead letters */
  #advance(lane: Lane, events: readonly OutboxEvent[], buried = 0): void {
    const last = events.at(-1);
    if (last !== undefined) this.#parts.outbox.removeTo(lane.guildId, last.position);
    lane.headSeq += events.length;
    lane.buried = buried === events.length ? lane.buried + buried : buried;
    lane.singly = Math.max(0, lane.singly - events.length);
    if (lane.failures > 0) {
      this.#parts.log.log("info", "the hub accepts events again", { guildId: lane.guildId });
    }
    lane.failures = 0;
  }

  #bury(lane: Lane, event: OutboxEvent, why: string): void {
    const { deadLetters, log, metrics, now } = this.#parts;
    deadLetters.keep(event, why, now());
    metrics.deadLetters.inc();
    log.log("alert", "the hub refused an event permanently: see dead-letters.jsonl", {
      guildId: lane.guildId,
      traceId: event.trace ?? undefined,
      id: event.id,
      event: event.event,
      why,
    });
  }
}

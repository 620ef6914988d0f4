import { setTimeout as rest } from "node:timers/promises";
import type { Identity } from "../../dev/testing/identity.ts";
import { inTime } from "../load/in-time.ts";
import type { Publisher } from "../load/stream.ts";
import type { FilledHub } from "../../dev/testing/stalled/filled-hub.ts";
import { Reader } from "../../dev/testing/stalled/reader.ts";

/** What one run does. */
export const STALLED_PLAN = {
  rounds: 6,
  stalled: 200,
  healthy: 100,
  /** Large events that use up the windows of the stalled readers: the turns, and the events of each turn. */
  fillTurns: 10,
  fillTurnEvents: 100,
  fillBytes: 10_000,
  /**
   * Lone events of a round for each hub, and the time between an event of one hub and the next hub's,
   * milliseconds.
   */
  loneEvents: 200,
  loneEveryMs: 15,
  bursts: 10,
  /** Requests of a burst, and the events in each. */
  burstRequests: 2,
  requestEvents: 100,
  /** Floods whose memory is measured: a hundred megabytes of large events, and as many small ones. */
  floods: [
    { turns: 100, events: 100, bytes: 10_000 },
    { turns: 100, events: 100, bytes: 50 },
  ],
} as const;

/** The results of one hub in one round, with or without stalled readers. */
export type StalledTrial = ReturnType<Side["close"]>;

/** The results of a round: two hubs without stalled readers, and one with them. */
export type StalledRound = Awaited<ReturnType<typeof runStalledRound>>;

/** A hub and its publisher. */
type Filled = { readonly hub: FilledHub; readonly publisher: Publisher };

/** A hub with its readers during one round. */
class Side {
  /** From right before the request is sent to the receipt by each healthy reader, milliseconds. */
  readonly lone: number[] = [];
  /** From the first request to the last receipt, milliseconds, of each burst. */
  readonly bursts: number[] = [];
  readonly #hub: FilledHub;
  readonly #publisher: Publisher;
  readonly #healthy: Reader[] = [];
  readonly #stalled: Reader[] = [];
  #publishedAt: number | null = null;
  #due = 0;
  #reached: (() => void) | null = null;

  constructor({ hub, publisher }: Filled) {
    this.#hub = hub;
    this.#publisher = publisher;
  }

  /** Connects all readers. `stalled` of them read nothing afterwards. */
  async open(identity: Identity, stalled: number): Promise<void> {
    const { port } = this.#hub;
    for (let at = 0; at < STALLED_PLAN.healthy; at += 1) {
      const options = { port, token: identity.tokenOf(at), batch: at % 2 === 1 };
      this.#healthy.push(
        new Reader({ ...options, shows: "acknowledges" }, () => this.#noteReceipt()),
      );
    }
    for (let at = 0; at < stalled; at += 1) {
      const token = identity.tokenOf(STALLED_PLAN.healthy + at);
      const shows = at % 2 === 0 ? "acknowledges" : "pings";
      this.#stalled.push(new Reader({ port, token, shows, batch: at % 4 < 2 }));
    }
    for (const reader of [...this.#healthy, ...this.#stalled]) await reader.connect();
    for (const reader of this.#stalled) reader.stall();
  }

  /** Publishes more than a window, no faster than the healthy readers receive it. */
  async fill(): Promise<void> {
    const { fillTurns, fillTurnEvents, fillBytes } = STALLED_PLAN;
    for (let turn = 0; turn < fillTurns; turn += 1) {
      await this.#untilAllHave(fillTurnEvents, () =>
        this.#hub.fill(fillTurnEvents, fillBytes).then(() => undefined),
      );
    }
  }

  /** Publishes one event and records when each healthy reader has it. @param isTimed false: to warm up */
  async publishLone(isTimed: boolean): Promise<void> {
    await this.#untilAllHave(1, () =>
      this.#publisher.publish(1, () => {
        this.#publishedAt = isTimed ? performance.now() : null;
      }),
    );
    this.#publishedAt = null;
  }

  /** Publishes a burst and records how long it takes until all healthy readers have it. */
  async publishBurst(): Promise<void> {
    const { burstRequests, requestEvents } = STALLED_PLAN;
    const startedAt = performance.now();
    await this.#untilAllHave(burstRequests * requestEvents, async () => {
      for (let at = 0; at < burstRequests; at += 1) await this.#publisher.publish(requestEvents);
    });
    this.bursts.push(performance.now() - startedAt);
  }

  /** Ends the round: all readers disconnect. */
  close() {
    const head = this.#healthy[0]?.seq ?? 0;
    const faults = [...this.#healthy, ...this.#stalled].flatMap(({ sequence }) => sequence.faults);
    if (this.#healthy.some(({ seq, snapshots }) => seq !== head || snapshots !== 1)) {
      faults.push("a healthy reader does not have every event");
    }
    for (const reader of [...this.#healthy, ...this.#stalled]) reader.leave();
    return { lone: this.lone, bursts: this.bursts, faults };
  }

  #noteReceipt(): void {
    if (this.#publishedAt !== null) this.lone.push(performance.now() - this.#publishedAt);
    this.#due -= 1;
    if (this.#due === 0) this.#reached?.();
  }

  async #untilAllHave(events: number, publish: () => Promise<void>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#due = events * this.#healthy.length;
    this.#reached = resolve;
    await inTime(Promise.all([publish(), promise]), () => `${this.#due} deliveries are missing`);
  }
}

/** One round: the same work for all hubs, in turn. @param hubs three; the last one gets the stalled readers */
export async function runStalledRound(hubs: readonly Filled[], identity: Identity) {
  const sides = hubs.map((hub) => new Side(hub));
  for (const [at, side] of sides.entries()) {
    await side.open(identity, at === sides.length - 1 ? STALLED_PLAN.stalled : 0);
  }
  for (const side of sides) await side.fill();
  for (const side of sides) await side.publishLone(false);
  for (let at = 0; at < STALLED_PLAN.loneEvents; at += 1) {
    for (const side of rotated(sides, at)) {
      const next = rest(STALLED_PLAN.loneEveryMs);
      await side.publishLone(true);
      await next;
    }
  }
  for (let at = 0; at < STALLED_PLAN.bursts; at += 1) {
    for (const side of rotated(sides, at)) await side.publishBurst();
  }
  const [without, control, among] = sides.map((side) => side.close());
  if (without === undefined || control === undefined || among === undefined) {
    throw new Error("a round needs three hubs");
  }
  return { without, control, among };
}

/** All items in order, beginning at another one in each round. */
export function rotated<Item>(items: readonly Item[], at: number): Item[] {
  const first = at % items.length;
  return [...items.slice(first), ...items.slice(0, first)];
}

import { setTimeout as delay } from "node:timers/promises";
import { ulid } from "ulid";
import type { SignedEvent } from "../../src/protocol/signed-events.ts";
import type { DrillLog } from "./drill-log.ts";
import type { Random } from "./random.ts";
import type { PostAnswer, SignedPost } from "./signed-post.ts";
import { Visits } from "./visits.ts";

const BATCH_MAX = 16;
const STREAM = "fenced";

/**
 * The only publisher of a guild, with positions (rooms.md §4). It sends events again, sends later ones
 * first, and now and then a newer process replaces it, after which the old one is refused.
 */
export class FencedPublisher {
  readonly #post: SignedPost;
  readonly #guildId: string;
  readonly #random: Random;
  readonly #log: DrillLog;
  readonly #visits: Visits;
  /** Users of a replaced publisher: its events about them are refused, so nobody may hear of them. */
  readonly #ghosts: Visits;
  readonly #channels: readonly string[];
  #epoch = ulid();
  #next = 1;

  constructor(parts: {
    readonly post: SignedPost;
    readonly guildId: string;
    readonly random: Random;
    readonly log: DrillLog;
    readonly channels: readonly string[];
  }) {
    this.#post = parts.post;
    this.#guildId = parts.guildId;
    this.#random = parts.random;
    this.#log = parts.log;
    this.#channels = parts.channels;
    this.#visits = new Visits(parts.guildId, 2);
    this.#ghosts = new Visits(parts.guildId, 3);
  }

  /**
   * Publishes until the signal.
   * @param perSecond average number of events
   */
  async run(perSecond: number, signal: AbortSignal, hurry: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const startedAt = performance.now();
      const from = this.#next;
      await this.#round(hurry);
      const due = ((this.#next - from) * 1000 * (0.5 + this.#random.next())) / perSecond;
      const rest = due - (performance.now() - startedAt);
      await delay(Math.max(0, rest), undefined, { signal }).catch(() => {});
    }
  }

  /** Publishes the last events. */
  async finish(events: readonly SignedEvent[], hurry: AbortSignal): Promise<void> {
    await this.#send(this.#positioned(events), hurry);
  }

  async #round(hurry: AbortSignal): Promise<void> {
    const batch = this.#make();
    switch (this.#random.pick(["once", "repeated", "parallel", "ahead", "replaced"] as const)) {
      case "once":
        await this.#send(batch, hurry);
        break;
      case "repeated":
        this.#log.fault("publish repeated", `${batch.length} positions`);
        await this.#send(batch, hurry);
        await this.#send(batch, hurry);
        break;
      case "parallel":
        this.#log.fault("publish in parallel", `${batch.length} positions, 3 times`);
        await Promise.all([1, 2, 3].map(() => this.#send(batch, hurry)));
        break;
      case "ahead": {
        this.#log.fault("publish out of order", `${batch.length} positions too early`);
        const later = this.#make();
        const early = await this.#post.once(later);
        if (early.status === 200) this.#log.problem("events after a gap were taken");
        await Promise.all([this.#send(batch, hurry), this.#post.once(later)]);
        await this.#send(later, hurry);
        break;
      }
      case "replaced":
        await this.#send(batch, hurry);
        await this.#replace(hurry);
        break;
    }
  }

  /** A newer process takes over without the old one's knowledge. */
  async #replace(hurry: AbortSignal): Promise<void> {
    const old = this.#epoch;
    const late = this.#make(this.#ghosts);
    this.#epoch = ulid();
    this.#next = 1;
    await this.#send(this.#make(), hurry);
    this.#log.fault("publisher replaced", `${old} by ${this.#epoch}`);
    const answer = await this.#post.untilSettled(late, hurry);
    if (answer !== undefined && answer.code !== "stale_publisher") {
      this.#log.problem(`a replaced publisher was answered with ${answer.status} ${answer.code}`);
    }
    const ids = late.flatMap(({ id }) => id ?? []);
    this.#log.truth({ k: "stale", guild: this.#guildId, ids });
  }

  #make(visits = this.#visits): SignedEvent[] {
    const size = this.#random.between(1, BATCH_MAX);
    return this.#positioned(visits.next(size, this.#random, this.#channels));
  }

  #positioned(events: readonly SignedEvent[]): SignedEvent[] {
    return events.map((event) => {
      const seq = this.#next;
      this.#next += 1;
      return { ...event, epoch: this.#epoch, seq };
    });
  }

  async #send(events: readonly SignedEvent[], hurry: AbortSignal): Promise<void> {
    const answer: PostAnswer | undefined = await this.#post.untilSettled(events, hurry);
    const [first] = events;
    if (answer === undefined || first?.epoch === undefined || first.seq === undefined) return;
    if (answer.status !== 200) {
      this.#log.problem(`positions were answered with ${answer.status} ${answer.code}`);
      return;
    }
    const { epoch, seq } = first;
    this.#log.truth({
      k: "accepted",
      guild: this.#guildId,
      must: events.flatMap(({ id }) => id ?? []),
      position: { epoch, seq },
      stream: STREAM,
    });
  }
}

import { setTimeout as delay } from "node:timers/promises";
import type { SignedEvent } from "../../src/protocol/signed-events.ts";
import type { DrillLog } from "./drill-log.ts";
import type { Random } from "./random.ts";
import type { SignedPost } from "./signed-post.ts";
import { Visits } from "./visits.ts";

const BATCH_MAX = 24;
/** Number of remembered batches, which are sent again when their users have long left. */
const REMEMBERED = 30;
const MODES = ["once", "repeated", "parallel", "shuffled", "late"] as const;

/**
 * A second publisher of a guild, besides the container. Its events have ids and no position, so the hub
 * accepts them in any order, each once. It sends them repeatedly, in parallel and out of order.
 */
export class LoosePublisher {
  readonly #post: SignedPost;
  readonly #guildId: string;
  readonly #random: Random;
  readonly #log: DrillLog;
  readonly #visits: Visits;
  /** Channels that are not our rooms: events there are not ignored either. */
  readonly #lobbies: readonly string[];
  readonly #rooms: () => readonly string[];
  readonly #sent: (readonly SignedEvent[])[] = [];

  constructor(parts: {
    readonly post: SignedPost;
    readonly guildId: string;
    readonly random: Random;
    readonly log: DrillLog;
    readonly lobbies: readonly string[];
    readonly rooms: () => readonly string[];
  }) {
    this.#post = parts.post;
    this.#guildId = parts.guildId;
    this.#random = parts.random;
    this.#log = parts.log;
    this.#lobbies = parts.lobbies;
    this.#rooms = parts.rooms;
    this.#visits = new Visits(parts.guildId, 1);
  }

  /**
   * Publishes until the signal.
   * @param perSecond average number of events
   */
  async run(perSecond: number, signal: AbortSignal, hurry: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const startedAt = performance.now();
      const size = this.#random.between(1, BATCH_MAX);
      await this.#batch(size, hurry);
      const due = (size * 1000 * (0.5 + this.#random.next())) / perSecond;
      const rest = due - (performance.now() - startedAt);
      await delay(Math.max(0, rest), undefined, { signal }).catch(() => {});
    }
  }

  async #batch(size: number, hurry: AbortSignal): Promise<void> {
    const channels = [...this.#lobbies, ...this.#rooms()];
    const events = this.#visits.next(size, this.#random, channels);
    this.#sent.push(events);
    if (this.#sent.length > REMEMBERED) this.#sent.shift();
    switch (this.#random.pick(MODES)) {
      case "once":
        await this.#send(events, hurry);
        break;
      case "repeated":
        this.#log.fault("publish repeated", `${size} events`);
        await this.#send(events, hurry);
        await this.#send(events, hurry);
        break;
      case "late": {
        await this.#send(events, hurry);
        const old = this.#random.pick(this.#sent);
        this.#log.fault("publish repeated late", `${old.length} events`);
        await this.#send(old, hurry);
        break;
      }
      case "parallel":
        this.#log.fault("publish in parallel", `${size} events, 3 times`);
        await Promise.all([1, 2, 3].map(() => this.#send(events, hurry)));
        break;
      case "shuffled": {
        this.#log.fault("publish out of order", `${size} events`);
        const mixed = this.#random.shuffle(events);
        const cut = this.#random.between(0, mixed.length);
        // Each part also has the end of the other one, so that they overlap.
        const parts = [mixed.slice(Math.max(0, cut - 3)), mixed.slice(0, cut)];
        await Promise.all(
          parts.filter((part) => part.length > 0).map((part) => this.#send(part, hurry)),
        );
        break;
      }
    }
  }

  async #send(events: readonly SignedEvent[], hurry: AbortSignal): Promise<void> {
    const answer = await this.#post.untilSettled(events, hurry);
    if (answer === undefined) return;
    if (answer.status !== 200) {
      this.#log.problem(`a publish was answered with ${answer.status} ${answer.code}`);
      return;
    }
    const must = events
      .filter(({ event, payload }) => event === "voice.joined" && this.#isLobby(payload))
      .flatMap(({ id }) => id ?? []);
    this.#log.truth({ k: "accepted", guild: this.#guildId, must });
  }

  #isLobby(payload: Readonly<Record<string, unknown>>): boolean {
    return this.#lobbies.some((lobby) => lobby === payload["channelId"]);
  }
}

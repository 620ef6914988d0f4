import { readEvents } from "../events.ts";
import { DEADLINE_MS } from "../plan.ts";
import { openSocket, type ClientSocket, type Entry } from "./client-socket.ts";

/**
 * Many connections that all expect the same stream, every event once and in order. What differs from
 * that is kept in {@link Fleet.faults}: then the run is void.
 */
export class Fleet {
  /** Index of the next event of the stream, set by the publisher. */
  readonly #first: number;
  readonly #members: { socket: ClientSocket; member: Member }[] = [];
  readonly faults: string[] = [];
  /** Time between {@link Fleet.markPublished} and each receipt, milliseconds. */
  readonly latencies: number[] = [];
  #publishedAt: number | null = null;
  #received = 0;
  #awaited: { readonly count: number; readonly reached: () => void } | null = null;

  /** @param first index of the first event that these connections must get */
  constructor(first: number) {
    this.#first = first;
  }

  get size(): number {
    return this.#members.length;
  }

  /** Deliveries counted by all connections. */
  get received(): number {
    return this.#received;
  }

  /** Opens `count` connections, `atOnce` at a time. @param entryOf may itself ask the server */
  async open(
    count: number,
    atOnce: number,
    entryOf: (index: number) => Promise<Entry>,
  ): Promise<void> {
    let next = 0;
    const work = async (): Promise<void> => {
      while (next < count) {
        const index = next;
        next += 1;
        const member: Member = { next: this.#first, base: null };
        const socket = await openSocket(
          await entryOf(index),
          (payload) => readEvents(payload, (event, seq) => this.#count(member, event, seq)),
          (why) => this.#fault(`a socket was ${why}`),
        );
        this.#members.push({ socket, member });
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
  }

  /** From now on receipts are timed from `at` (`performance.now()`); null: not at all. */
  markPublished(at: number | null): void {
    this.#publishedAt = at;
  }

  /** Waits until every connection has `events` more than the fleet had got at `since`. */
  async receive(events: number, since: number): Promise<void> {
    const count = since + events * this.#members.length;
    if (this.#received >= count) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      const missing = count - this.#received;
      reject(new Error(`${missing} deliveries are missing. ${this.faults[0] ?? ""}`));
    }, DEADLINE_MS);
    this.#awaited = { count, reached: resolve };
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.#awaited = null;
    }
  }

  /** Closes all, and checks that each has got exactly the events up to `end`. */
  async close(end: number): Promise<void> {
    for (const { member } of this.#members) {
      if (member.next !== end) this.#fault(`a socket got events up to ${member.next}, not ${end}`);
    }
    await Promise.all(this.#members.map(({ socket }) => socket.close()));
  }

  #count(member: Member, index: number, seq: number): void {
    member.base ??= seq - index;
    if (index !== member.next) this.#fault(`event ${index} came where ${member.next} was due`);
    if (seq - index !== member.base) this.#fault(`event ${index} has the seq ${seq}`);
    member.next = index + 1;
    this.#received += 1;
    if (this.#publishedAt !== null) this.latencies.push(performance.now() - this.#publishedAt);
    if (this.#received === this.#awaited?.count) this.#awaited.reached();
  }

  #fault(what: string): void {
    if (this.faults.length < 20) this.faults.push(what);
  }
}

type Member = {
  next: number;
  /** Difference between seq and index, known after the first event. */
  base: number | null;
};

import { setTimeout as rest } from "node:timers/promises";
import { readEvents } from "../events.ts";
import { DEADLINE_MS } from "../plan.ts";
import { openSocket, type ClientSocket } from "./client-socket.ts";
import type { Client } from "./client.ts";

/** First and longest pause of a client between two attempts to come back, milliseconds. */
const BACKOFF_MS = 250;
const BACKOFF_MAX_MS = 4_000;

/** The exact answer to a ping. */
const PONG = Buffer.from('{"type":"pong"}');

/** Makes the `index`th client. */
export type ClientOf = (index: number) => Client;

/**
 * Many connections that all expect the same stream, every event once and in order. What differs from
 * that is kept in {@link Fleet.faults}: then the run is void.
 */
export class Fleet {
  /** Index of the next event of the stream, set by the publisher. */
  readonly #first: number;
  readonly #members: Member[] = [];
  readonly faults: string[] = [];
  /** Time between {@link Fleet.markPublished} and each receipt, milliseconds. */
  readonly latencies: number[] = [];
  #publishedAt: number | null = null;
  #received = 0;
  #lastReceiptAt = 0;
  #pongs = 0;
  /** Events that never came to somebody whose server forgets; only while it may. */
  #lostEvents = 0;
  #mayLose = false;
  #awaited: { readonly isOver: () => boolean; readonly reached: () => void } | null = null;

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

  /** When the last event came (`performance.now()`). */
  get lastReceiptAt(): number {
    return this.#lastReceiptAt;
  }

  /** Deliveries that were lost since {@link Fleet.comeBack} allowed it. */
  get lostEvents(): number {
    return this.#lostEvents;
  }

  /** Opens `count` connections, `atOnce` at a time. */
  async open(count: number, atOnce: number, clientOf: ClientOf): Promise<void> {
    let next = 0;
    const work = async (): Promise<void> => {
      while (next < count) {
        const client = clientOf(next);
        next += 1;
        const member: Member = { client, socket: null, next: this.#first, base: null, away: null };
        await this.#connect(member);
        this.#members.push(member);
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
    await this.#until(
      () => this.#received >= count,
      () => `${count - this.#received} deliveries are missing`,
    );
  }

  /** Waits until every connection has the last event before `end`. */
  async catchUp(end: number): Promise<void> {
    const behind = (): number => this.#members.filter(({ next }) => next < end).length;
    // Counting members is slow: only when the last deliveries can have come.
    let left = behind();
    await this.#until(
      () => {
        left -= 1;
        if (left > 0) return false;
        left = behind();
        return left === 0;
      },
      () => `${behind()} sockets have not caught up with event ${end - 1}`,
    );
  }

  /** From now on the server's end is expected. */
  expectLoss(): void {
    for (const member of this.#members) {
      member.away = Promise.withResolvers<void>();
    }
  }

  /** The longest time that a server asked its clients to come back in, milliseconds; 0: none did. */
  get retryWindowMs(): number {
    return Math.max(0, ...this.#members.map(({ client }) => client.retryWindowMs ?? 0));
  }

  /**
   * Every client notices the loss and comes back by itself: at first within `spreadMs` or what its
   * server asked for, then with longer and longer pauses, with jitter.
   * @param forgets the server has no memory: what was missed counts as lost, and is no fault
   * @returns when each was served again (`performance.now()`)
   */
  async comeBack(spreadMs: number, forgets: boolean): Promise<number[]> {
    this.#mayLose = forgets;
    const giveUpAt = performance.now() + DEADLINE_MS;
    return Promise.all(
      this.#members.map(async (member) => {
        await member.away?.promise;
        member.away = null;
        // Another process counts from its own beginning.
        if (forgets) member.base = null;
        let pause = Math.max(spreadMs, BACKOFF_MS, member.client.retryWindowMs ?? 0);
        for (let backoff = BACKOFF_MS; ; backoff = Math.min(backoff * 2, BACKOFF_MAX_MS)) {
          await rest(Math.random() * pause);
          try {
            await this.#connect(member);
            return performance.now();
          } catch (error) {
            if (performance.now() > giveUpAt) throw error;
            pause = backoff;
          }
        }
      }),
    );
  }

  /**
   * Each connection pings every `intervalMs`, at a time of its own.
   * @returns what ends it, and tells how many pings were not answered until `settled`
   */
  startPinging(intervalMs: number): (settled: Promise<unknown>) => Promise<number> {
    const slices = Math.max(1, Math.floor(intervalMs / 20));
    let slice = 0;
    let sent = 0;
    const timer = setInterval(() => {
      for (let at = slice; at < this.#members.length; at += slices) {
        const member = this.#members[at];
        if (member?.client.ping === undefined) continue;
        member.socket?.send(member.client.ping);
        sent += 1;
      }
      slice = (slice + 1) % slices;
    }, intervalMs / slices);
    return async (settled) => {
      clearInterval(timer);
      await settled;
      return sent - this.#pongs;
    };
  }

  /** Closes all, and checks that each has got exactly the events up to `end`. */
  async close(end: number): Promise<void> {
    for (const { next } of this.#members) {
      if (next !== end) this.#fault(`a socket got events up to ${next}, not ${end}`);
    }
    await Promise.all(this.#members.map(async ({ socket }) => socket?.close()));
  }

  async #connect(member: Member): Promise<void> {
    const { client } = member;
    const entry = await client.entry();
    member.socket = await openSocket(entry, {
      text: (payload, send) => {
        client.see?.(payload, send);
        let events = 0;
        let lastSeq = 0;
        readEvents(payload, (event, seq) => {
          events += 1;
          lastSeq = seq;
          this.#count(member, event, seq);
        });
        if (events === 0) this.#pongs += payload.equals(PONG) ? 1 : 0;
        else {
          this.#lastReceiptAt = performance.now();
          client.took?.(events, payload.length, lastSeq, send);
        }
      },
      lost: (code) => {
        // A code is something that the server said, and no death.
        if (code !== null) this.#fault(`a socket was closed with ${code}`);
        else if (member.away === null) this.#fault("a socket was lost");
        member.away?.resolve();
      },
    });
  }

  #count(member: Member, index: number, seq: number): void {
    member.base ??= seq - index;
    if (this.#mayLose && index > member.next) this.#lostEvents += index - member.next;
    else if (index !== member.next) {
      this.#fault(`event ${index} came where ${member.next} was due`);
    }
    if (seq - index !== member.base) this.#fault(`event ${index} has the seq ${seq}`);
    member.next = index + 1;
    this.#received += 1;
    if (this.#publishedAt !== null) this.latencies.push(performance.now() - this.#publishedAt);
    if (this.#awaited?.isOver() === true) this.#awaited.reached();
  }

  async #until(isOver: () => boolean, missing: () => string): Promise<void> {
    if (isOver()) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      reject(new Error(`${missing()}. ${this.faults[0] ?? ""}`));
    }, DEADLINE_MS);
    this.#awaited = { isOver, reached: resolve };
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.#awaited = null;
    }
  }

  #fault(what: string): void {
    if (this.faults.length < 20) this.faults.push(what);
  }
}

type Member = {
  readonly client: Client;
  socket: ClientSocket | null;
  next: number;
  /** Difference between seq and index, known after the first event. */
  base: number | null;
  /** Set while the server's end is expected; resolved by it. */
  away: { readonly promise: Promise<void>; readonly resolve: () => void } | null;
};

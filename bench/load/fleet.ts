import { setTimeout as rest } from "node:timers/promises";
import type { LeanSocket } from "../../dev/testing/wire/lean-socket.ts";
import { LOST } from "../../dev/testing/wire/wire.ts";
import { fullJitter, type Backoff } from "../../src/protocol/backoff.ts";
import type { Client } from "./clients.ts";
import { connectClient } from "./connection.ts";
import { DEADLINE_MS, inTime } from "./in-time.ts";
import { readEvents } from "./stream.ts";

/** The pauses of a client between two attempts to reconnect. */
const BACKOFF: Backoff = { firstMs: 250, mostMs: 4_000 };

/** The exact answer to a ping. */
const PONG = Buffer.from('{"type":"pong"}');

/** Makes the `index`th client. */
export type ClientOf = (index: number) => Client;

/**
 * Many connections that all expect the same stream, every event once and in order. Every deviation is kept in
 * {@link Fleet.faults} and makes the run void.
 */
export class Fleet {
  /** Index of the first event that these connections must get. */
  readonly #first: number;
  readonly #members: Member[] = [];
  readonly faults: string[] = [];
  /** Receipts are timed from here (`performance.now()`); null: they are not timed. */
  publishedAt: number | null = null;
  /** Time from {@link Fleet.publishedAt} to each receipt, milliseconds. */
  readonly latencies: number[] = [];
  /** Deliveries counted by all connections. */
  received = 0;
  /** When the last event arrived (`performance.now()`). */
  lastReceiptAt = 0;
  /** Deliveries lost since {@link Fleet.comeBack}, because the server forgets what a client misses. */
  lostEvents = 0;
  #pongs = 0;
  #mayLose = false;
  #awaited: { readonly isOver: () => boolean; readonly reached: () => void } | null = null;

  /** @param first index of the first event that these connections must get */
  constructor(first: number) {
    this.#first = first;
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

  /** Waits until every connection has `events` more than the fleet had when {@link Fleet.received} was `since`. */
  async receive(events: number, since: number): Promise<void> {
    const count = since + events * this.#members.length;
    await this.#until(
      () => this.received >= count,
      () => `${count - this.received} deliveries are missing`,
    );
  }

  /** Waits until every connection has the last event before `end`. */
  async catchUp(end: number): Promise<void> {
    const behind = (): number => this.#members.filter(({ next }) => next < end).length;
    // Counting members is slow, so they are counted only when enough deliveries arrived for all of them.
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

  /** From now on the sockets may end, because the server will be killed. */
  expectLoss(): void {
    for (const member of this.#members) {
      member.away = Promise.withResolvers<void>();
    }
  }

  /** The longest time over which a server wants its clients to reconnect, milliseconds; 0: no server told one. */
  get retryWindowMs(): number {
    return Math.max(0, ...this.#members.map(({ client }) => client.retryWindowMs ?? 0));
  }

  /**
   * Every client notices the loss and reconnects by itself: first within `spreadMs` or the time that its server
   * wants, then after longer and longer pauses, with jitter.
   * @param forgets the server has no memory: missed events count as lost, and are no fault
   * @returns when each was served again (`performance.now()`)
   */
  async comeBack(spreadMs: number, forgets: boolean): Promise<number[]> {
    this.#mayLose = forgets;
    const giveUpAt = performance.now() + DEADLINE_MS;
    return Promise.all(
      this.#members.map(async (member) => {
        await member.away?.promise;
        member.away = null;
        // The new process starts its seq again.
        if (forgets) member.base = null;
        const spread = Math.max(spreadMs, BACKOFF.firstMs, member.client.retryWindowMs ?? 0);
        await rest(Math.random() * spread);
        for (let attempt = 0; ; attempt += 1) {
          try {
            await this.#connect(member);
            return performance.now();
          } catch (error) {
            if (performance.now() > giveUpAt) throw error;
          }
          await rest(fullJitter(BACKOFF, attempt, Math.random()));
        }
      }),
    );
  }

  /**
   * Each connection pings every `intervalMs`, at a time of its own.
   * @returns stops the pings, and returns how many were not answered until `settled`
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

  /** Closes all connections, and checks that each got exactly the events before `end`. */
  async close(end: number): Promise<void> {
    for (const { next } of this.#members) {
      if (next !== end) this.#fault(`a socket got events up to ${next}, not ${end}`);
    }
    for (const { socket } of this.#members) socket?.terminate();
    for (const { socket } of this.#members) await socket?.closed;
  }

  async #connect(member: Member): Promise<void> {
    member.socket = await connectClient(member.client, {
      onText: (payload, socket) => this.#take(member, payload, socket),
      onEnd: (code) => {
        // A close code comes from a living server. A killed one sends none.
        if (code !== LOST) this.#fault(`a socket was closed with ${code}`);
        else if (member.away === null) this.#fault("a socket was lost");
        member.away?.resolve();
      },
    });
  }

  #take(member: Member, payload: Buffer, { send }: LeanSocket): void {
    const { client } = member;
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
      this.lastReceiptAt = performance.now();
      client.took?.(events, payload.length, lastSeq, send);
    }
  }

  #count(member: Member, index: number, seq: number): void {
    member.base ??= seq - index;
    if (this.#mayLose && index > member.next) this.lostEvents += index - member.next;
    else if (index !== member.next) {
      this.#fault(`event ${index} came where ${member.next} was due`);
    }
    if (seq - index !== member.base) this.#fault(`event ${index} has the seq ${seq}`);
    member.next = index + 1;
    this.received += 1;
    if (this.publishedAt !== null) this.latencies.push(performance.now() - this.publishedAt);
    if (this.#awaited?.isOver() === true) this.#awaited.reached();
  }

  async #until(isOver: () => boolean, missing: () => string): Promise<void> {
    if (isOver()) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#awaited = { isOver, reached: resolve };
    try {
      await inTime(promise, () => `${missing()}. ${this.faults[0] ?? ""}`);
    } finally {
      this.#awaited = null;
    }
  }

  #fault(what: string): void {
    if (this.faults.length < 20) this.faults.push(what);
  }
}

type Member = {
  readonly client: Client;
  socket: LeanSocket | null;
  next: number;
  /** Difference between seq and index, known after the first event. */
  base: number | null;
  /** Set while the socket may end; resolved when it does. */
  away: { readonly promise: Promise<void>; readonly resolve: () => void } | null;
};

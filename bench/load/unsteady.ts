import { setTimeout as rest } from "node:timers/promises";
import type { LeanSocket } from "../../dev/testing/wire/lean-socket.ts";
import { fullJitter, type Backoff } from "../../src/protocol/backoff.ts";
import type { Client } from "./clients.ts";
import { connectClient } from "./connection.ts";
import { readEvents } from "./stream.ts";

/** The pauses of a client between two attempts to connect. */
const BACKOFF: Backoff = { firstMs: 250, mostMs: 4_000 };
/** Attempts until a client gives up. */
const ATTEMPTS = 20;

/** How a client loses its network. The server never gets a close frame. */
export const LOSSES = [
  /** The TCP connection ends, and the client comes back later. */
  "cut",
  /** Nothing gets through for some time; then the same connection goes on. */
  "frozen",
  /** Nothing gets through, and the client comes back over another network: the server still has the old connection. */
  "moved",
] as const;
export type Loss = (typeof LOSSES)[number];

/** One client whose network comes and goes, and what it got. It never stops because of what it did not get. */
export class UnsteadyClient {
  readonly #client: Client;
  /** Index of the event that is due. */
  next: number;
  /** Events that never came, by the last loss of the network before. */
  readonly lost: Record<Loss, number> = { cut: 0, frozen: 0, moved: 0 };
  /** Events that came a second time, or after a later one. */
  again = 0;
  /** How often it lost its network. */
  losses = 0;
  /** Why it could not come back; null: it could. */
  fault: string | null = null;
  #lastLoss: Loss = "cut";
  #socket: LeanSocket | null = null;
  #connecting: Promise<void> | null = null;

  /** @param first index of the first event that it must get */
  constructor(client: Client, first: number) {
    this.#client = client;
    this.next = first;
  }

  /** Connects, again and again until it is served. A client that gives up has a {@link UnsteadyClient.fault}. */
  connect(): Promise<void> {
    this.#connecting ??= this.#dial()
      .catch((error: unknown) => {
        this.fault = error instanceof Error ? error.message : String(error);
      })
      .finally(() => {
        this.#connecting = null;
      });
    return this.#connecting;
  }

  /** Has no network for this time, and is then served again. */
  async lose(how: Loss, forMs: number): Promise<void> {
    await this.#connecting;
    this.#lastLoss = how;
    this.losses += 1;
    const before = this.#socket;
    if (how === "cut") before?.terminate();
    else before?.pause();
    await rest(forMs);
    if (how === "frozen") {
      before?.resume();
      return;
    }
    await this.connect();
    before?.terminate();
  }

  /** Nothing comes any more: what is due before `end` is lost. */
  giveUp(end: number): void {
    this.#skip(Math.max(this.next, end));
  }

  leave(): void {
    this.#socket?.terminate();
  }

  async #dial(): Promise<void> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        this.#socket = await connectClient(this.#client, {
          onText: (payload, socket) => this.#take(payload, socket),
          onEnd: () => void this.connect(),
        });
        return;
      } catch (error) {
        if (attempt === ATTEMPTS) throw error;
      }
      await rest(fullJitter(BACKOFF, attempt, Math.random()));
    }
  }

  #take(payload: Buffer, { send }: LeanSocket): void {
    this.#client.see?.(payload, send);
    let events = 0;
    let lastSeq = 0;
    readEvents(payload, (index, seq) => {
      events += 1;
      lastSeq = seq;
      if (index < this.next) this.again += 1;
      else {
        this.#skip(index);
        this.next = index + 1;
      }
    });
    if (events > 0) this.#client.took?.(events, payload.length, lastSeq, send);
  }

  #skip(to: number): void {
    this.lost[this.#lastLoss] += to - this.next;
    this.next = to;
  }
}

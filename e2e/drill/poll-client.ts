import { z } from "zod";
import {
  grantsOf,
  type ClientSpec,
  type Misplaced,
  type Participant,
  type Surroundings,
  type Token,
} from "./client-spec.ts";
import type { Claim, ClientLine, LineWriter } from "./history.ts";
import { misplace } from "./misplace.ts";
import { pollEvents } from "./poll-events.ts";
import type { Random } from "./random.ts";

/** Time between two polls, milliseconds: a user may send 240 a minute and has up to three clients. */
const BETWEEN_MS = 800;
const WAIT_SECONDS = 3;
const TOKEN_SECONDS = 3_600;

const Rooms = z.looseObject({ rooms: z.array(z.unknown()) });

/** A client that follows a guild by long polls. Each answer is recorded as the equivalent frames. */
export class PollClient implements Participant {
  readonly spec: ClientSpec;
  readonly #around: Surroundings;
  readonly #random: Random;
  readonly #history: LineWriter;
  #token: Token | null = null;
  #position: Claim | null = null;
  #misplaced: Misplaced | null = null;
  #polling: AbortController | null = null;
  #next = 0;
  #isServed = false;
  #isOver = false;
  deliveries = 0;

  constructor(spec: ClientSpec, around: Surroundings, random: Random, history: LineWriter) {
    this.spec = spec;
    this.#around = around;
    this.#random = random;
    this.#history = history;
    const { name, guild, observer } = spec;
    this.#write({ t: Date.now(), k: "client", name, guild, observer });
  }

  get position(): Claim | null {
    return this.#position;
  }

  get isServed(): boolean {
    return this.#isServed;
  }

  start(): void {
    this.#next = Date.now();
  }

  tick(now: number): void {
    if (this.#isOver || this.#polling !== null || now < this.#next) return;
    void this.#poll().finally(() => {
      this.#polling = null;
      this.#next = Date.now() + BETWEEN_MS;
    });
  }

  drop(misplaced: Misplaced | null = null): void {
    this.#misplaced = misplaced;
    this.#polling?.abort();
  }

  stall(ms: number): void {
    this.#polling?.abort();
    this.#next = Date.now() + ms;
  }

  readOn(): void {
    this.#next = Math.min(this.#next, Date.now());
  }

  stop(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#polling?.abort();
    this.#history.close();
  }

  async #poll(): Promise<void> {
    const polling = new AbortController();
    this.#polling = polling;
    const { identity, guild } = this.spec;
    const known = this.#position;
    const misplaced = this.#misplaced;
    this.#misplaced = null;
    const claim =
      known === null || misplaced === null
        ? known
        : misplace(known, misplaced, this.#around.foreignEpoch(guild), this.#random);
    try {
      this.#token ??= await this.#around.token(identity, TOKEN_SECONDS);
      const { text, exp } = this.#token;
      const bearer = { authorization: `Bearer ${text}` };
      const { origin } = this.#around;
      const page = await pollEvents(origin, bearer, claim, WAIT_SECONDS, polling.signal);
      if (this.#isOver) return;
      if (page.kind === "refused") {
        this.#isServed = false;
        this.#write({ t: Date.now(), k: "refused", status: page.status });
        return;
      }
      const { epoch, seq, events, reset } = page;
      const t = Date.now();
      this.#write({ t, k: "connect", grants: grantsOf(identity), exp, claim });
      this.#write({ t, k: "in", f: { type: "ack", epoch, seq } });
      if (reset === undefined) {
        if (events.length > 0) this.#write({ t, k: "in", f: { type: "batch", events } });
        this.#write({ t, k: "in", f: { type: "position", seq } });
      } else {
        const rooms = Rooms.parse(reset.snapshot);
        const f = { type: "snapshot", epoch, seq, reason: reset.reason, ...rooms };
        this.#history.writeText(JSON.stringify({ t, k: "in", f }));
      }
      this.deliveries += events.length;
      this.#position = { epoch, seq };
      this.#isServed = true;
    } catch {
      // The request was cut off or nobody answered: try again.
      this.#isServed = false;
    }
  }

  #write(line: ClientLine): void {
    if (!this.#isOver) this.#history.write(line);
  }
}

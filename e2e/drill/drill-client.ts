import { Acknowledging } from "../../dev/testing/wire/acknowledging.ts";
import {
  openWire,
  type Entrance,
  type Wire,
  type WireEvents,
} from "../../dev/testing/wire/wire.ts";
import { doublingPause, type Backoff } from "../../src/protocol/backoff.ts";
import { PING_FRAME } from "../../src/protocol/frames.ts";
import {
  grantsOf,
  type ClientSpec,
  type Misplaced,
  type Surroundings,
  type Token,
} from "./fleet.ts";
import type { DrillLog } from "./drill.ts";
import { knock, misplace } from "./entrance.ts";
import {
  isWhereItSays,
  readFrame,
  type Claim,
  type ClientFact,
  type LineWriter,
  type SeenFrame,
} from "./history.ts";
import { openPoll } from "./poll.ts";
import { openSocketIo } from "./socket-io.ts";
import type { Random } from "./random.ts";

const LONG_TOKEN_SECONDS = 3_600;
/** The hub warns a minute before the expiry, so such a token is renewed some seconds after its first use. */
const RENEWED_TOKEN_SECONDS = 64;
const PING_EVERY_MS = 4_000;
const NARROW_EVERY_MS = 6_000;
/** Without `auth.ok` after this time the client gives up the connection, milliseconds. */
const GREETING_MS = 12_000;
const RETRY_BACKOFF: Backoff = { firstMs: 200, mostMs: 2_000 };

/** A client of any transport that always reconnects, resumes from its position, and records everything. */
export class DrillClient {
  readonly spec: ClientSpec;
  readonly #around: Surroundings;
  readonly #random: Random;
  readonly #history: LineWriter;
  #token: Token | null = null;
  #wire: Wire | null = null;
  readonly #acknowledging = new Acknowledging(() => this.#random.next());
  #isOpen = false;
  #position: Claim | null;
  #misplaced: Misplaced | null = null;
  #attempt = 0;
  #retryWindowMs = 0;
  #openedAt = 0;
  #pingedAt = 0;
  #narrowedAt = 0;
  #stalledUntil = 0;
  #renewing = false;
  #retry: NodeJS.Timeout | undefined;
  #isOver = false;
  deliveries = 0;

  /**
   * Starts it.
   * @param from its first position; absent: it starts with a snapshot
   */
  constructor(
    log: DrillLog,
    spec: ClientSpec,
    around: Surroundings,
    random: Random,
    from: Claim | null = null,
  ) {
    const { name, guild, observer } = spec;
    this.spec = spec;
    this.#around = around;
    this.#random = random.fork(name);
    this.#history = log.clientWriter(name);
    this.#position = from;
    this.#write({ k: "client", name, guild, observer });
    void this.#connect();
  }

  /** Its position; null: it was never served. */
  get position(): Claim | null {
    return this.#position;
  }

  /** Whether it is authenticated and reads. */
  get isServed(): boolean {
    return this.#isOpen && this.#stalledUntil === 0;
  }

  /** Breaks its connection without a close. */
  drop(misplaced: Misplaced | null = null): void {
    this.#misplaced = misplaced;
    this.#write({ k: "note", what: "dropped" });
    this.#wire?.terminate();
  }

  /** Stops reading from its connection. */
  stall(ms: number): void {
    if (this.#wire === null || this.#stalledUntil > 0) return;
    this.#stalledUntil = Date.now() + ms;
    this.#write({ k: "note", what: "stopped reading" });
    this.#wire.pause();
  }

  /** Continues reading. */
  readOn(): void {
    if (this.#stalledUntil === 0) return;
    this.#stalledUntil = 0;
    this.#write({ k: "note", what: "reads on" });
    this.#wire?.resume();
  }

  /** Does the work that depends on time. Called several times a second. */
  tick(now: number): void {
    const wire = this.#wire;
    if (this.#isOver || wire === null) return;
    if (this.#stalledUntil > 0) {
      if (now >= this.#stalledUntil) this.readOn();
      return;
    }
    if (!this.#isOpen) {
      if (now - this.#openedAt > GREETING_MS) wire.terminate();
      return;
    }
    if (this.spec.life === "pings" && now - this.#pingedAt > PING_EVERY_MS) {
      this.#pingedAt = now;
      wire.send(PING_FRAME);
    }
    if (this.spec.narrows && now - this.#narrowedAt > NARROW_EVERY_MS) this.#narrow(now);
  }

  /** Stops; its history is in the file. */
  stop(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#retry);
    this.#acknowledging.stop();
    this.#wire?.terminate();
    this.#history.flush();
  }

  async #connect(): Promise<void> {
    try {
      const token = await this.#freshToken();
      const claim = this.#claim();
      const { identity } = this.spec;
      const entrance = await knock(this.spec, this.#around.origin, token, claim);
      if (this.#isOver) return;
      if (entrance.kind === "refused") {
        this.#write({ k: "refused", status: entrance.status });
        this.#later(entrance.retryAfterMs);
        return;
      }
      const grants = grantsOf(identity);
      this.#write({ k: "connect", grants, exp: token.exp, claim });
      this.#listen(entrance, token, claim);
    } catch {
      this.#later(0);
    }
  }

  async #freshToken(): Promise<Token> {
    const known = this.#token;
    if (known !== null && known.exp * 1000 - Date.now() > 2_000) return known;
    return (this.#token = await this.#newToken());
  }

  #newToken(): Promise<Token> {
    const { token, identity } = this.spec;
    const short = this.#around.shortTokenSeconds;
    const life = { lasts: LONG_TOKEN_SECONDS, renewed: RENEWED_TOKEN_SECONDS, expires: short };
    return this.#around.token(identity, life[token]);
  }

  #claim(): Claim | null {
    const position = this.#position;
    const misplaced = this.#misplaced;
    this.#misplaced = null;
    if (position === null || misplaced === null) return position;
    const foreign = this.#around.foreignEpoch(this.spec.guild);
    return misplace(position, misplaced, foreign, this.#random);
  }

  #later(atLeastMs: number): void {
    this.#wire = null;
    this.#isOpen = false;
    this.#acknowledging.stop();
    this.#stalledUntil = 0;
    if (this.#isOver) return;
    const backoff = doublingPause(RETRY_BACKOFF, this.#attempt);
    const spread = this.#attempt === 0 ? Math.max(backoff, this.#retryWindowMs) : backoff;
    this.#attempt += 1;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(
      () => void this.#connect(),
      Math.max(atLeastMs, this.#random.next() * spread),
    );
  }

  #listen(entrance: Entrance, token: Token, claim: Claim | null): void {
    this.#openedAt = Date.now();
    this.#stalledUntil = 0;
    this.#renewing = false;
    const { entry } = this.spec;
    const events: WireEvents = {
      onText: (text, id) => {
        if (this.#isOver) return;
        const isGood = entry !== "stream" || isWhereItSays(text, id);
        this.#take(isGood ? text : "", claim);
      },
      onClose: (code) => {
        this.#write({ k: "close", code });
        if (code === 4401) this.#token = null;
        this.#later(0);
      },
      onRefused: (status, retryAfterMs) => {
        this.#write({ k: "refused", status });
        this.#later(retryAfterMs);
      },
    };
    this.#wire =
      entry === "socket-io"
        ? openSocketIo(entrance, token.text, claim, events)
        : (entry === "poll" ? openPoll : openWire)(entrance, events);
  }

  #take(text: string, claim: Claim | null): void {
    const frame = readFrame(text);
    if (frame === null) return;
    const now = Date.now();
    const written = frame.type === "unreadable" ? JSON.stringify(frame) : text;
    this.#history.writeText(`{"t":${now},"k":"in","f":${written}}`);
    switch (frame.type) {
      case "ack":
        this.#opened(frame, claim);
        break;
      case "event":
        this.#moved(frame.seq, 1, text.length);
        break;
      case "batch":
        this.#moved(frame.events.at(-1)?.seq ?? 0, frame.events.length, text.length);
        break;
      case "position":
        this.#moved(frame.seq, 0, 0);
        break;
      case "snapshot":
        this.#position = { epoch: frame.epoch, seq: frame.seq };
        break;
      case "auth.expiring":
        if (this.spec.token !== "expires") void this.#renew();
        break;
      case "reauth.ok":
        this.#renewing = false;
        break;
      default:
        break;
    }
  }

  #opened(frame: SeenFrame & { readonly type: "ack" }, claim: Claim | null): void {
    this.#isOpen = true;
    this.#retryWindowMs = frame.retryWindowMs ?? 0;
    this.#attempt = 0;
    this.#acknowledging.start(frame.limits ?? {});
    // A client that claimed an older position gets the events from there again.
    const known = this.#position;
    if (claim !== null && known !== null && claim.epoch === known.epoch && claim.seq < known.seq) {
      if (claim.seq >= 0 && Number.isSafeInteger(claim.seq)) this.#position = claim;
    }
    if (this.spec.narrows) this.#narrow(Date.now());
  }

  #moved(seq: number, events: number, bytes: number): void {
    this.deliveries += events;
    this.#position = { epoch: this.#position?.epoch ?? "", seq };
    if (this.spec.life !== "acks") return;
    this.#acknowledging.took(events, bytes, seq, (text, acknowledged) => {
      this.#write({ k: "ack", seq: acknowledged });
      this.#wire?.send(text);
    });
  }

  #narrow(now: number): void {
    // While a token is being verified, it is unknown which one is in force.
    if (this.#renewing) return;
    this.#narrowedAt = now;
    const all = this.#around.channels();
    const channelIds = this.#random.shuffle(all).slice(0, this.#random.between(0, all.length));
    this.#write({ k: "subscribe", channelIds });
    this.#wire?.send(JSON.stringify({ type: "subscribe", channelIds }));
  }

  async #renew(): Promise<void> {
    const wire = this.#wire;
    this.#renewing = true;
    try {
      const token = await this.#newToken();
      if (this.#isOver || wire === null || wire !== this.#wire) return;
      this.#token = token;
      const { exp } = token;
      this.#write({ k: "reauth", grants: grantsOf(this.spec.identity), exp });
      wire.send(JSON.stringify({ type: "reauth", token: token.text }));
    } catch {
      // Then the token expires, and the client reconnects with a new one.
      this.#renewing = false;
    }
  }

  #write(fact: ClientFact): void {
    if (!this.#isOver) this.#history.write({ t: Date.now(), ...fact });
  }
}

import { WebSocket } from "ws";
import { PING_FRAME } from "../../src/protocol/frames.ts";
import { Acks } from "./acks.ts";
import type { ClientSpec, Surroundings, Token } from "./client-spec.ts";
import { grantsOf } from "./client-spec.ts";
import { announcedBy, readFrame } from "./frames.ts";
import type { Claim, ClientLine, LineWriter, SeenFrame } from "./history.ts";
import { knock, type Entrance } from "./knock.ts";
import type { Random } from "./random.ts";

const LONG_TOKEN_SECONDS = 3_600;
/** The hub warns a minute before the end: such a token is renewed some seconds after it was used. */
const RENEWED_TOKEN_SECONDS = 64;
const PING_EVERY_MS = 4_000;
const NARROW_EVERY_MS = 6_000;
/** Without `auth.ok` after this time the connection is given up, milliseconds. */
const GREETING_MS = 12_000;
const RETRY_BASE_MS = 200;
const RETRY_CAP_MS = 2_000;

/** How a client says where it stands when it comes back, but for the truth. */
export type Misplaced = "forgotten" | "older" | "nonsense";

/** A client that keeps coming back, resumes from what it has seen, and writes everything down. */
export class DrillClient {
  readonly spec: ClientSpec;
  readonly #around: Surroundings;
  readonly #random: Random;
  readonly #history: LineWriter;
  #token: Token | null = null;
  #socket: WebSocket | null = null;
  #acks: Acks | null = null;
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

  /** @param from where it starts; absent: with a snapshot */
  constructor(
    spec: ClientSpec,
    around: Surroundings,
    random: Random,
    history: LineWriter,
    from: Claim | null = null,
  ) {
    this.spec = spec;
    this.#around = around;
    this.#random = random;
    this.#history = history;
    this.#position = from;
    const { name, guild, observer } = spec;
    this.#write({ t: Date.now(), k: "client", name, guild, observer });
  }

  /** Where it stands; null: it was never served. */
  get position(): Claim | null {
    return this.#position;
  }

  /** Whether it has been let in, and reads. */
  get isServed(): boolean {
    return this.#acks !== null && this.#stalledUntil === 0;
  }

  start(): void {
    void this.#connect();
  }

  /** Breaks its connection without a word. */
  drop(misplaced: Misplaced | null = null): void {
    this.#misplaced = misplaced;
    this.#note("dropped");
    this.#socket?.terminate();
  }

  /** Stops reading from its connection. */
  stall(ms: number): void {
    if (this.#socket === null || this.#stalledUntil > 0) return;
    this.#stalledUntil = Date.now() + ms;
    this.#note("stopped reading");
    this.#socket.pause();
  }

  /** Reads on. */
  readOn(): void {
    if (this.#stalledUntil === 0) return;
    this.#stalledUntil = 0;
    this.#note("reads on");
    this.#socket?.resume();
  }

  /** Does what a clock starts. Called some times a second. */
  tick(now: number): void {
    const socket = this.#socket;
    if (this.#isOver || socket === null) return;
    if (this.#stalledUntil > 0) {
      if (now >= this.#stalledUntil) this.readOn();
      return;
    }
    if (this.#acks === null) {
      if (now - this.#openedAt > GREETING_MS) socket.terminate();
      return;
    }
    this.#acknowledge(now);
    if (this.spec.life === "pings" && now - this.#pingedAt > PING_EVERY_MS) {
      this.#pingedAt = now;
      socket.send(PING_FRAME);
    }
    if (this.spec.narrows && now - this.#narrowedAt > NARROW_EVERY_MS) this.#narrow(now);
  }

  /** Leaves for good, before the end. */
  leave(): void {
    this.#write({ t: Date.now(), k: "left" });
    this.stop();
  }

  /** Ends; what was written is in the file. */
  stop(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#retry);
    this.#socket?.terminate();
    this.#history.close();
  }

  async #connect(): Promise<void> {
    try {
      const token = await this.#freshToken();
      const claim = this.#claim();
      const { identity } = this.spec;
      const entrance = await knock(this.spec, this.#around.origin, token, claim);
      if (this.#isOver) return;
      if (entrance.kind === "refused") {
        this.#write({ t: Date.now(), k: "refused", status: entrance.status });
        this.#later(entrance.retryAfterMs);
        return;
      }
      const grants = grantsOf(identity);
      this.#write({ t: Date.now(), k: "connect", grants, exp: token.exp, claim });
      this.#listen(entrance, claim);
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
    const { epoch, seq } = position;
    switch (misplaced) {
      case "forgotten":
        return null;
      case "older":
        return { epoch, seq: Math.max(0, seq - this.#random.between(1, 200)) };
      case "nonsense":
        return this.#random.pick([
          { epoch: this.#around.foreignEpoch(this.spec.guild), seq },
          { epoch: "no-epoch-of-ours", seq },
          { epoch, seq: seq + 1_000_000 },
          { epoch, seq: -1 - seq },
          { epoch, seq: seq + 0.5 },
        ]);
    }
  }

  #later(atLeastMs: number): void {
    this.#socket = null;
    this.#acks = null;
    if (this.#isOver) return;
    const backoff = Math.min(RETRY_CAP_MS, RETRY_BASE_MS * 2 ** this.#attempt);
    const spread = this.#attempt === 0 ? Math.max(backoff, this.#retryWindowMs) : backoff;
    this.#attempt += 1;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(
      () => void this.#connect(),
      Math.max(atLeastMs, this.#random.next() * spread),
    );
  }

  #listen(entrance: Entrance, claim: Claim | null): void {
    const socket = new WebSocket(entrance.url, {
      perMessageDeflate: false,
      handshakeTimeout: GREETING_MS,
      headers: { ...entrance.headers },
    });
    this.#socket = socket;
    this.#openedAt = Date.now();
    this.#stalledUntil = 0;
    this.#renewing = false;
    socket.on("open", () => {
      if (entrance.hello !== undefined) socket.send(entrance.hello);
    });
    socket.on("message", (data: Buffer) => {
      if (!this.#isOver) this.#take(data.toString(), claim);
    });
    socket.on("error", () => {});
    socket.on("close", (code) => {
      if (this.#isOver) return;
      this.#write({ t: Date.now(), k: "close", code });
      if (code === 4401) this.#token = null;
      this.#stalledUntil = 0;
      this.#later(0);
    });
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
        this.#moved(frame.seq, 1, text.length, now);
        break;
      case "batch":
        this.#moved(frame.events.at(-1)?.seq ?? 0, frame.events.length, text.length, now);
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
    const announced = announcedBy(frame);
    this.#retryWindowMs = announced.retryWindowMs;
    this.#attempt = 0;
    this.#acks = new Acks(announced);
    // One that went back gets everything from there once more.
    const known = this.#position;
    if (claim !== null && known !== null && claim.epoch === known.epoch && claim.seq < known.seq) {
      if (claim.seq >= 0 && Number.isSafeInteger(claim.seq)) this.#position = claim;
    }
    if (this.spec.narrows) this.#narrow(Date.now());
  }

  #moved(seq: number, events: number, bytes: number, now: number): void {
    this.deliveries += events;
    this.#position = { epoch: this.#position?.epoch ?? "", seq };
    this.#acks?.count(events, bytes, now);
    this.#acknowledge(now);
  }

  #acknowledge(now: number): void {
    if (this.spec.life !== "acks" || this.#acks?.isDue(now) !== true) return;
    const seq = this.#position?.seq ?? 0;
    this.#write({ t: now, k: "ack", seq });
    this.#socket?.send(JSON.stringify({ type: "ack", seq }));
  }

  #narrow(now: number): void {
    // What holds while a token is verified would be anybody's guess.
    if (this.#renewing) return;
    this.#narrowedAt = now;
    const all = this.#around.channels();
    const channelIds = this.#random.shuffle(all).slice(0, this.#random.between(0, all.length));
    this.#write({ t: now, k: "subscribe", channelIds });
    this.#socket?.send(JSON.stringify({ type: "subscribe", channelIds }));
  }

  async #renew(): Promise<void> {
    const socket = this.#socket;
    this.#renewing = true;
    try {
      const token = await this.#newToken();
      if (this.#isOver || socket !== this.#socket || socket?.readyState !== WebSocket.OPEN) return;
      this.#token = token;
      const { exp } = token;
      this.#write({ t: Date.now(), k: "reauth", grants: grantsOf(this.spec.identity), exp });
      socket.send(JSON.stringify({ type: "reauth", token: token.text }));
    } catch {
      // Then it expires, and the client comes back with a new one.
      this.#renewing = false;
    }
  }

  #note(what: string): void {
    this.#write({ t: Date.now(), k: "note", what });
  }

  #write(line: ClientLine): void {
    if (!this.#isOver) this.#history.write(line);
  }
}

import { guildFor, type Principal } from "../platform/auth/principal.ts";
import type { TokenFailure } from "../platform/auth/verify-token.ts";
import { type Clock, within } from "../platform/clock.ts";
import type { IdGenerator } from "../platform/ids.ts";
import { log } from "../platform/log.ts";
import type { Result } from "../platform/result.ts";
import { CLOSE_CODES } from "../protocol/close-codes.ts";
import { PING_FRAME, PONG_FRAME, type Presence } from "../protocol/frames.ts";
import { hubConfigOf } from "./config.ts";
import { DEADLINES_TASK } from "./core/deadlines.ts";
import { LAGGING_TASK } from "./core/flow.ts";
import type { ConnectionOptions, TokenRequest } from "./core/frame-intake.ts";
import { RELAY_CALL_DEADLINE_MS } from "./core/relay-calls.ts";
import { NO_SEQ } from "./core/resume.ts";
import type { SessionIdentity } from "./core/session.ts";
import { type SnapshotAt, StreamServer } from "./core/stream-server.ts";
import { Entrance } from "./entrance.ts";
import type { HubEnv } from "./env.ts";
import { EventStream } from "./event-stream.ts";
import { HANDOVER_HEADER, identityOf, readHandover, type Handover } from "./handover.ts";
import { hubMeter, type HubMeter } from "./hub-meter.ts";
import type { Audience } from "./publisher.ts";
import type { HubRuntime, RuntimeSocket, Upgrade } from "./runtime.ts";
import { type HubSocket, SocketSet } from "./socket-set.ts";
import type { SqliteStore } from "./sqlite-store.ts";

/** A failed task runs again after this time, milliseconds. */
const TASK_RETRY_MS = 5_000;

/** The latest time of an alarm, milliseconds: the runtime refuses later ones, and a token may expire later. */
const ALARM_LATEST = Date.UTC(2189, 0);

/** Fact: when counting began, milliseconds. */
export const COUNTED_SINCE_FACT = "counted since";
/** Task that writes the metrics. A timer would keep the object awake. */
const METER_TASK = "hub/meter";
/** Shortest time between two writes of counted closes, milliseconds; they also go with other writes. */
const COUNTS_EVERY_MS = 1_000;
/** Status for a client that has left, as nginx logs it. Nobody receives it. */
const CLIENT_CLOSED_REQUEST = 499;
const OWN_TASKS: ReadonlySet<string> = new Set([DEADLINES_TASK, LAGGING_TASK, METER_TASK]);

/** What a client starts from. It is prepared before the client is let in, and may be outdated by then. */
export type Start = {
  /** Whether it still fits the journal. */
  readonly holds: () => boolean;
  /** The whole state, for a client that needs it. */
  readonly snapshot: (mayRead: (audience: Audience) => boolean) => SnapshotAt;
};

/** What differs between a hub and a relay. */
export type StreamHostPorts = {
  readonly guildId: string;
  /** Index; null: the hub itself. */
  readonly relay: number | null;
  /** Gets this object ready to serve. @returns whether it takes clients */
  readonly attach: () => boolean | Promise<boolean>;
  /** Prepares the start of a connection. Rejects when it cannot now; the client tries again. */
  readonly prepare: (
    identity: SessionIdentity,
    options: ConnectionOptions,
  ) => Start | Promise<Start>;
  readonly presence: () => Presence;
  readonly onPresenceChange: () => void;
  /** A client was let in. */
  readonly onServed: () => void;
  /** A task that is not the stream's own is due. */
  readonly runTask: (key: string) => Promise<void>;
};

/** An object that serves a stream: storage, sockets, upgrades, tokens, the alarm and calls to other objects. */
export class StreamHost {
  readonly store: SqliteStore;
  readonly sockets: SocketSet;
  readonly server: StreamServer<HubSocket>;
  readonly meter: HubMeter;
  readonly clock: Clock;
  readonly newId: IdGenerator;
  readonly #runtime: HubRuntime;
  readonly #env: HubEnv;
  readonly #ports: StreamHostPorts;
  readonly #entrance: Entrance;
  /** When the alarm is set for; undefined: not known since the wake. */
  #armedAt: number | null | undefined;
  #flushMeter: () => void = () => {};
  /** Counted but not written yet, so that many closes at once share a commit. */
  readonly #closes = new Map<string, number>();
  #countedAt = 0;

  constructor(runtime: HubRuntime, env: HubEnv, store: SqliteStore, ports: StreamHostPorts) {
    this.#runtime = runtime;
    this.clock = runtime.clock;
    this.newId = runtime.newId;
    this.#env = env;
    this.#ports = ports;
    this.store = store;
    this.#entrance = new Entrance((ms, run) => this.#after(ms, run));
    this.sockets = new SocketSet(runtime);
    this.server = new StreamServer({
      guildId: ports.guildId,
      store,
      sockets: this.sockets,
      clock: runtime.clock,
      after: (ms, run) => this.#after(ms, run),
      presence: ports.presence,
      onPresenceChange: ports.onPresenceChange,
      onEnd: (why) => this.#countClose(CLOSE_CODES[why].code),
      onLag: () => this.meter.count("lagging"),
      onOpen: (decision) => {
        if (decision.kind === "resume") this.meter.count("resumed");
        else this.meter.count("reset", 1, decision.reason);
      },
    });
    this.meter = hubMeter(env, ports.guildId, (ms, run) => {
      this.#flushMeter = run;
      store.writeTask(METER_TASK, runtime.clock() + ms);
    });
    store.count("wakes", 1);
    if (store.readFact(COUNTED_SINCE_FACT) === null) {
      store.writeFact(COUNTED_SINCE_FACT, String(runtime.clock()));
    }
    runtime.setAutoResponse(PING_FRAME, PONG_FRAME);
  }

  /** Takes a WebSocket or a stream that the Worker hands over, or refuses with a status. */
  async connect(request: Upgrade): Promise<Response> {
    const handover = readHandover(request.headers.get(HANDOVER_HEADER));
    if (handover === null || !this.#isForUs(handover)) return refused(503);
    const options: ConnectionOptions = {
      id: this.newId(this.clock()),
      batch: handover.batch,
      signals: handover.signals === true,
      ...(handover.transport === undefined ? {} : { transport: handover.transport }),
      resume: { epoch: handover.epoch, seq: handover.seq === null ? NO_SEQ : handover.seq },
    };
    const { identity } = handover;
    if (identity === undefined) return this.#letWait(options, handover.address, request.signal);
    // The rate comes first: what follows costs work for each client.
    if (!this.server.accepts() || !(await this.#ports.attach())) return refused(503);
    const start = await this.#prepared(identity, options);
    if (start === null) return refused(503);
    return this.#entrance.enter(() => {
      const status = request.signal.aborted
        ? CLIENT_CLOSED_REQUEST
        : this.#admit(identity, handover, start);
      if (status !== null) {
        this.server.notAccepted();
        return refused(status);
      }
      this.#ports.onServed();
      const response =
        handover.transport === undefined
          ? this.#openSocket(identity, options, start)
          : this.#openStream(identity, options, start, request.signal);
      this.arm();
      return response;
    });
  }

  /**
   * Takes one frame of a client. Never rejects: if our code or the storage fails, the socket is closed, and the
   * client resumes.
   */
  async message(socket: RuntimeSocket, data: string | ArrayBuffer): Promise<void> {
    try {
      const request = this.server.message(socket, data);
      this.arm();
      if (request === null) return;
      const verified = await this.#runtime.verifyToken(request.token);
      await this.#answerToken(socket, request, verified);
      this.arm();
    } catch (error) {
      this.#logFailure("hub.message_failed", error);
      // Not through the core, which would write to the storage that may have failed.
      this.sockets.close(socket, "restart");
    }
  }

  /** A socket is gone. Never throws. @param code that the client or the network gave */
  closed(socket: RuntimeSocket, code: number): void {
    try {
      this.sockets.reciprocateClose(socket);
      if (this.server.closed(socket)) this.#countClose(code);
      this.arm();
    } catch (error) {
      this.#logFailure("hub.close_failed", error);
    }
  }

  /** Runs the tasks that are due. */
  async alarm(): Promise<void> {
    this.#armedAt = undefined;
    const due = this.store.dueTasks(this.clock());
    this.writeCounts();
    if (due.includes(DEADLINES_TASK))
      this.#look(DEADLINES_TASK, () => this.server.checkDeadlines());
    if (due.includes(LAGGING_TASK)) this.#look(LAGGING_TASK, () => this.server.checkLagging());
    if (due.includes(METER_TASK)) {
      this.store.writeTask(METER_TASK, null);
      this.#flushMeter();
    }
    const others = due.filter((key) => !OWN_TASKS.has(key));
    await Promise.all(others.map((key) => this.#runTask(key)));
    this.arm();
  }

  /** Writes what was counted. Call it where something is written anyway. */
  writeCounts(): void {
    for (const [name, by] of this.#closes) this.store.count(name, by);
    this.#closes.clear();
  }

  /** Sets the alarm for the next task. Call it at the end of each event. */
  arm(): void {
    this.meter.count("delivered", this.server.takeDelivered());
    const at = this.store.nextTaskAt();
    const next = at === null ? null : Math.min(at, ALARM_LATEST);
    if (next === this.#armedAt) return;
    this.#armedAt = next;
    this.#runtime.setAlarm(next);
  }

  /** Keeps work alive after the present event was answered. */
  background(work: Promise<unknown>): void {
    this.#runtime.waitUntil(
      work.catch((error: unknown) => {
        log("error", "hub.background_failed", { guildId: this.#ports.guildId, error });
      }),
    );
  }

  /**
   * Waits for the answer of another object. Rejects when it cannot be reached, or does not answer in time.
   */
  answerOf<T>(name: string, answer: Promise<T>): Promise<T> {
    return within(
      RELAY_CALL_DEADLINE_MS,
      answer,
      () => {
        throw new Error(`${name} has not answered in ${RELAY_CALL_DEADLINE_MS} ms`);
      },
      this.#runtime.timer,
    );
  }

  #countClose(code: number): void {
    this.meter.count("closed", 1, String(code));
    const name = `close:${code}`;
    this.#closes.set(name, (this.#closes.get(name) ?? 0) + 1);
    const now = this.clock();
    if (now - this.#countedAt < COUNTS_EVERY_MS) return;
    this.#countedAt = now;
    this.writeCounts();
  }

  #isForUs({ guildId, relay }: Handover): boolean {
    return guildId === this.#ports.guildId && (relay ?? null) === this.#ports.relay;
  }

  async #letWait(
    options: ConnectionOptions,
    address: string | undefined,
    client: AbortSignal,
  ): Promise<Response> {
    if (!this.server.acceptsToWait(address) || !(await this.#ports.attach())) return refused(503);
    if (client.aborted) return refused(CLIENT_CLOSED_REQUEST);
    // Other sockets may have taken the places meanwhile.
    if (!this.server.hasPlaceToWait(address)) return refused(503);
    const { socket, response } = this.#runtime.accept();
    this.server.wait(socket, options, address);
    this.arm();
    return response;
  }

  /** @returns an HTTP status to refuse with, or null */
  #admit(identity: SessionIdentity, { ticket }: Handover, start: Start): 401 | 503 | null {
    if (!start.holds() || !this.server.hasRoom()) return 503;
    if (this.server.isRevoked(identity)) return 401;
    if (ticket === undefined) return null;
    const now = this.clock();
    this.writeCounts();
    // Read and write without an `await` in between, so that a ticket works only once (HUB-7).
    const fresh =
      ticket.expiresAt > now && this.store.remember(`ticket:${ticket.id}`, ticket.expiresAt, now);
    return fresh ? null : 401;
  }

  #openSocket(identity: SessionIdentity, options: ConnectionOptions, start: Start): Response {
    const { socket, response } = this.#runtime.accept();
    this.server.open(socket, identity, options, start.snapshot);
    return response;
  }

  #openStream(
    identity: SessionIdentity,
    options: ConnectionOptions,
    start: Start,
    client: AbortSignal,
  ): Response {
    const stream: EventStream = new EventStream({
      stored: () => this.#runtime.storage.sync(),
      onTaken: (seq) => {
        this.server.taken(stream, seq);
        this.arm();
      },
      onGone: () => {
        this.sockets.removeStream(stream);
        this.server.closed(stream);
        this.arm();
      },
      random: Math.random,
    });
    this.sockets.addStream(stream);
    this.server.open(stream, identity, options, start.snapshot);
    // The runtime cancels a body only when something is written to it.
    const { code, meaning } = CLOSE_CODES.goingAway;
    client.addEventListener("abort", () => stream.close(code, meaning), { once: true });
    return new Response(stream.readable, { headers: { "Content-Type": "text/event-stream" } });
  }

  async #answerToken(
    socket: RuntimeSocket,
    request: TokenRequest,
    verified: Result<Principal, TokenFailure>,
  ): Promise<void> {
    const { server } = this;
    if (!this.#isAnswerable(socket, request)) return server.authenticatedAlready(socket);
    if (!verified.ok) {
      // Without the provider's keys the token cannot be checked: the client tries again with it.
      const isUnknown = verified.error.reason === "keys_unavailable";
      server.tokenRefused(socket, isUnknown ? "overloaded" : "unauthorized");
      return;
    }
    const principal = verified.value;
    const { guildId } = this.#ports;
    const identity = identityOf(principal, this.clock());
    const allowed = guildFor(principal, guildId, hubConfigOf(this.#env).primaryGuildId) === guildId;
    if (!allowed || !identity.ok) {
      const hasEnded = !identity.ok && identity.error === "expired";
      server.tokenRefused(socket, hasEnded ? "unauthorized" : "forbidden");
      return;
    }
    if (server.isRevoked(identity.value)) {
      if (request.kind === "reauth") server.end(socket, "unauthorized");
      else server.tokenRefused(socket, "unauthorized");
      return;
    }
    if (request.kind === "reauth") {
      server.renew(socket, identity.value);
      return;
    }
    const start = await this.#prepared(identity.value, request.options);
    if (!this.#isAnswerable(socket, request)) return server.authenticatedAlready(socket);
    if (start === null || !start.holds()) {
      server.tokenRefused(socket, "overloaded");
      return;
    }
    this.#ports.onServed();
    server.open(socket, identity.value, request.options, start.snapshot);
  }

  async #prepared(identity: SessionIdentity, options: ConnectionOptions): Promise<Start | null> {
    try {
      return await this.#ports.prepare(identity, options);
    } catch (error) {
      log("warn", "hub.not_prepared", { guildId: this.#ports.guildId, error });
      return null;
    }
  }

  /** During an `await` the socket may have closed, or another frame may have opened it. */
  #isAnswerable(socket: RuntimeSocket, request: TokenRequest): boolean {
    return (
      socket.readyState === WebSocket.OPEN &&
      this.server.isWaiting(socket) === (request.kind === "auth")
    );
  }

  /** Runs a check of the sockets, and again later if it fails. */
  #look(task: string, look: () => void): void {
    try {
      look();
    } catch (error) {
      this.#logFailure("hub.task_failed", error, { task });
      this.store.writeTask(task, this.clock() + TASK_RETRY_MS);
    }
  }

  #logFailure(event: string, error: unknown, facts: { readonly task?: string } = {}): void {
    log("error", event, { guildId: this.#ports.guildId, ...facts, error });
  }

  async #runTask(key: string): Promise<void> {
    const { store } = this;
    const at = store.readTask(key);
    try {
      await this.#ports.runTask(key);
      // Unless it was rescheduled meanwhile.
      if (store.readTask(key) === at) store.writeTask(key, null);
    } catch (error) {
      this.#logFailure("hub.task_failed", error, { task: key });
      store.writeTask(key, this.clock() + TASK_RETRY_MS);
    }
  }

  #after(ms: number, run: () => void): void {
    const done = new Promise<void>((resolve) => {
      this.#runtime.timer(ms, () => {
        try {
          run();
        } catch (error) {
          // A client that missed something sees the gap in `seq` and resumes.
          this.#logFailure("hub.timer_failed", error);
        }
        resolve();
      });
    });
    this.#runtime.waitUntil(done);
  }
}

function refused(status: 401 | 499 | 503): Response {
  return new Response(null, { status });
}

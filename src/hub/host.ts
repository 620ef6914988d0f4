import { type Clock, within } from "../platform/clock.ts";
import type { IdGenerator } from "../platform/ids.ts";
import { log } from "../platform/log.ts";
import { ok } from "../platform/result.ts";
import { CLOSE_CODES } from "../protocol/close-codes.ts";
import type { Presence } from "../protocol/frames.ts";
import { OTHER_CODE } from "../protocol/hub-report.ts";
import { Admission, type AdmissionPorts } from "./admission.ts";
import { DEADLINES_TASK } from "./core/deadlines.ts";
import type { After } from "./core/batch-window.ts";
import { LAGGING_TASK } from "./core/flow.ts";
import type { Said } from "./core/frame-intake.ts";
import type { LiveSession } from "./core/live-session.ts";
import { RELAY_CALL_DEADLINE_MS } from "./core/relay-calls.ts";
import type { Admit } from "./core/opening.ts";
import { StreamServer } from "./core/stream-server.ts";
import { LOST, NO_STATUS } from "./edge/edge-socket.ts";
import type { HubEnv } from "./env.ts";
import type { HubKind } from "./kind.ts";
import { hubMeter, type HubMeter } from "./hub-meter.ts";
import type { HubRuntime, RuntimeSocket, Upgrade } from "./runtime.ts";
import { SocketSet } from "./socket-set.ts";
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
/** Task that writes the counted closes. */
const COUNTS_TASK = "hub/counts";
const OWN_TASKS: ReadonlySet<string> = new Set([
  COUNTS_TASK,
  DEADLINES_TASK,
  LAGGING_TASK,
  METER_TASK,
]);

/** Codes of closes by clients that are counted: ours, and those that only a runtime makes. */
const COUNTED_CODES: ReadonlySet<number> = new Set([
  ...Object.values(CLOSE_CODES).map(({ code }) => code),
  NO_STATUS,
  LOST,
]);

/** What differs between a hub and a relay. */
export type StreamHostPorts = AdmissionPorts & {
  readonly presence: () => Presence;
  /** How many sockets this object will hold for sure; 0: as many as now. */
  readonly plannedSockets: () => number;
  readonly onPresenceChange: () => void;
  /** A session has begun. */
  readonly onOpened?: (session: LiveSession) => void;
  /** A session was closed, whoever closed it. */
  readonly onGone?: (session: LiveSession, code: number) => void;
  /** A client says something to an extension. @returns whether anybody takes it */
  readonly onSaid?: (said: Said) => boolean;
  /** Whether the extensions let a client connect. Absent: there is none that hears clients. */
  readonly admit?: Admit;
  /** An event ends. */
  readonly settle?: () => void;
  /** A task that is not the stream's own is due. */
  readonly runTask: (key: string) => Promise<void>;
};

/** An object that serves a stream: storage, sockets, upgrades, tokens, the alarm and calls to other objects. */
export class StreamHost {
  readonly store: SqliteStore;
  readonly sockets: SocketSet;
  readonly server: StreamServer<RuntimeSocket>;
  readonly meter: HubMeter;
  readonly clock: Clock;
  readonly newId: IdGenerator;
  readonly #runtime: HubRuntime;
  readonly #env: HubEnv;
  readonly #kind: HubKind;
  readonly #ports: StreamHostPorts;
  readonly #admission: Admission;
  /** When the alarm is set for; undefined: as at the wake. */
  #armedAt: number | null | undefined;
  #flushMeter: () => void = () => {};
  /** Counted but not written yet, so that many closes at once share a commit. */
  readonly #closes = new Map<string, number>();
  #countedAt = 0;

  constructor(
    runtime: HubRuntime,
    env: HubEnv,
    kind: HubKind,
    store: SqliteStore,
    ports: StreamHostPorts,
  ) {
    this.#runtime = runtime;
    this.#env = env;
    this.#kind = kind;
    this.clock = runtime.clock;
    this.newId = runtime.newId;
    this.#ports = ports;
    this.store = store;
    const after: After = (ms, run) => this.#after(ms, run);
    this.sockets = new SocketSet(runtime);
    this.server = new StreamServer({
      hub: ports.hub,
      kind,
      store,
      sockets: this.sockets,
      clock: runtime.clock,
      after,
      presence: ports.presence,
      plannedSockets: ports.plannedSockets,
      onPresenceChange: ports.onPresenceChange,
      onEnd: (code) => this.#countClose(String(code)),
      onLag: () => this.meter.count("lagging"),
      onOpened: (session) => ports.onOpened?.(session),
      onGone: (session, code) => ports.onGone?.(session, code),
      admit: (client) => ports.admit?.(client) ?? ok(undefined),
      onOpen: (decision) => {
        if (decision.kind === "resume") this.meter.count("resumed");
        else this.meter.count("reset", 1, decision.reason);
      },
    });
    this.meter = hubMeter(env, { kind: kind.name, name: ports.hub }, (ms, run) => {
      this.#flushMeter = run;
      store.writeTask(METER_TASK, runtime.clock() + ms);
    });
    this.#admission = new Admission({
      runtime,
      store,
      server: this.server,
      ports,
      after,
      writeCounts: () => this.writeCounts(),
      arm: () => this.arm(),
    });
    if (kind.countsWakes !== false) store.count("wakes", 1);
    if (store.readFact(COUNTED_SINCE_FACT) === null) {
      store.writeFact(COUNTED_SINCE_FACT, String(runtime.clock()));
    }
    runtime.setAutoResponse(kind.ping.request, kind.ping.answer);
  }

  /** Takes a WebSocket that the Worker hands over, or refuses with a status. */
  connect(request: Upgrade): Promise<Response> {
    return this.#admission.connect(request);
  }

  /**
   * Takes one frame of a client. Never rejects: if our code or the storage fails, the socket is closed, and the
   * client resumes.
   */
  async message(socket: RuntimeSocket, data: string | ArrayBuffer): Promise<void> {
    try {
      const request = this.server.message(socket, data);
      if (request?.kind === "said" && this.#ports.onSaid?.(request) !== true) {
        this.server.direct.refuse(request.from.id);
      }
      this.arm();
      if (request === null || request.kind === "said") return;
      const { hub } = this.#ports;
      const { token } = request;
      const admitted = await this.#kind.authenticate(this.#env, token, this.clock(), hub);
      this.#admission.renew(socket, hub, admitted);
      this.arm();
    } catch (error) {
      this.#logFailure("hub.message_failed", error);
      // Not through the core, which would write to the storage that may have failed.
      const { code, reason } = this.server.sessions.dialectOf(socket).farewell("restart");
      this.sockets.close(socket, code, reason);
    }
  }

  /** A socket is gone. Never throws. @param code that the client or the network gave */
  closed(socket: RuntimeSocket, code: number): void {
    try {
      this.sockets.reciprocateClose(socket);
      if (this.server.closed(socket, code)) this.#countClose(closeName(code));
      this.arm();
    } catch (error) {
      this.#logFailure("hub.close_failed", error);
    }
  }

  /** Runs the tasks that are due. */
  async alarm(): Promise<void> {
    // It is gone now that it has come.
    this.#armedAt = null;
    const due = this.store.dueTasks(this.clock());
    this.writeCounts();
    if (due.includes(COUNTS_TASK)) this.store.writeTask(COUNTS_TASK, null);
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
    try {
      this.#ports.settle?.();
    } catch (error) {
      this.#logFailure("hub.settle_failed", error);
    }
    this.meter.count("delivered", this.server.takeDelivered());
    this.schedule();
  }

  /** Sets the alarm for the next task, and does nothing else. */
  schedule(): void {
    const at = this.store.nextTaskAt();
    const next = at === null ? null : Math.min(at, ALARM_LATEST);
    const before = this.#armedAt === undefined ? this.#runtime.alarmAtWake : this.#armedAt;
    if (next === before) return;
    this.#armedAt = next;
    this.#runtime.setAlarm(next);
  }

  /** Keeps work alive after the present event was answered. */
  background(work: Promise<unknown>): void {
    this.#runtime.waitUntil(
      work.catch((error: unknown) => {
        log("error", "hub.background_failed", { hub: this.#ports.hub, error });
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

  /** @param code one of ours or of an extension, or {@link OTHER_CODE} */
  #countClose(code: string): void {
    this.meter.count("closed", 1, code);
    const name = `close:${code}`;
    this.#closes.set(name, (this.#closes.get(name) ?? 0) + 1);
    const now = this.clock();
    if (now - this.#countedAt >= COUNTS_EVERY_MS) {
      this.#countedAt = now;
      this.writeCounts();
    } else if (this.#closes.size === 1 && this.#closes.get(name) === 1) {
      // The first of those that wait: memory may be gone before the next close.
      this.store.writeTask(COUNTS_TASK, this.#countedAt + COUNTS_EVERY_MS);
    }
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
    log("error", event, { hub: this.#ports.hub, ...facts, error });
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

/** Clients choose from thousands of codes. Each one that is counted is a row, and a label of the metrics. */
function closeName(code: number): string {
  return COUNTED_CODES.has(code) ? String(code) : OTHER_CODE;
}

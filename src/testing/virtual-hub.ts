import type { CloseName } from "../protocol/close-codes.ts";
import { type Presence, ServerFrame } from "../protocol/frames.ts";
import { DEADLINES_TASK } from "../hub/core/deadlines.ts";
import { LAGGING_TASK } from "../hub/core/flow.ts";
import type { Entry } from "../hub/core/journal.ts";
import type { ResumeDecision } from "../hub/core/resume.ts";
import { Sequencer } from "../hub/core/sequencer.ts";
import { parseSessionRecord, type SessionRecord } from "../hub/core/session.ts";
import { StreamServer } from "../hub/core/stream-server.ts";
import { MemoryStore } from "../hub/memory-store.ts";
import type { Audience, Published } from "../hub/publisher.ts";

/** A socket that keeps what it was sent, and its attachment through an eviction. */
export class VirtualSocket {
  readonly sent: string[] = [];
  closed: CloseName | null = null;
  attachment: unknown = null;
  pingAt: number | null = null;

  frames(): ServerFrame[] {
    return this.sent.map((text) => ServerFrame.parse(JSON.parse(text)));
  }

  /** Every event it was sent, out of batches as well. */
  events(): { seq: number; prev?: number | undefined; event: string; id: string }[] {
    return this.frames().flatMap((frame) => {
      if (frame.type === "event") return [frame];
      return frame.type === "batch" ? frame.events : [];
    });
  }

  last(): ServerFrame | undefined {
    return this.frames().at(-1);
  }
}

/** How a virtual client connects. */
export type VirtualConnect = {
  readonly sub?: string;
  readonly grants?: readonly string[];
  readonly exp?: number;
  readonly iat?: number;
  readonly batch?: boolean;
  readonly signals?: boolean;
  readonly epoch?: string;
  readonly seq?: number;
  /** It pinged before it authenticated, milliseconds. */
  readonly pingAt?: number;
};

/** A timer shared by everything that is virtual. */
export class VirtualClock {
  now = 1_000_000_000_000;
  #timers: { readonly at: number; readonly run: () => void }[] = [];

  after(ms: number, run: () => void): void {
    this.#timers.push({ at: this.now + ms, run });
  }

  pass(ms: number): void {
    this.now += ms;
    const due = this.#timers.filter((timer) => timer.at <= this.now);
    this.#timers = this.#timers.filter((timer) => timer.at > this.now);
    for (const timer of due) timer.run();
  }

  /** The batching window is over: what an eviction waits for. */
  settle(): void {
    for (const timer of this.#timers.splice(0)) timer.run();
  }
}

/** Sockets served from a store in memory, by the real core. */
export class VirtualServer {
  readonly sockets = new Set<VirtualSocket>();
  readonly ended: CloseName[] = [];
  readonly opened: ResumeDecision[] = [];
  readonly clock: VirtualClock;
  readonly store: MemoryStore;
  presence: Presence = { count: 0, users: null };
  presenceChanges = 0;
  lags = 0;
  /** Counts up with each crash: what was under way in an earlier life goes nowhere. */
  life = 0;
  server: StreamServer<VirtualSocket>;
  /** Where a snapshot comes from. */
  snapshotSeq = (): number => this.store.extent().head;
  #ids = 0;

  constructor(clock = new VirtualClock(), store = new MemoryStore("epoch-1")) {
    this.clock = clock;
    this.store = store;
    this.server = this.#make();
  }

  get now(): number {
    return this.clock.now;
  }

  /** What a Durable Object loses when it is evicted: all but storage and sockets. */
  evict(): void {
    this.clock.settle();
    this.server = this.#make();
  }

  /** What it loses when its process dies: the sockets as well. */
  crash(): void {
    for (const socket of this.sockets) socket.closed ??= "restart";
    this.sockets.clear();
    this.life += 1;
    this.server = this.#make();
  }

  pass(ms: number): void {
    this.clock.pass(ms);
    this.runDue();
  }

  /** What the alarm does. */
  runDue(): void {
    const due = this.store.dueTasks(this.now);
    if (due.includes(DEADLINES_TASK)) this.server.checkDeadlines();
    if (due.includes(LAGGING_TASK)) this.server.checkLagging();
  }

  connect(options: VirtualConnect = {}): VirtualSocket {
    const { sub = "alice", iat } = options;
    const socket = new VirtualSocket();
    socket.pingAt = options.pingAt ?? null;
    this.sockets.add(socket);
    this.server.open(
      socket,
      {
        sub,
        grants: [`sub:${sub}`, ...(options.grants ?? [])],
        exp: options.exp ?? Math.floor(this.now / 1000) + 3600,
        ...(iat === undefined ? {} : { iat }),
      },
      {
        id: `c${++this.#ids}`,
        batch: options.batch ?? false,
        signals: options.signals ?? false,
        resume: { epoch: options.epoch, seq: options.seq },
      },
      () => ({ seq: this.snapshotSeq(), state: { rooms: [] } }),
    );
    return socket;
  }

  wait(address?: string): VirtualSocket {
    const socket = new VirtualSocket();
    this.sockets.add(socket);
    this.server.wait(socket, { id: `c${++this.#ids}`, batch: false, resume: {} }, address);
    return socket;
  }

  drop(socket: VirtualSocket): void {
    this.sockets.delete(socket);
    this.server.closed(socket);
  }

  ack(socket: VirtualSocket, seq: number): void {
    this.server.message(socket, JSON.stringify({ type: "ack", seq }));
  }

  #make(): StreamServer<VirtualSocket> {
    return new StreamServer<VirtualSocket>({
      guildId: "g",
      store: this.store,
      clock: () => this.clock.now,
      after: (ms, run) => {
        const { life } = this;
        this.clock.after(ms, () => {
          if (life === this.life) run();
        });
      },
      presence: () => this.presence,
      onPresenceChange: () => {
        this.presenceChanges += 1;
      },
      onEnd: (why) => this.ended.push(why),
      onLag: () => {
        this.lags += 1;
      },
      onOpen: (decision) => this.opened.push(decision),
      sockets: {
        all: () => this.sockets,
        send: (socket, text) => {
          if (socket.closed === null) socket.sent.push(text);
        },
        close: (socket, why) => {
          socket.closed ??= why;
        },
        load: (socket): SessionRecord | null =>
          socket.closed === null ? parseSessionRecord(structuredClone(socket.attachment)) : null,
        save: (socket, record) => {
          socket.attachment = structuredClone(record);
        },
        lastPingAt: (socket) => socket.pingAt,
      },
    });
  }
}

/** A hub over memory, with a clock that the test turns. */
export class VirtualHub extends VirtualServer {
  sequencer: Sequencer = this.#makeSequencer();
  /** Told what each turn appended, after the hub's own sockets. */
  onAppended: (entries: readonly Entry[]) => void = () => {};
  #eventIds = 0;

  override evict(): void {
    super.evict();
    this.sequencer = this.#makeSequencer();
  }

  override crash(): void {
    super.crash();
    this.sequencer = this.#makeSequencer();
  }

  publish(
    audience: Audience = null,
    topic: string | null = null,
    dedupeKey?: string,
    payload: Record<string, unknown> = {},
  ): Published {
    return this.sequencer.turn(() =>
      this.sequencer.publish({
        event: "test.happened",
        payload: { guildId: "g", n: this.store.extent().head + 1, ...payload },
        audience,
        topic,
        ...(dedupeKey === undefined ? {} : { dedupeKey }),
      }),
    );
  }

  #makeSequencer(): Sequencer {
    return new Sequencer({
      store: this.store,
      clock: () => this.clock.now,
      newId: () => `id-${++this.#eventIds}`,
      isKnownEvent: (event) => event.startsWith("test.") || event.startsWith("x."),
      onAppended: (entries) => {
        this.server.broadcast(entries);
        this.onAppended(entries);
      },
    });
  }
}

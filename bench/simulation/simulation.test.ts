/**
 * The hub's real core under a crowd: `npm run simulate` with a million clients, here with a thousand.
 * Objects, network and clients are made up; sequencing, journal, placement, fan-out, relays, resume and
 * flow control are the code that runs in Durable Objects. What `hub-relays.ts` and `relay-object.ts` do
 * between the core and the platform is done here in the same way.
 */
import { writeFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { DEADLINES_TASK } from "../../src/hub/core/deadlines.ts";
import { LAGGING_TASK } from "../../src/hub/core/flow.ts";
import type { ConnectionOptions } from "../../src/hub/core/frame-intake.ts";
import type { Entry, RelayRow } from "../../src/hub/core/journal.ts";
import { planPlacement, type PlacementLimits } from "../../src/hub/core/placement.ts";
import { Relay } from "../../src/hub/core/relay.ts";
import type { JournalPull, RelayAck, RelayCall } from "../../src/hub/core/relay-calls.ts";
import { RelayFanout, RELAYS_TASK } from "../../src/hub/core/relay-fanout.ts";
import { Sequencer } from "../../src/hub/core/sequencer.ts";
import type { SessionRecord } from "../../src/hub/core/session.ts";
import { type SnapshotAt, StreamServer } from "../../src/hub/core/stream-server.ts";
import { MemoryStore } from "../../src/hub/memory-store.ts";
import {
  ACCEPTS_PER_SECOND,
  PLACEMENT_TTL_MS,
  PRESENCE_DEBOUNCE_MS,
  SOCKETS_PER_HUB,
  SOCKETS_PER_RELAY,
} from "../../src/protocol/limits.ts";
import { type Client, Connection, Crowd, type Place } from "./clients.ts";
import { KINDS, Ledger } from "./ledger.ts";
import { Mortal, Network } from "./network.ts";
import { runPlan, type Results, type World } from "./plan.ts";
import { type Random, seededRandom } from "./random.ts";
import { describeResults } from "./results.ts";
import { VirtualTime } from "./virtual-time.ts";

const GUILD = "100000000000000001";
const FAR_FUTURE_SECONDS = 4e9;
const LOAD_TASK = "relay/load";
const STATE_FACT = "relay";
/** Worker isolates that remember the placement. */
const ISOLATES = 200;

/** Counts the rows that the journal takes. */
class CountingStore extends MemoryStore {
  appended = 0;
  override append(entry: Entry): void {
    this.appended += 1;
    super.append(entry);
  }
}

/** What all objects of one run share. */
type Shared = {
  readonly time: VirtualTime;
  readonly network: Network;
  readonly limits: PlacementLimits;
  readonly crowd: () => Crowd;
};

/** A Durable Object that serves a stream: its storage outlives it, its memory does not. */
abstract class Host extends Mortal implements Place {
  readonly store = new CountingStore("epoch");
  readonly sockets = new Set<Connection>();
  readonly shared: Shared;
  server: StreamServer<Connection>;
  /** Clients let in, by second. */
  readonly acceptedAt = new Map<number, number>();
  /** Times that a client used up its credit. */
  lags = 0;
  #armedAt: number | null = null;
  #isAlarmed = false;

  constructor(shared: Shared) {
    super();
    this.shared = shared;
    this.server = this.#serve();
  }

  /** Its memory and its sockets are gone; it is made anew from its storage. */
  crash(): void {
    const connections = [...this.sockets];
    this.sockets.clear();
    this.sleep();
    for (const connection of connections) this.shared.crowd().lost(connection);
  }

  /** Its memory is gone, its sockets stay. */
  sleep(): void {
    this.die();
    this.server = this.#serve();
    this.wake();
    this.#armedAt = null;
    this.#isAlarmed = false;
    this.arm();
  }

  /** Whether it does something that it could not sleep through. */
  get isBusy(): boolean {
    return this.inbound.size > 0;
  }

  message(connection: Connection, text: string): void {
    this.server.message(connection, text);
    this.arm();
  }

  closed(connection: Connection): void {
    this.sockets.delete(connection);
    this.server.closed(connection);
    this.arm();
  }

  arm(): void {
    const next = this.store.nextTaskAt();
    if (this.#isAlarmed || next === null || next === this.#armedAt) return;
    this.#armedAt = next;
    this.shared.time.after(next - this.shared.time.clock(), () => {
      if (this.#armedAt !== next) return;
      this.#armedAt = null;
      void this.#alarm();
    });
  }

  /** Something made anew in memory. */
  protected abstract wake(): void;
  protected abstract runTask(key: string): Promise<void> | void;
  protected abstract onPresenceChange(): void;

  /** Lets a client in, with everything at hand that it needs. */
  protected admit(client: Client, snapshot: () => SnapshotAt): void {
    const { crowd, time } = this.shared;
    if (!this.server.hasRoom()) {
      crowd().turnedAway(client);
      return;
    }
    const connection = new Connection(client, this, time.clock());
    const second = Math.floor(time.clock() / 1000);
    this.acceptedAt.set(second, (this.acceptedAt.get(second) ?? 0) + 1);
    this.sockets.add(connection);
    crowd().entered(connection);
    const grants = client.kind === KINDS.privileged ? ["mods"] : [];
    const identity = { sub: client.sub, grants, exp: FAR_FUTURE_SECONDS };
    this.server.open(connection, identity, optionsOf(client), snapshot);
    this.onPresenceChange();
    this.arm();
  }

  #serve(): StreamServer<Connection> {
    const { time, crowd } = this.shared;
    const generation = this.generation;
    return new StreamServer<Connection>({
      guildId: GUILD,
      store: this.store,
      clock: time.clock,
      after: (ms, run) => time.after(ms, () => this.generation === generation && run()),
      presence: () => ({ count: 0, users: null }),
      onPresenceChange: () => this.onPresenceChange(),
      onEnd: () => {},
      onLag: () => {
        this.lags += 1;
      },
      onOpen: () => {},
      sockets: {
        all: () => this.sockets,
        send: (connection, text) => crowd().send(connection, text),
        close: (connection) => {
          this.sockets.delete(connection);
          time.after(1, () => crowd().lost(connection));
        },
        load: (connection) => connection.record as SessionRecord | null,
        save: (connection, record) => {
          connection.record = record;
        },
        lastPingAt: (connection) => connection.pingedAt(time.clock()),
      },
    });
  }

  /** The platform never runs two alarms of an object at once. */
  async #alarm(): Promise<void> {
    const { generation } = this;
    this.#isAlarmed = true;
    const due = this.store.dueTasks(this.shared.time.clock());
    if (due.includes(DEADLINES_TASK)) this.server.checkDeadlines();
    if (due.includes(LAGGING_TASK)) this.server.checkLagging();
    const others = due.filter((key) => key !== DEADLINES_TASK && key !== LAGGING_TASK);
    await Promise.all(others.map((key) => this.#run(key, generation)));
    if (this.generation !== generation) return;
    this.#isAlarmed = false;
    this.arm();
  }

  async #run(key: string, generation: number): Promise<void> {
    const at = this.store.readTask(key);
    let next: number | null = null;
    try {
      await this.runTask(key);
    } catch {
      next = this.shared.time.clock() + 5_000;
    }
    if (this.generation !== generation) return;
    if (this.store.readTask(key) === at || next !== null) this.store.writeTask(key, next);
  }
}

function optionsOf({ epoch, last, sub, batch }: Client): ConnectionOptions {
  return { id: sub, batch, resume: epoch === undefined ? {} : { epoch, seq: last } };
}

class Hub extends Host {
  readonly relays = new Map<number, SimRelay>();
  calls = 0;
  pulls = 0;
  snapshotCalls = 0;
  places = 0;
  /** It dies in the next turn, when what it published is stored and nobody was told. */
  diesAfterCommit = false;
  fanout: RelayFanout;
  #sequencer: Sequencer;
  #ids = 0;

  constructor(shared: Shared) {
    super(shared);
    this.fanout = this.#makeFanout();
    this.#sequencer = this.#makeSequencer();
  }

  /** @returns null: it died, and nobody knows what became of it */
  publish(mark: string, pad: string, privileged: boolean): "published" | "duplicate" | null {
    const generation = this.generation;
    const published = this.#sequencer.turn(() =>
      this.#sequencer.publish({
        event: "simulated.event",
        payload: { mark, pad },
        audience: privileged ? ["mods"] : null,
        topic: null,
        dedupeKey: mark,
      }),
    );
    this.arm();
    if (this.generation !== generation) return null;
    if (published.kind === "refused") throw new Error(published.why);
    return published.kind;
  }

  enter(client: Client): void {
    if (!this.server.accepts()) this.shared.crowd().turnedAway(client);
    else this.admit(client, () => this.snapshot());
  }

  snapshot(): SnapshotAt {
    return { seq: this.store.extent().head, state: {} };
  }

  lowSince: number | null = null;

  place(): readonly number[] {
    this.places += 1;
    const { relays, drain, lowSince } = planPlacement({
      ownSockets: this.server.sessions.openCount,
      relays: this.fanout.relays,
      limits: this.shared.limits,
      lowSince: this.lowSince,
      now: this.shared.time.clock(),
    });
    this.lowSince = lowSince;
    const row = this.fanout.relays.find((one) => one.index === drain);
    if (row !== undefined) {
      this.fanout.write({ ...row, state: "draining" });
      this.store.writeTask(RELAYS_TASK, this.shared.time.clock());
      this.arm();
    }
    return relays;
  }

  relay(index: number): SimRelay {
    const known = this.relays.get(index) ?? new SimRelay(this.shared, this, index);
    this.relays.set(index, known);
    return known;
  }

  pull(after: number): JournalPull {
    this.pulls += 1;
    const { epoch, head, oldest } = this.store.extent();
    const entries = after >= head ? [] : this.store.readAfter(after, 1_000, 1024 * 1024);
    return { v: 1, epoch, head, oldest, entries };
  }

  attach(index: number): boolean {
    const known = this.#row(index);
    if (known === undefined) this.fanout.write({ index, state: "open", sockets: 0, users: 0 });
    return known?.state !== "draining";
  }

  release(index: number): boolean {
    if (this.#row(index)?.state === "open") return false;
    this.fanout.remove(index);
    return true;
  }

  noteLoad(index: number, sockets: number, users: number): boolean {
    const known = this.#row(index);
    if (known === undefined) return false;
    this.fanout.write({ ...known, sockets, users });
    return known.state === "draining";
  }

  override get isBusy(): boolean {
    const { head } = this.store.extent();
    return (
      super.isBusy ||
      this.fanout.relays.some(({ index }) => this.fanout.acknowledged(index).have !== head)
    );
  }

  protected override wake(): void {
    this.fanout = this.#makeFanout();
    this.#sequencer = this.#makeSequencer();
  }

  protected override runTask(key: string): Promise<void> | void {
    if (key === RELAYS_TASK) return this.fanout.recall();
  }

  protected override onPresenceChange(): void {}

  #row(index: number): RelayRow | undefined {
    return this.fanout.relays.find((one) => one.index === index);
  }

  #makeFanout(): RelayFanout {
    const { network, time } = this.shared;
    return new RelayFanout({
      guildId: GUILD,
      store: this.store,
      clock: time.clock,
      call: (index, call) => {
        this.calls += 1;
        const relay = this.relay(index);
        return network.call(this, relay, () => relay.take(call));
      },
      background: (work) => void work.catch(() => {}),
      revision: () => 0,
      onAck: () => {},
    });
  }

  #makeSequencer(): Sequencer {
    return new Sequencer({
      store: this.store,
      clock: this.shared.time.clock,
      newId: () => `e${(this.#ids += 1)}`,
      isKnownEvent: () => true,
      onAppended: (entries) => {
        if (this.fanout.relays.length > 0) this.fanout.expectCall();
        if (this.diesAfterCommit) {
          this.diesAfterCommit = false;
          this.crash();
          return;
        }
        this.server.broadcast(entries);
        const first = entries[0];
        if (first !== undefined) void this.fanout.flush({ from: first.seq - 1 });
      },
    });
  }
}

class SimRelay extends Host {
  readonly hub: Hub;
  readonly index: number;
  #relay: Relay<Connection>;
  #attaching: Promise<boolean> | null = null;
  #waiting: { resolve: (at: SnapshotAt) => void; reject: (why: unknown) => void }[] = [];
  #isAsking = false;

  constructor(shared: Shared, hub: Hub, index: number) {
    super(shared);
    this.hub = hub;
    this.index = index;
    this.store.adopt("");
    this.#relay = this.#makeRelay();
  }

  async take(call: RelayCall): Promise<RelayAck> {
    const ack = await this.#relay.take(call);
    if (call.draining) {
      this.store.writeFact(STATE_FACT, "draining");
      this.store.writeTask(LOAD_TASK, this.shared.time.clock());
    }
    this.arm();
    return ack;
  }

  enter(client: Client): void {
    const crowd = this.shared.crowd();
    // Whoever waits here when it dies is turned away by the platform.
    const turnAway = (): void => crowd.turnedAway(client);
    this.inbound.add(turnAway);
    const settle = (how: () => void): void => {
      if (this.inbound.delete(turnAway)) how();
    };
    this.#prepare(client).then(
      (snapshot) => settle(snapshot === null ? turnAway : () => this.admit(client, snapshot)),
      () => settle(turnAway),
    );
  }

  /** @returns what gives the client the whole state, if it needs it; null: it cannot come in now */
  async #prepare(client: Client): Promise<(() => SnapshotAt) | null> {
    if (!(await this.#attached()) || !this.server.accepts()) return null;
    const { epoch, head } = this.store.extent();
    if (client.epoch === epoch && client.last > head) await this.#relay.catchUp();
    const needsState = this.server.decide(optionsOf(client)).kind === "snapshot";
    const at = needsState ? await this.#snapshot() : null;
    return () => {
      if (at === null) throw new Error("nobody asked for the state");
      return at;
    };
  }

  protected override wake(): void {
    this.#attaching = null;
    this.#waiting = [];
    this.#isAsking = false;
    this.#relay = this.#makeRelay();
  }

  protected override runTask(key: string): Promise<void> | void {
    if (key === LOAD_TASK) return this.#tellLoad();
  }

  protected override onPresenceChange(): void {
    if (this.store.readTask(LOAD_TASK) !== null) return;
    this.store.writeTask(LOAD_TASK, this.shared.time.clock() + PRESENCE_DEBOUNCE_MS);
    this.arm();
  }

  #attached(): Promise<boolean> | boolean {
    const state = this.store.readFact(STATE_FACT);
    if (state === "attached") return true;
    if (state === "draining") return false;
    this.#attaching ??= this.#attach().finally(() => {
      this.#attaching = null;
    });
    return this.#attaching;
  }

  async #attach(): Promise<boolean> {
    if (!(await this.#ask((hub) => hub.attach(this.index)))) return false;
    await this.#relay.catchUp();
    this.store.writeFact(STATE_FACT, "attached");
    return true;
  }

  #snapshot(): Promise<SnapshotAt> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      if (!this.#isAsking) void this.#askForSnapshots();
    });
  }

  async #askForSnapshots(): Promise<void> {
    this.#isAsking = true;
    while (this.#waiting.length > 0) {
      const asked = this.#waiting.splice(0);
      try {
        this.hub.snapshotCalls += 1;
        const at = await this.#ask((hub) => hub.snapshot());
        for (const { resolve } of asked) resolve(at);
      } catch (error) {
        for (const { reject } of asked) reject(error);
      }
    }
    this.#isAsking = false;
  }

  async #tellLoad(): Promise<void> {
    const { openCount, usersCount } = this.server.sessions;
    const draining = await this.#ask((hub) => hub.noteLoad(this.index, openCount, usersCount));
    if (!draining && this.store.readFact(STATE_FACT) !== "draining") return;
    this.store.writeFact(STATE_FACT, "draining");
    this.server.sendAway(ACCEPTS_PER_SECOND / 2);
    if (openCount > 0) {
      this.store.writeTask(LOAD_TASK, this.shared.time.clock() + 1_000);
      return;
    }
    const released = await this.#ask((hub) => hub.release(this.index));
    this.store.writeFact(STATE_FACT, released ? "released" : "attached");
    if (released) this.store.adopt("");
  }

  #ask<T>(question: (hub: Hub) => T): Promise<T> {
    return this.shared.network.call(this, this.hub, () => question(this.hub));
  }

  #makeRelay(): Relay<Connection> {
    return new Relay({
      store: this.store,
      clock: this.shared.time.clock,
      server: this.server,
      hub: {
        pull: (after) => this.#ask((hub) => hub.pull(after)),
        revocations: async () => [],
      },
    });
  }
}

type Size = { readonly clients: number; readonly limits: PlacementLimits; readonly pad: number };

/** Everything of one run, made anew. */
function makeWorld({ clients, limits }: Size, seed: number): World {
  const random: Random = seededRandom(seed);
  const time = new VirtualTime(1_800_000_000_000);
  const network = new Network(time, random);
  const ledger = new Ledger();
  const shared: Shared = { time, network, limits, crowd: () => crowd };
  const hub = new Hub(shared);
  const isolates = new Map<
    number,
    { readonly relays: readonly number[]; readonly until: number }
  >();
  const crowd = new Crowd({ count: clients, time, random, ledger, enter });
  function enter(client: Client): void {
    const isolate = client.index % ISOLATES;
    // An object that had no room makes its isolate ask again.
    let known = client.attempt > 0 ? undefined : isolates.get(isolate);
    if (known === undefined || known.until <= time.clock()) {
      known = { relays: hub.place(), until: time.clock() + PLACEMENT_TTL_MS };
      isolates.set(isolate, known);
    }
    const relay = known.relays[client.index % known.relays.length];
    if (relay === undefined) hub.enter(client);
    else hub.relay(relay).enter(client);
  }
  const hosts = (): Host[] => [hub, ...hub.relays.values()];
  return {
    random,
    time,
    network,
    ledger,
    crowd,
    publish: (mark, pad, privileged) => hub.publish(mark, pad, privileged),
    killHubAfterCommit: () => {
      hub.diesAfterCommit = true;
    },
    crashRelay: () => {
      const relays = [...hub.relays.values()];
      relays[Math.floor(random() * relays.length)]?.crash();
    },
    crashAll: () => {
      for (const host of hosts()) host.crash();
    },
    sleep: (share) => {
      for (const host of hosts()) if (!host.isBusy && random() < share) host.sleep();
    },
    counts: () => ({
      relays: hub.fanout.relays.length,
      relaySockets: [...hub.relays.values()].map((relay) => relay.sockets.size),
      hubSockets: hub.sockets.size,
      calls: hub.calls,
      pulls: hub.pulls,
      snapshotCalls: hub.snapshotCalls,
      places: hub.places,
      lags: hosts().reduce((sum, host) => sum + host.lags, 0),
      hubRows: hub.store.appended,
      relayRows: [...hub.relays.values()].reduce((sum, { store }) => sum + store.appended, 0),
    }),
    acceptsSince: (ms) => {
      const perObject: number[] = [];
      const total = new Map<number, number>();
      for (const { acceptedAt } of hosts()) {
        for (const [second, accepts] of acceptedAt) {
          if (second * 1000 < ms - 999) continue;
          perObject.push(accepts);
          total.set(second, (total.get(second) ?? 0) + accepts);
        }
      }
      const most = (values: Iterable<number>): number => {
        let max = 0;
        for (const value of values) max = Math.max(max, value);
        return max;
      };
      return { perObject: most(perObject), total: most(total.values()) };
    },
  };
}

/** A thousand clients with objects that are small in the same proportion, so that relays are many. */
const SMALL: Size = { clients: 1_000, limits: { hub: 40, relay: 80 }, pad: 6_000 };

function sizeFrom(variable: string | undefined): Size {
  const clients = Number(variable ?? SMALL.clients);
  if (clients <= SMALL.clients) return { ...SMALL, clients };
  return { clients, limits: { hub: SOCKETS_PER_HUB, relay: SOCKETS_PER_RELAY }, pad: 300 };
}

const NO_FAULTS = { lost: 0, duplicated: 0, reordered: 0, leaked: 0, altered: 0 };

describe("a crowd at a hub and its relays", () => {
  const size = sizeFrom(process.env["SIMULATE_CLIENTS"]);
  const seed = Number(process.env["SIMULATE_SEED"] ?? 1);

  test(
    `every one of ${size.clients} clients gets each event once and in order, whatever dies`,
    async () => {
      const results: Results = await runPlan(makeWorld(size, seed), size);
      const file = process.env["SIMULATE_RESULTS"];
      if (file !== undefined) await writeFile(file, describeResults(results));
      expect(results.faults).toEqual(NO_FAULTS);
      expect(results.faulty.incomplete).toBe(0);
      expect(results.incomplete).toBe(0);
      expect(Object.keys(results.snapshots)).toEqual(["first_connection"]);
    },
    size.clients > SMALL.clients ? 1_800_000 : 60_000,
  );
});

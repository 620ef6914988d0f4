import { DEADLINES_TASK } from "../../src/hub/core/deadlines.ts";
import { LAGGING_TASK } from "../../src/hub/core/flow.ts";
import type { ConnectionOptions } from "../../src/hub/core/frame-intake.ts";
import type { Entry } from "../../src/hub/core/journal.ts";
import type { PlacementLimits } from "../../src/hub/core/placement.ts";
import type { SessionRecord } from "../../src/hub/core/session.ts";
import { type SnapshotAt, StreamServer } from "../../src/hub/core/stream-server.ts";
import { MemoryStore } from "../../src/hub/memory-store.ts";
import { type Client, Connection, type Place } from "./client.ts";
import type { Crowd } from "./crowd.ts";
import { KINDS } from "./ledger.ts";
import { Mortal, type Network } from "./network.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** The one guild that all objects of a run serve. */
export const GUILD = "100000000000000001";
const FAR_FUTURE_SECONDS = 4e9;
/** A task that failed is due again after this time, milliseconds. */
const TASK_RETRY_MS = 5_000;

/** Counts the rows that the journal takes. */
class CountingStore extends MemoryStore {
  appended = 0;
  override append(entry: Entry): void {
    this.appended += 1;
    super.append(entry);
  }
}

/** What all objects of one run share. */
export type Shared = {
  readonly time: VirtualTime;
  readonly network: Network;
  readonly limits: PlacementLimits;
  readonly crowd: () => Crowd;
};

/**
 * A Durable Object that serves a stream: its storage outlives it, its memory does not. It does between
 * the core and the platform what `stream-host.ts` does.
 */
export abstract class VirtualHost extends Mortal implements Place {
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
      next = this.shared.time.clock() + TASK_RETRY_MS;
    }
    if (this.generation !== generation) return;
    if (this.store.readTask(key) === at || next !== null) this.store.writeTask(key, next);
  }
}

/** What a client's upgrade asks for. */
export function optionsOf({ epoch, last, sub, batch }: Client): ConnectionOptions {
  return { id: sub, batch, resume: epoch === undefined ? {} : { epoch, seq: last } };
}

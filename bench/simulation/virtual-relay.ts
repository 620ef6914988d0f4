import { Relay } from "../../src/hub/core/relay.ts";
import type { JournalPull, RelayAck, RelayCall } from "../../src/hub/core/relay-calls.ts";
import type { SnapshotAt } from "../../src/hub/core/stream-server.ts";
import { ACCEPTS_PER_SECOND, PRESENCE_DEBOUNCE_MS } from "../../src/protocol/limits.ts";
import type { Client, Connection } from "./client.ts";
import type { Mortal } from "./network.ts";
import { optionsOf, type Shared, VirtualHost } from "./virtual-host.ts";

const LOAD_TASK = "relay/load";
/** Fact: what the hub has made of this relay. */
const STATE_FACT = "relay";
/** While it sends clients away, milliseconds between two parts of them, and how many each has. */
const DRAIN_EVERY_MS = 1_000;
const DRAIN_SOCKETS = ACCEPTS_PER_SECOND / 2;

/** What a relay asks its hub. */
export type RelaysHub = Mortal & {
  /** @returns whether the hub takes it */
  readonly attach: (index: number) => boolean;
  /** @returns whether it is let go */
  readonly release: (index: number) => boolean;
  /** @returns whether it is to send its clients away */
  readonly noteLoad: (index: number, sockets: number, users: number) => boolean;
  readonly pull: (after: number) => JournalPull;
  readonly snapshot: () => SnapshotAt;
};

/** An object with a copy of the journal and the clients that were placed there, as `relay-object.ts` has it. */
export class VirtualRelay extends VirtualHost {
  readonly hub: RelaysHub;
  /** Times that it asked the hub for the whole state. */
  snapshotCalls = 0;
  readonly index: number;
  #relay: Relay<Connection>;
  #attaching: Promise<boolean> | null = null;
  #waiting: { resolve: (at: SnapshotAt) => void; reject: (why: unknown) => void }[] = [];
  #isAsking = false;

  constructor(shared: Shared, hub: RelaysHub, index: number) {
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
        this.snapshotCalls += 1;
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
    this.server.sendAway(DRAIN_SOCKETS);
    if (openCount > 0) {
      this.store.writeTask(LOAD_TASK, this.shared.time.clock() + DRAIN_EVERY_MS);
      return;
    }
    const released = await this.#ask((hub) => hub.release(this.index));
    this.store.writeFact(STATE_FACT, released ? "released" : "attached");
    if (released) this.store.adopt("");
  }

  #ask<T>(question: (hub: RelaysHub) => T): Promise<T> {
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

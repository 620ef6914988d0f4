import { REVOCATION_TTL_MS } from "../protocol/limits.ts";
import type { RevocationTarget } from "../protocol/hub-report.ts";
import { Relay } from "../hub/core/relay.ts";
import type { JournalPull, RelayAttachment } from "../hub/core/relay-calls.ts";
import { RelayFanout, RELAYS_TASK } from "../hub/core/relay-fanout.ts";
import type { Audience, Published, Signal } from "../hub/publisher.ts";
import { MemoryStore } from "../hub/memory-store.ts";
import {
  VirtualClock,
  type VirtualConnect,
  VirtualHub,
  VirtualServer,
  type VirtualSocket,
} from "./virtual-hub.ts";

/** Facts with the newest revocation, and with whether the hub calls a relay. */
const REVISION_FACT = "revision";
const STATE_FACT = "relay";
/** What one pull carries: few, so that a gap takes several. */
const PULL_EVENTS = 20;
const PULL_BYTES = 1024 * 1024;

/** What becomes of one call between a hub and a relay. */
export type Fate = "arrives" | "request lost" | "answer lost" | { readonly lateMs: number };

type Call = {
  readonly caller: VirtualServer;
  readonly callee: VirtualServer;
  readonly lose: () => void;
};

/** Carries calls between a hub and its relays, and loses some. */
class VirtualWire {
  /** Decides on each call. */
  fate: () => Fate = () => "arrives";
  /** Calls that were made. */
  calls = 0;
  readonly #clock = new VirtualClock();
  readonly #open = new Set<Call>();

  /** Calls `work` at `callee`. Rejects when it cannot be reached; never settles for a dead caller. */
  carry<T>(caller: VirtualServer, callee: VirtualServer, work: () => T | Promise<T>): Promise<T> {
    const fate = this.fate();
    const callerLife = caller.life;
    const calleeLife = callee.life;
    this.calls += 1;
    return new Promise<T>((resolve, reject) => {
      const answer = (settle: () => void): void => {
        this.#open.delete(call);
        if (caller.life === callerLife) settle();
      };
      const call: Call = {
        caller,
        callee,
        lose: () => answer(() => reject(new Error("not reached"))),
      };
      this.#open.add(call);
      const run = async (): Promise<void> => {
        // As a request does, it leaves after the turn that made it.
        await Promise.resolve();
        // What is on its way arrives, though its caller may be dead by then.
        const isAway = typeof fate === "object" || caller.life === callerLife;
        if (!isAway || callee.life !== calleeLife) return call.lose();
        if (fate === "request lost") return call.lose();
        try {
          const value = await work();
          if (fate === "answer lost") call.lose();
          else answer(() => resolve(value));
        } catch (error) {
          answer(() => reject(error instanceof Error ? error : new Error(String(error))));
        }
      };
      if (typeof fate === "object") this.#clock.after(fate.lateMs, () => void run());
      else void run();
    });
  }

  /** Whoever waits for this one has lost it. */
  cut(callee: VirtualServer): void {
    for (const call of this.#open) if (call.callee === callee) call.lose();
  }

  /** Whether a call is under way that keeps this one from sleeping. */
  isBusy(server: VirtualServer): boolean {
    return [...this.#open].some(({ caller, callee }) => caller === server || callee === server);
  }

  pass(ms: number): void {
    this.#clock.pass(ms);
  }
}

/** A relay over memory: what `relay-object.ts` does with the core, without Workers. */
export class VirtualRelay extends VirtualServer {
  readonly index: number;
  relay: Relay<VirtualSocket>;
  readonly #guild: VirtualGuild;
  readonly #joining = new Set<(socket: null) => void>();

  constructor(guild: VirtualGuild, index: number) {
    super(guild.clock, new MemoryStore(`new-${index}`));
    this.index = index;
    this.#guild = guild;
    this.relay = this.#makeRelay();
  }

  override evict(): void {
    super.evict();
    this.relay = this.#makeRelay();
  }

  override crash(): void {
    super.crash();
    this.relay = this.#makeRelay();
    this.#guild.wire.cut(this);
    for (const resolve of this.#joining) resolve(null);
    this.#joining.clear();
  }

  /** A client comes. @returns null when it has to come back later */
  join(options: VirtualConnect): Promise<VirtualSocket | null> {
    return new Promise((resolve) => {
      this.#joining.add(resolve);
      void this.#joinOrNot(options).then((socket) => resolve(socket));
    });
  }

  async #joinOrNot(options: VirtualConnect): Promise<VirtualSocket | null> {
    try {
      return await this.#join(options);
    } catch {
      return null;
    }
  }

  async #join(options: VirtualConnect): Promise<VirtualSocket | null> {
    if (!(await this.#attached())) return null;
    const { epoch, seq } = options;
    const extent = this.store.extent();
    if (epoch === extent.epoch && seq !== undefined && seq > extent.head) {
      await this.relay.catchUp();
    }
    const asked = { id: "", batch: false, resume: { epoch, seq } };
    if (this.server.decide(asked).kind === "snapshot") {
      const at = await this.#guild.wire.carry(
        this,
        this.#guild.hub,
        () => this.#guild.hub.store.extent().head,
      );
      this.snapshotSeq = () => at;
    }
    return this.connect(options);
  }

  async #attached(): Promise<boolean> {
    if (this.store.readFact(STATE_FACT) === "attached") return true;
    const { hub, wire } = this.#guild;
    const attachment = await wire.carry(this, hub, () => this.#guild.attach(this.index));
    if (!attachment.accepted) return false;
    this.relay.revoke(attachment.revocations);
    await this.relay.catchUp();
    this.store.writeFact(STATE_FACT, "attached");
    return true;
  }

  #makeRelay(): Relay<VirtualSocket> {
    const guild = this.#guild;
    return new Relay({
      store: this.store,
      clock: () => this.clock.now,
      server: this.server,
      hub: {
        pull: (after) => guild.wire.carry(this, guild.hub, () => guild.pull(after)),
        revocations: (revision) =>
          guild.wire.carry(this, guild.hub, () =>
            guild.hub.store.readRevocations(revision, guild.clock.now),
          ),
      },
    });
  }
}

/** A hub with relays over a wire: what `hub-relays.ts` does with the core, without Workers. */
export class VirtualGuild {
  readonly clock = new VirtualClock();
  readonly wire = new VirtualWire();
  readonly hub = new VirtualHub(this.clock);
  readonly relays: readonly VirtualRelay[];
  fanout: RelayFanout;
  /** What relays have closed for revocations, as far as the hub was told. */
  closedAtRelays = 0;

  constructor(relays: number) {
    this.relays = Array.from({ length: relays }, (_, index) => new VirtualRelay(this, index));
    this.fanout = this.#makeFanout();
    this.hub.onAppended = ([first]) => {
      if (first === undefined || this.fanout.relays.length === 0) return;
      this.fanout.expectCall();
      void this.fanout.flush({ from: first.seq - 1 });
    };
  }

  publish(
    audience: Audience = null,
    topic: string | null = null,
    dedupeKey?: string,
    payload: Record<string, unknown> = {},
  ): Published {
    return this.hub.publish(audience, topic, dedupeKey, payload);
  }

  signal(signal: Signal): void {
    this.hub.server.signal(signal);
    void this.fanout.flush({ signal });
  }

  /** @returns how many the hub closed itself */
  revoke(target: RevocationTarget): number {
    const { store, server } = this.hub;
    const { now } = this.clock;
    const revision = this.revision + 1;
    store.transaction(() => {
      store.writeRevocation({ revision, target, at: now, expiresAt: now + REVOCATION_TTL_MS });
      store.writeFact(REVISION_FACT, String(revision));
      this.fanout.expectCall();
    });
    const closed = server.revoke(target, now);
    void this.fanout.flush();
    return closed;
  }

  get revision(): number {
    return Number(this.hub.store.readFact(REVISION_FACT) ?? 0);
  }

  /** The hub takes a relay. */
  attach(index: number): RelayAttachment {
    if (!this.fanout.relays.some((row) => row.index === index)) {
      this.fanout.write({ index, state: "open", sockets: 0, users: 0 });
    }
    const revocations = this.hub.store.readRevocations(0, this.clock.now);
    return { v: 1, accepted: true, revocations };
  }

  /** What a relay reads of the hub's journal. */
  pull(after: number): JournalPull {
    const { store } = this.hub;
    const { epoch, head, oldest } = store.extent();
    const entries = after >= head ? [] : store.readAfter(after, PULL_EVENTS, PULL_BYTES);
    return { v: 1, epoch, head, oldest, entries };
  }

  /** Until all that needs no time is done. */
  async quiet(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Time passes everywhere, and what is due is done. */
  async pass(ms: number): Promise<void> {
    this.clock.pass(ms);
    this.wire.pass(ms);
    await this.quiet();
    this.hub.runDue();
    for (const relay of this.relays) relay.runDue();
    if (this.hub.store.dueTasks(this.clock.now).includes(RELAYS_TASK)) void this.fanout.recall();
    await this.quiet();
  }

  /** The hub sleeps and wakes, unless a call keeps it awake: its memory is gone. */
  async evictHub(): Promise<void> {
    await this.quiet();
    if (this.wire.isBusy(this.hub)) return;
    this.hub.evict();
    this.fanout = this.#makeFanout();
  }

  async evictRelay(index: number): Promise<void> {
    await this.quiet();
    const relay = this.relays[index];
    if (relay !== undefined && !this.wire.isBusy(relay)) relay.evict();
  }

  /** The hub's process dies: what was committed stays, calls and sockets do not. */
  crashHub(): void {
    this.hub.crash();
    this.wire.cut(this.hub);
    this.fanout = this.#makeFanout();
  }

  crashRelay(index: number): void {
    this.relays[index]?.crash();
  }

  /** The hub comes back with another journal. */
  renewEpoch(epoch: string): void {
    this.crashHub();
    this.hub.store.adopt(epoch);
  }

  #makeFanout(): RelayFanout {
    const { hub, wire, clock } = this;
    return new RelayFanout({
      guildId: "g",
      store: hub.store,
      clock: () => clock.now,
      call: (index, call) => {
        const relay = this.relays[index];
        if (relay === undefined) throw new Error(`there is no relay ${index}`);
        return wire.carry(hub, relay, () => relay.relay.take(structuredClone(call)));
      },
      background: (work) => void work.catch(() => {}),
      revision: () => this.revision,
      onAck: (_, { closed }) => {
        this.closedAtRelays += closed;
      },
    });
  }
}

import type { RelayRow } from "../../src/hub/core/journal.ts";
import { planPlacement } from "../../src/hub/core/placement.ts";
import type { JournalPull } from "../../src/hub/core/relay-calls.ts";
import { RelayFanout, RELAYS_TASK } from "../../src/hub/core/relay-fanout.ts";
import { Sequencer } from "../../src/hub/core/sequencer.ts";
import type { SnapshotAt } from "../../src/hub/core/stream-server.ts";
import type { Client } from "./client.ts";
import { GUILD, type Shared, VirtualHost } from "./virtual-host.ts";
import { type RelaysHub, VirtualRelay } from "./virtual-relay.ts";

/** Fact with the time since when one relay less would do; empty: it would not. */
const LOW_FACT = "relays low since";
/** What one pull carries at most. */
const PULL_EVENTS = 1_000;
const PULL_BYTES = 1024 * 1024;

/**
 * The object of a guild: it publishes, holds sockets and calls its relays, as `guild-hub.ts` and
 * `hub-relays.ts` do.
 */
export class VirtualHub extends VirtualHost implements RelaysHub {
  readonly relays = new Map<number, VirtualRelay>();
  calls = 0;
  pulls = 0;
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

  /** Where new clients go; a relay that is not needed any more begins to send its own away. */
  place(): readonly number[] {
    this.places += 1;
    const known = this.store.readFact(LOW_FACT) ?? "";
    const { relays, drain, lowSince } = planPlacement({
      ownSockets: this.server.sessions.openCount,
      relays: this.fanout.relays,
      limits: this.shared.limits,
      lowSince: known === "" ? null : Number(known),
      now: this.shared.time.clock(),
    });
    this.store.writeFact(LOW_FACT, lowSince === null ? "" : String(lowSince));
    const row = this.fanout.relays.find((one) => one.index === drain);
    if (row !== undefined) {
      this.fanout.write({ ...row, state: "draining" });
      this.store.writeTask(RELAYS_TASK, this.shared.time.clock());
      this.arm();
    }
    return relays;
  }

  /** The relay of that index, whether clients are there or not. */
  relay(index: number): VirtualRelay {
    const known = this.relays.get(index) ?? new VirtualRelay(this.shared, this, index);
    this.relays.set(index, known);
    return known;
  }

  pull(after: number): JournalPull {
    this.pulls += 1;
    const { epoch, head, oldest } = this.store.extent();
    const entries = after >= head ? [] : this.store.readAfter(after, PULL_EVENTS, PULL_BYTES);
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

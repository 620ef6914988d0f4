import type { Clock } from "../../platform/clock.ts";
import type { Signal } from "../publisher.ts";
import type { HubStore, RelayRow } from "./journal.ts";
import type { RelayAck, RelayCall } from "./relay-calls.ts";

/** Task that calls relays which have not acknowledged everything. */
export const RELAYS_TASK = "hub/relays";

/** A relay that did not acknowledge is called again after this time, milliseconds. */
const RECALL_MS = 1_000;
/** The most that one call carries. */
const CALL_EVENTS = 1_000;
const CALL_BYTES = 1024 * 1024;

/** What the fan-out to relays is built from. */
export type RelayFanoutPorts = {
  /** Name of the hub. */
  readonly hub: string;
  readonly store: HubStore;
  readonly clock: Clock;
  /** Calls a relay. Rejects when it cannot be reached. @returns null: it has another journal */
  readonly call: (index: number, call: RelayCall) => Promise<RelayAck | null>;
  /** A relay has events of the present epoch that the hub does not have: the hub was restored to an older point. */
  readonly onRestored: () => void;
  /** Keeps work alive after the present event was answered. */
  readonly background: (work: Promise<unknown>) => void;
  /** The newest revocation. */
  readonly revision: () => number;
  /** A relay has acknowledged a call. @param before what was known of it */
  readonly onAck: (before: RelayRow, ack: RelayAck) => void;
};

type Link = {
  /** The seq that the relay has acknowledged; null: it was not called since the wake. */
  have: number | null;
  revision: number | null;
  /** The state that it was last told; null: it was not called since the wake. */
  state: RelayRow["state"] | null;
  failed: boolean;
  running: Promise<void> | null;
  readonly signals: Map<string, Signal>;
};

/**
 * Sends relays what is new (hub.md, scale-out). Each relay has at most one call under way, which carries
 * everything that it has not acknowledged. So a burst shares calls, and a lost call loses nothing. The journal
 * is the queue. A task repeats the calls that a crash after the commit has prevented.
 */
export class RelayFanout {
  readonly #ports: RelayFanoutPorts;
  readonly #links = new Map<number, Link>();
  #relays: RelayRow[] | null = null;

  constructor(ports: RelayFanoutPorts) {
    this.#ports = ports;
  }

  /** The relays of this hub. */
  get relays(): readonly RelayRow[] {
    this.#relays ??= this.#ports.store.readRelays();
    return this.#relays;
  }

  /** The seq that a relay has acknowledged; null: it was not called since the wake. */
  acknowledged(index: number): { readonly have: number | null; readonly failed: boolean } {
    const { have = null, failed = false } = this.#links.get(index) ?? {};
    return { have, failed };
  }

  /** Stores a relay, or its change. */
  write(relay: RelayRow): void {
    this.#ports.store.writeRelay(relay);
    this.#relays = null;
  }

  /** Forgets a relay. */
  remove(index: number): void {
    this.#ports.store.deleteRelay(index);
    this.#links.delete(index);
    this.#relays = null;
  }

  /** Plans a call. Run it in the turn that appends, so that both are stored together, then {@link flush}. */
  expectCall(): void {
    if (this.relays.length === 0) return;
    const { store, clock } = this.#ports;
    if (store.readTask(RELAYS_TASK) === null) store.writeTask(RELAYS_TASK, clock() + RECALL_MS);
  }

  /**
   * Calls every relay with what it does not have.
   * @param from the probable seq of a relay that was not called since the wake
   * @param rewinds nothing is known of what the relays have
   * @returns after each was called, or could not be reached
   */
  async flush({
    from,
    signal,
    rewinds = false,
  }: { from?: number; signal?: Signal; rewinds?: boolean } = {}): Promise<void> {
    const work = this.relays.map((relay) => {
      const link = this.#linkOf(relay.index);
      link.have = rewinds ? null : (link.have ?? from ?? null);
      if (signal !== undefined) link.signals.set(signal.key, signal);
      link.running ??= this.#run(relay.index, link).finally(() => {
        link.running = null;
      });
      return link.running;
    });
    if (work.length === 0) return;
    const all = Promise.all(work);
    this.#ports.background(all);
    await all;
  }

  /** The task is due: calls the relays again that do not have everything. */
  async recall(): Promise<void> {
    await this.flush();
    const { store, clock } = this.#ports;
    const isDone = this.relays.every(({ index }) => this.#isUpToDate(index, this.#linkOf(index)));
    store.writeTask(RELAYS_TASK, isDone ? null : clock() + RECALL_MS);
  }

  async #run(index: number, link: Link): Promise<void> {
    const { hub, store, call, revision } = this.#ports;
    // After a wake nothing is known, so every relay is called once.
    while (!this.#isUpToDate(index, link)) {
      const { epoch, head } = store.extent();
      const after = link.have ?? head;
      const entries = after < head ? store.readAfter(after, CALL_EVENTS, CALL_BYTES) : [];
      const signals = [...link.signals.values()];
      link.signals.clear();
      const afterSeq = entries[0] === undefined ? head : entries[0].seq - 1;
      const [last] = store.readBefore(afterSeq + 1, 1);
      const before = link.have;
      const told = revision();
      const { state = null } = this.#rowOf(index) ?? {};
      try {
        const ack = await call(index, {
          v: 1,
          hub,
          guildId: hub,
          epoch,
          head,
          after: afterSeq,
          ...(last?.seq === afterSeq ? { afterId: last.id } : {}),
          entries,
          signals,
          revision: told,
          draining: state === "draining",
        });
        const now = store.extent();
        if (ack === null || (ack.have > now.head && epoch === now.epoch)) {
          // Another relay may have been first to find it out.
          if (epoch === now.epoch) this.#ports.onRestored();
          link.have = null;
          continue;
        }
        link.have = ack.have;
        link.revision = ack.revision;
        link.state = state;
        link.failed = false;
        this.#noteAck(index, ack);
        // The call has changed nothing. The task tries again later.
        if ((ack.have === before && ack.have !== head) || ack.revision < told) return;
      } catch {
        link.failed = true;
        for (const one of signals) if (!link.signals.has(one.key)) link.signals.set(one.key, one);
        return;
      }
    }
  }

  /** A relay that was released lacks nothing. */
  #isUpToDate(index: number, { have, revision, state, signals }: Link): boolean {
    const row = this.#rowOf(index);
    return (
      row === undefined ||
      (have === this.#ports.store.extent().head &&
        revision !== null &&
        revision >= this.#ports.revision() &&
        state === row.state &&
        signals.size === 0)
    );
  }

  #noteAck(index: number, ack: RelayAck): void {
    const row = this.#rowOf(index);
    if (row === undefined) return;
    const { sockets, users } = ack;
    if (row.sockets !== sockets || row.users !== users) this.write({ ...row, sockets, users });
    this.#ports.onAck(row, ack);
  }

  #rowOf(index: number): RelayRow | undefined {
    return this.relays.find((relay) => relay.index === index);
  }

  #linkOf(index: number): Link {
    const known = this.#links.get(index);
    if (known !== undefined) return known;
    const link: Link = {
      have: null,
      revision: null,
      state: null,
      failed: false,
      running: null,
      signals: new Map(),
    };
    this.#links.set(index, link);
    return link;
  }
}

import type { Clock } from "../../platform/clock.ts";
import type { Signal } from "../publisher.ts";
import type { HubStore, RelayRow } from "./journal.ts";
import type { RelayAck, RelayCall } from "./relay-calls.ts";

/** Task that calls relays which have not acknowledged everything. */
export const RELAYS_TASK = "hub/relays";

/** A relay that did not acknowledge is called again after this time, milliseconds. */
const RECALL_MS = 1_000;
/** What one call carries at most. */
const CALL_EVENTS = 1_000;
const CALL_BYTES = 1024 * 1024;

/** What the fan-out to relays needs. */
export type RelayFanoutPorts = {
  readonly guildId: string;
  readonly store: HubStore;
  readonly clock: Clock;
  /** Calls a relay. Rejects when it cannot be reached. */
  readonly call: (index: number, call: RelayCall) => Promise<RelayAck>;
  /** Lets work go on after the present event is answered. */
  readonly background: (work: Promise<unknown>) => void;
  /** The newest revocation. */
  readonly revision: () => number;
  /** A relay has acknowledged a call. @param before what was known of it */
  readonly onAck: (before: RelayRow, ack: RelayAck) => void;
};

type Link = {
  /** What the relay has acknowledged; null: not asked since the last wake. */
  have: number | null;
  revision: number | null;
  /** What it was told that it is; null: nothing since the last wake. */
  state: RelayRow["state"] | null;
  failed: boolean;
  running: Promise<void> | null;
  readonly signals: Map<string, Signal>;
};

/**
 * Tells relays what is new: at most one call under way for each, which carries all that it has not
 * acknowledged, so a burst shares calls and a lost one loses nothing (hub.md, scale-out). The journal
 * is the queue; the task makes up for a crash between the commit and the call.
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

  /** What a relay has acknowledged; null: it was not asked since the last wake. */
  acknowledged(index: number): { readonly have: number | null; readonly failed: boolean } {
    const { have = null, failed = false } = this.#links.get(index) ?? {};
    return { have, failed };
  }

  /** Takes a relay, or what changed of it. */
  write(relay: RelayRow): void {
    this.#ports.store.writeRelay(relay);
    this.#relays = null;
  }

  /** Lets a relay go that has nobody left. */
  remove(index: number): void {
    this.#ports.store.deleteRelay(index);
    this.#links.delete(index);
    this.#relays = null;
  }

  /**
   * Something was appended: call it in the turn that did, so that the task is stored with it, and
   * {@link flush} afterwards.
   */
  expectCall(): void {
    if (this.relays.length === 0) return;
    const { store, clock } = this.#ports;
    if (store.readTask(RELAYS_TASK) === null) store.writeTask(RELAYS_TASK, clock() + RECALL_MS);
  }

  /**
   * Calls the relays with all that they do not have.
   * @param from where a relay probably stands that was not asked since the last wake
   * @returns when each was called, or could not be
   */
  async flush({ from, signal }: { from?: number; signal?: Signal } = {}): Promise<void> {
    const work = this.relays.map((relay) => {
      const link = this.#linkOf(relay.index);
      link.have ??= from ?? null;
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

  /** The task is due: whoever does not have everything is called again. */
  async recall(): Promise<void> {
    await this.flush();
    const { store, clock } = this.#ports;
    const isDone = this.relays.every(({ index }) => this.#isUpToDate(index, this.#linkOf(index)));
    store.writeTask(RELAYS_TASK, isDone ? null : clock() + RECALL_MS);
  }

  async #run(index: number, link: Link): Promise<void> {
    const { guildId, store, call, revision } = this.#ports;
    // After a wake nothing is known, and everybody is called once.
    while (!this.#isUpToDate(index, link)) {
      const { epoch, head } = store.extent();
      const after = link.have ?? head;
      const entries = after < head ? store.readAfter(after, CALL_EVENTS, CALL_BYTES) : [];
      const signals = [...link.signals.values()];
      link.signals.clear();
      const before = link.have;
      const told = revision();
      const { state = null } = this.#rowOf(index) ?? {};
      try {
        const ack = await call(index, {
          v: 1,
          guildId,
          epoch,
          head,
          after: entries[0] === undefined ? head : entries[0].seq - 1,
          entries,
          signals,
          revision: told,
          draining: state === "draining",
        });
        link.have = ack.have;
        link.revision = ack.revision;
        link.state = state;
        link.failed = false;
        this.#noteAck(index, ack);
        // A relay that gets no further would be called for ever: the task tries again.
        if ((ack.have === before && ack.have !== head) || ack.revision < told) return;
      } catch {
        link.failed = true;
        for (const one of signals) if (!link.signals.has(one.key)) link.signals.set(one.key, one);
        return;
      }
    }
  }

  /** One that was let go lacks nothing. */
  #isUpToDate(index: number, { have, revision, state, signals }: Link): boolean {
    const row = this.#rowOf(index);
    return (
      row === undefined ||
      (have === this.#ports.store.extent().head &&
        revision === this.#ports.revision() &&
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

import type { Clock } from "../../platform/clock.ts";
import type { Entry, HubStore, JournalBounds, Revocation } from "./journal.ts";
import type { JournalPull, RelayAck, RelayCall, RelayRefusal } from "./relay-calls.ts";
import type { StreamServer } from "./stream-server.ts";

/** What a relay asks its hub for. Both reject when the hub cannot be reached. */
export type HubLink = {
  /** A part of the hub's journal after a seq. */
  readonly pull: (after: number) => Promise<JournalPull>;
  readonly revocations: (afterRevision: number) => Promise<readonly Revocation[]>;
};

/** Fact: revision of the newest revocation that this relay has. */
const REVISION_FACT = "revision";

/**
 * A relay's copy of its hub's journal (hub.md, scale-out). It takes what the hub sends, in order, and pulls what
 * it missed. It acknowledges only what it has stored, so a lost call loses nothing.
 */
export class Relay<Socket extends object> {
  readonly #store: HubStore;
  readonly #bounds: JournalBounds;
  readonly #clock: Clock;
  readonly #server: StreamServer<Socket>;
  readonly #hub: HubLink;

  constructor(parts: {
    readonly store: HubStore;
    readonly bounds: JournalBounds;
    readonly clock: Clock;
    readonly server: StreamServer<Socket>;
    readonly hub: HubLink;
  }) {
    this.#store = parts.store;
    this.#bounds = parts.bounds;
    this.#clock = parts.clock;
    this.#server = parts.server;
    this.#hub = parts.hub;
  }

  /** Takes a call of the hub. Rejects when something is missing and the hub cannot be asked for it. */
  async take(call: RelayCall): Promise<RelayAck | RelayRefusal> {
    if (this.#differs(call)) return { v: 1, refused: "other_journal" };
    const { epoch, head } = this.#store.extent();
    if (call.epoch !== epoch || call.after > head) await this.catchUp(call.head);
    // A call that took long may be about a journal that the hub has replaced since.
    if (call.epoch === this.#store.extent().epoch) this.#apply(call.entries);
    const closed = call.revision > this.revision ? await this.#catchUpRevocations(call) : 0;
    for (const signal of call.signals) this.#server.signal(signal);
    const { openCount, usersCount } = this.#server.sessions;
    return {
      v: 1,
      have: this.#store.extent().head,
      revision: this.revision,
      sockets: openCount,
      users: usersCount,
      closed,
    };
  }

  /** Revision of the newest revocation that it has. */
  get revision(): number {
    return Number(this.#store.readFact(REVISION_FACT) ?? 0);
  }

  /**
   * Takes revocations: closes the sockets concerned, and refuses their tokens from now on (HUB-14).
   * @returns how many sockets it closed
   */
  revoke(revocations: readonly Revocation[]): number {
    let closed = 0;
    for (const revocation of revocations) {
      this.#store.transaction(() => {
        this.#store.writeRevocation(revocation);
        this.#store.writeFact(REVISION_FACT, String(revocation.revision));
      });
      closed += this.#server.revoke(revocation.target, revocation.at);
    }
    return closed;
  }

  /**
   * Pulls from the hub until it has everything, at least up to `seq`. Several pulls may run at once: each takes
   * from its answers what is still missing.
   */
  async catchUp(seq = 0): Promise<void> {
    for (;;) {
      const before = this.#store.extent();
      const pulled = await this.#hub.pull(before.head);
      const { epoch, head } = this.#store.extent();
      // Another pull has begun a new journal meanwhile, and this answer is about the old one.
      if (epoch !== before.epoch) continue;
      const isOther = pulled.epoch !== epoch;
      // Events in between were trimmed before they came here, so the clients reconnect and get a snapshot.
      if (isOther || pulled.oldest > head + 1) {
        this.#server.startOver();
        this.#store.adopt(pulled.epoch);
        if (isOther && before.head > 0) continue;
      }
      this.#apply(pulled.entries);
      const now = this.#store.extent().head;
      if (pulled.entries.length === 0 || now >= Math.max(seq, pulled.head)) return;
    }
  }

  /** Whether this copy has another event than its hub at the same seq of the same epoch. */
  #differs({ epoch, after, afterId, entries }: RelayCall): boolean {
    const own = this.#store.extent();
    if (epoch !== own.epoch) return false;
    const told = [
      ...(afterId === undefined ? [] : [{ seq: after, id: afterId }]),
      ...entries.filter(({ seq }) => seq <= own.head),
    ];
    return told.some(({ seq, id }) => {
      const [here] = this.#store.readBefore(seq + 1, 1);
      return here?.seq === seq && here.id !== id;
    });
  }

  async #catchUpRevocations({ revision }: RelayCall): Promise<number> {
    const closed = this.revoke(await this.#hub.revocations(this.revision));
    // Expired revocations are not sent any more, and do not matter.
    if (revision > this.revision) this.#store.writeFact(REVISION_FACT, String(revision));
    return closed;
  }

  /** Appends what is new and sends it. Entries that it has already are skipped. */
  #apply(entries: readonly Entry[]): void {
    const { head } = this.#store.extent();
    const fresh = entries.filter((entry) => entry.seq > head);
    const [first] = fresh;
    if (first === undefined) return;
    if (head > 0 && first.seq !== head + 1) throw new Error(`entries after ${head} are missing`);
    this.#store.transaction(() => {
      for (const entry of fresh) this.#store.append(entry);
      this.#store.trim(this.#bounds, this.#clock());
    });
    this.#server.broadcast(fresh);
  }
}

import type { Clock } from "../../platform/clock.ts";
import { JOURNAL_BOUNDS, type Entry, type HubStore, type Revocation } from "./journal.ts";
import type { JournalPull, RelayAck, RelayCall } from "./relay-calls.ts";
import type { StreamServer } from "./stream-server.ts";

/** What a relay needs of its hub. Both reject when the hub cannot be reached. */
export type HubLink = {
  /** Reads the hub's journal after a seq. */
  readonly pull: (after: number) => Promise<JournalPull>;
  readonly revocations: (afterRevision: number) => Promise<readonly Revocation[]>;
};

/** Fact with the newest revocation that this relay has. */
const REVISION_FACT = "revision";

/**
 * A relay's copy of its hub's journal: it takes what the hub sends, in order, and pulls what it missed
 * (hub.md, scale-out). What it has acknowledged it has stored, so a lost call loses nothing.
 */
export class Relay<Socket extends object> {
  readonly #store: HubStore;
  readonly #clock: Clock;
  readonly #server: StreamServer<Socket>;
  readonly #hub: HubLink;

  constructor(parts: {
    readonly store: HubStore;
    readonly clock: Clock;
    readonly server: StreamServer<Socket>;
    readonly hub: HubLink;
  }) {
    this.#store = parts.store;
    this.#clock = parts.clock;
    this.#server = parts.server;
    this.#hub = parts.hub;
  }

  /** Takes a call of the hub. Rejects when something is missing that the hub does not give now. */
  async take(call: RelayCall): Promise<RelayAck> {
    const { epoch, head } = this.#store.extent();
    if (call.epoch !== epoch || call.after > head) await this.catchUp(call.head);
    // A call that was long on its way may tell of a journal that the hub has given up.
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

  /** The newest revocation that it has. */
  get revision(): number {
    return Number(this.#store.readFact(REVISION_FACT) ?? 0);
  }

  /**
   * Takes revocations: closes whom they concern and refuses their tokens from now on (HUB-14).
   * @returns how many it closed
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
   * Pulls from the hub until it has what the hub has, at least up to `seq`. Several may do so side by
   * side: each takes from its answers what is still missing then.
   */
  async catchUp(seq = 0): Promise<void> {
    for (;;) {
      const before = this.#store.extent();
      const pulled = await this.#hub.pull(before.head);
      const { epoch, head } = this.#store.extent();
      // Another pull began a new journal meanwhile: this answer is about the old one.
      if (epoch !== before.epoch) continue;
      const isOther = pulled.epoch !== epoch;
      // Nobody can be told what was trimmed before it came here: they come back and are reset.
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

  async #catchUpRevocations({ revision }: RelayCall): Promise<number> {
    const closed = this.revoke(await this.#hub.revocations(this.revision));
    // Those that have expired are not sent any more: having them or not is the same.
    if (revision > this.revision) this.#store.writeFact(REVISION_FACT, String(revision));
    return closed;
  }

  /** Appends what follows and sends it; what is there already is passed over. */
  #apply(entries: readonly Entry[]): void {
    const { head } = this.#store.extent();
    const fresh = entries.filter((entry) => entry.seq > head);
    const [first] = fresh;
    if (first === undefined) return;
    if (head > 0 && first.seq !== head + 1) throw new Error(`entries after ${head} are missing`);
    this.#store.transaction(() => {
      for (const entry of fresh) this.#store.append(entry);
      this.#store.trim(JOURNAL_BOUNDS, this.#clock());
    });
    this.#server.broadcast(fresh);
  }
}

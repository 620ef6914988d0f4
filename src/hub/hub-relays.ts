import type { RelayReport, RevocationTarget } from "../protocol/hub-report.ts";
import { REVOCATION_TTL_MS } from "../protocol/limits.ts";
import { hubConfigOf } from "./config.ts";
import type { Entry, RelayRow } from "./core/journal.ts";
import { planPlacement, type Placement } from "./core/placement.ts";
import type { JournalPull, RelayAttachment } from "./core/relay-calls.ts";
import { RelayFanout, RELAYS_TASK } from "./core/relay-fanout.ts";
import { UserUnion } from "./core/user-union.ts";
import type { HubEnv, HubRelayRpc } from "./env.ts";
import type { StreamHost } from "./host.ts";
import type { Signal } from "./publisher.ts";
import type { HubRuntime, Remote } from "./runtime.ts";

/** The most that one pull carries. */
const PULL_EVENTS = 1_000;
const PULL_BYTES = 1024 * 1024;
/** Fact: revision of the newest revocation. */
const REVISION_FACT = "revision";
/** Fact: since when one relay less is enough; empty: all are needed. */
const LOW_FACT = "relays low since";
/** Fact: how many users the objects' counts, added up, count more than once. */
const TWICE_FACT = "users twice";

/** The relays of a hub: which there are, what they are sent, and which clients go there. */
export class HubRelays {
  readonly #runtime: HubRuntime;
  readonly #env: HubEnv;
  readonly #host: StreamHost;
  readonly #hub: string;
  readonly #onLoad: () => void;
  readonly #fanout: RelayFanout;
  readonly #users = new UserUnion();
  #closedAtRelays = 0;

  /**
   * @param onLoad how many clients or users the relays have has changed
   * @param onRestored the hub's storage was restored to an older point
   */
  constructor(
    runtime: HubRuntime,
    env: HubEnv,
    host: StreamHost,
    hub: string,
    onLoad: () => void,
    onRestored: () => void,
  ) {
    this.#runtime = runtime;
    this.#env = env;
    this.#host = host;
    this.#hub = hub;
    this.#onLoad = onLoad;
    this.#fanout = new RelayFanout({
      hub,
      store: host.store,
      clock: host.clock,
      call: async (index, call) => {
        const answer = await this.#ask(index, (relay) => relay.take(call));
        if (!("refused" in answer)) return answer;
        if (answer.refused === "other_journal") return null;
        throw new Error(`relay ${index} serves another hub`);
      },
      onRestored,
      background: (work) => host.background(work),
      revision: () => this.#revision,
      onAck: (before, { users, closed }) => {
        this.#closedAtRelays += closed;
        if (before.users === users) return;
        this.#usersChanged(before.index);
        host.arm();
      },
    });
  }

  /** The relays that this hub calls. */
  get rows(): readonly RelayRow[] {
    return this.#fanout.relays;
  }

  /** How many sockets the hub itself holds as long as it has relays; 0: it has none. */
  plannedSockets(): number {
    return this.rows.length === 0 ? 0 : placementLimits(this.#env).hub;
  }

  /** Sends the relays what was appended. */
  tell(entries: readonly Entry[]): void {
    const [first] = entries;
    if (first === undefined || this.rows.length === 0) return;
    this.#fanout.expectCall();
    void this.#fanout.flush({ from: first.seq - 1 });
  }

  /** Calls every relay with what it does not have. */
  async flush(what: { readonly signal?: Signal } = {}): Promise<void> {
    await this.#fanout.flush(what);
  }

  /** The journal was replaced: tells the relays, which take the new one. */
  rewind(): void {
    this.#fanout.expectCall();
    void this.#fanout.flush({ rewinds: true });
  }

  /** The task is due. */
  async recall(): Promise<void> {
    await this.#fanout.recall();
  }

  /** Where new clients go. A relay that is no longer needed begins to drain. */
  place(): Placement {
    const { store, server } = this.#host;
    const known = store.readFact(LOW_FACT) ?? "";
    const placement = planPlacement({
      ownSockets: server.sessions.openCount,
      relays: this.rows,
      limits: placementLimits(this.#env),
      lowSince: known === "" ? null : Number(known),
      now: this.#host.clock(),
    });
    const low = placement.lowSince === null ? "" : String(placement.lowSince);
    if (low !== known) store.writeFact(LOW_FACT, low);
    const row = this.rows.find((one) => one.index === placement.drain);
    if (row !== undefined) {
      this.#fanout.write({ ...row, state: "draining" });
      store.writeTask(RELAYS_TASK, this.#host.clock());
      this.#host.arm();
    }
    return placement;
  }

  /** The part of the journal that a relay pulls. */
  pull(after: number): JournalPull {
    const { store } = this.#host;
    const { epoch, head, oldest } = store.extent();
    const entries = after >= head ? [] : store.readAfter(after, PULL_EVENTS, PULL_BYTES);
    return { v: 1, epoch, head, oldest, entries };
  }

  /** Attaches a relay that is new, or was released and has a client again. */
  attach(index: number): RelayAttachment {
    const known = this.rows.find((one) => one.index === index);
    if (known?.state === "draining") return { v: 1, accepted: false };
    if (known === undefined) {
      this.#fanout.write({ index, state: "open", sockets: 0, users: 0 });
    }
    return {
      v: 1,
      accepted: true,
      revocations: this.#host.store.readRevocations(0, this.#host.clock()),
    };
  }

  /** Releases a relay that has no client left: it is not called any more. */
  release(index: number): boolean {
    const known = this.rows.find((one) => one.index === index);
    if (known?.state === "open") return false;
    this.#fanout.remove(index);
    this.#users.forget(index);
    this.#onLoad();
    return true;
  }

  /** A relay reports its load. @returns whether it is to send its clients away */
  noteLoad(index: number, sockets: number, users: number): { readonly draining: boolean } {
    const known = this.rows.find((one) => one.index === index);
    if (known === undefined) return { draining: false };
    this.#fanout.write({ ...known, sockets, users });
    // Also if their number is the same: one may have left, and another one come.
    this.#usersChanged(index);
    return { draining: known.state === "draining" };
  }

  /** How many users are connected, here and at the relays, each once. As of the last {@link countUsers}. */
  usersCount(): number {
    const here = this.#host.server.sessions.usersCount;
    if (this.rows.length === 0) return here;
    const there = this.rows.map(({ users }) => users);
    const sum = there.reduce((all, users) => all + users, here);
    const twice = Number(this.#host.store.readFact(TWICE_FACT) ?? 0);
    // A relay that was lost has no users left, and those of them who were twice are not known yet.
    return Math.max(sum - twice, here, ...there);
  }

  /**
   * Finds out who is connected at several objects (HUB-15). A relay is asked only if its users may have changed.
   * @returns false: some relay has not answered, so its users count as before
   */
  async countUsers(): Promise<boolean> {
    this.#users.plan(this.rows.reduce((sum, { users }) => sum + users, 0));
    const stale = this.rows.filter(({ index }) => this.#users.isStale(index));
    const answers = await Promise.all(stale.map(({ index }) => this.#askForUsers(index)));
    const { store, server } = this.#host;
    const twice = this.rows.length === 0 ? 0 : this.#users.twice(server.sessions.userIds());
    if (twice !== Number(store.readFact(TWICE_FACT) ?? 0)) {
      store.writeFact(TWICE_FACT, String(twice));
    }
    return !answers.includes(false);
  }

  /** Closes the sockets that a revocation concerns, here and at the relays (HUB-14). @returns how many */
  async revoke(target: RevocationTarget): Promise<number> {
    const { store, server } = this.#host;
    const at = this.#host.clock();
    // After a restore of the storage it must not be one that a relay has already.
    const revision = Math.max(this.#revision + 1, at);
    store.transaction(() => {
      store.writeRevocation({ revision, target, at, expiresAt: at + REVOCATION_TTL_MS });
      store.writeFact(REVISION_FACT, String(revision));
      this.#fanout.expectCall();
    });
    const before = this.#closedAtRelays;
    const closed = server.revoke(target, at);
    await this.#fanout.flush();
    return closed + this.#closedAtRelays - before;
  }

  /** Asks every relay. Those that cannot be reached are left out. */
  async ask<T>(question: (relay: Remote<HubRelayRpc>) => Promise<T>): Promise<T[]> {
    const answers = await Promise.allSettled(
      this.rows.map(async ({ index }) => this.#ask(index, question)),
    );
    return answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
  }

  /** For operators. */
  report(): RelayReport[] {
    const { head } = this.#host.store.extent();
    return this.rows.map(({ index, state, sockets }) => {
      const { have, failed } = this.#fanout.acknowledged(index);
      const acked = have ?? head;
      return {
        index,
        state: failed ? "unreachable" : state,
        sockets,
        acked,
        behind: Math.max(0, head - acked),
      };
    });
  }

  #usersChanged(index: number): void {
    this.#users.changed(index);
    this.#onLoad();
  }

  /** @returns whether it has answered */
  async #askForUsers(index: number): Promise<boolean> {
    const question = this.#users.ask(index);
    try {
      const answer = await this.#ask(index, (relay) => relay.users(question));
      const row = this.rows.find((one) => one.index === index);
      // It was released meanwhile.
      if (row === undefined) return true;
      this.#users.take(index, answer);
      if (row.users !== answer.users) this.#fanout.write({ ...row, users: answer.users });
      return true;
    } catch {
      this.#users.changed(index);
      return false;
    }
  }

  get #revision(): number {
    return Number(this.#host.store.readFact(REVISION_FACT) ?? 0);
  }

  /** Asks one relay. Rejects when it cannot be reached, or does not answer in time. */
  #ask<T>(index: number, question: (relay: Remote<HubRelayRpc>) => Promise<T>): Promise<T> {
    const relay = this.#runtime.relay(this.#hub, index);
    return this.#host.answerOf(`relay ${index}`, question(relay));
  }
}

function placementLimits(env: HubEnv): { readonly hub: number; readonly relay: number } {
  const { socketsPerHub, socketsPerRelay } = hubConfigOf(env);
  return { hub: socketsPerHub, relay: socketsPerRelay };
}

import { log } from "../platform/log.ts";
import type { Presence } from "../protocol/frames.ts";
import type { Explanation, HubConnection } from "../protocol/hub-report.ts";
import { ACCEPTS_PER_SECOND, PRESENCE_DEBOUNCE_MS } from "../protocol/limits.ts";
import type { Start } from "./admission.ts";
import { hubConfigOf } from "./config.ts";
import type { ConnectionOptions } from "./core/frame-intake.ts";
import type { SnapshotAt } from "./core/opening.ts";
import type {
  RelayAck,
  RelayCall,
  RelayRefusal,
  UsersAnswer,
  UsersQuestion,
} from "./core/relay-calls.ts";
import { Relay } from "./core/relay.ts";
import type { SessionIdentity } from "./core/session.ts";
import { UserMarks } from "./core/user-union.ts";
import { type HubEnv, type HubRpc, readRelayName } from "./env.ts";
import { StreamHost } from "./host.ts";
import { connectionsOf, explainHere } from "./inspection.ts";
import type { HubKind } from "./kind.ts";
import type { HubRuntime, Remote, RuntimeSocket } from "./runtime.ts";
import { SharedCall } from "./shared-call.ts";
import { SqliteStore } from "./sqlite-store.ts";

/** Task that reports the load to the hub, and sends clients away when the hub wants it. */
const LOAD_TASK = "relay/load";
/** While it drains: milliseconds between two parts, and sockets in each part. */
const DRAIN_EVERY_MS = 1_000;
const DRAIN_SOCKETS = ACCEPTS_PER_SECOND / 2;
/** Fact: `attached`, `draining` or `released`. Absent: the hub does not call this relay yet. */
const STATE_FACT = "relay";

/** The implementation of `HubRelay`: a copy of the journal, and the sockets that it serves. */
export class RelayObject {
  readonly host: StreamHost;
  readonly #runtime: HubRuntime;
  readonly #hub: string;
  readonly #index: number;
  readonly #store: SqliteStore;
  /** The copy of the journal. */
  readonly copy: Relay<RuntimeSocket>;
  /** Attaches this relay to the hub, for clients that come before. @returns whether it takes them */
  readonly #attachment: SharedCall<null, boolean>;
  /** Catches up with the hub, for clients that have seen a later seq than this relay. */
  readonly #catchUp: SharedCall<number, true>;
  /** The whole state from the hub for readers with these grants, and the epoch that it belongs to. */
  readonly #snapshots: SharedCall<readonly string[], SnapshotAt & { readonly epoch: string }>;
  readonly #marks = new UserMarks();
  #presence: Presence = { count: 0, users: null };

  constructor(runtime: HubRuntime, env: HubEnv, kind: HubKind) {
    const name = readRelayName(runtime.name);
    if (name === null) throw new Error("a relay is reached by the name of its hub and its index");
    this.#runtime = runtime;
    this.#hub = name.hub;
    this.#index = name.index;
    this.#store = new SqliteStore(runtime.storage);
    this.host = new StreamHost(runtime, env, kind, this.#store, {
      hub: name.hub,
      relay: name.index,
      attach: () => this.#attached(),
      prepare: (identity, options) => this.#prepare(identity, options),
      presence: () => this.#presence,
      plannedSockets: () => hubConfigOf(env).socketsPerRelay,
      onPresenceChange: () => this.#tellLoadSoon(),
      onServed: () => this.#tellLoadSoon(),
      runTask: (key) => (key === LOAD_TASK ? this.#tellLoad() : Promise.resolve()),
    });
    this.copy = new Relay({
      store: this.#store,
      bounds: kind.journal,
      clock: runtime.clock,
      server: this.host.server,
      hub: {
        pull: (after) => this.#ask((hub) => hub.pull(after)),
        revocations: (revision) => this.#ask((hub) => hub.revocationsAfter(revision)),
      },
    });
    const background = (work: Promise<unknown>): void => this.host.background(work);
    this.#attachment = new SharedCall(async (clients) => {
      const isAttached = this.#isAttached() ?? (await this.#attach());
      return clients.map(() => isAttached);
    }, background);
    this.#catchUp = new SharedCall(async (seqs) => {
      if (this.#store.extent().head < Math.max(...seqs)) await this.copy.catchUp();
      return seqs.map(() => true);
    }, background);
    this.#snapshots = new SharedCall(async (readers) => {
      const here = this.#store.extent();
      const snapshots = await this.#ask((hub) => hub.snapshotsFor(readers));
      return snapshots.map(({ epoch = here.epoch, seq, state }) => ({
        epoch,
        seq,
        state: JSON.parse(state) as SnapshotAt["state"],
      }));
    }, background);
  }

  async take(call: RelayCall): Promise<RelayAck | RelayRefusal> {
    if ((call.hub ?? call.guildId) !== this.#hub) return { v: 1, refused: "other_hub" };
    const presence = call.signals.find((signal) => signal.key === "presence");
    if (presence !== undefined) this.#presence = presenceFrom(presence.payload);
    const ack = await this.copy.take(call);
    if (call.draining) {
      this.#store.writeFact(STATE_FACT, "draining");
      this.#store.writeTask(LOAD_TASK, this.host.clock());
    }
    this.host.arm();
    return ack;
  }

  users(question: UsersQuestion): UsersAnswer {
    const { server, newId, clock } = this.host;
    return this.#marks.answer(question, server.sessions.userIds(), newId(clock()));
  }

  connections(sub: string): HubConnection[] {
    return connectionsOf(this.host, this.#index, sub);
  }

  explain(connectionId: string, seq: number): Explanation {
    return explainHere(this.host, this.#index, connectionId, seq);
  }

  /**
   * Whether this relay takes clients. One that drains, or that the hub does not want, takes none; they are placed
   * elsewhere.
   */
  #attached(): boolean | Promise<boolean> {
    return this.#isAttached() ?? this.#attachment.ask(null);
  }

  async #attach(): Promise<boolean> {
    try {
      const attachment = await this.#ask((hub) => hub.attachRelay(this.#index));
      if (!attachment.accepted) return false;
      this.copy.revoke(attachment.revocations);
      await this.copy.catchUp();
      this.#presence = await this.#ask((hub) => hub.presence());
    } catch (error) {
      log("warn", "hub.not_attached", { hub: this.#hub, relay: this.#index, error });
      return false;
    }
    // The hub may have told this relay to drain meanwhile.
    if (this.#isAttached() === false) return false;
    this.#store.writeFact(STATE_FACT, "attached");
    return true;
  }

  /** null: the hub does not call this relay yet. */
  #isAttached(): boolean | null {
    const state = this.#store.readFact(STATE_FACT);
    if (state === "attached") return true;
    return state === "draining" ? false : null;
  }

  async #prepare(identity: SessionIdentity, options: ConnectionOptions): Promise<Start> {
    const { epoch, seq } = options.resume;
    const extent = this.#store.extent();
    // The client was served elsewhere, by an object that had more.
    if (epoch === extent.epoch && seq !== undefined && seq > extent.head) {
      await this.#catchUp.ask(seq);
    }
    const resumes = (): boolean => this.host.server.decide(options).kind === "resume";
    if (resumes()) {
      const snapshot = (): never => {
        throw new Error("a client that was to resume asks for the whole state");
      };
      return { holds: resumes, snapshot };
    }
    const state = await this.#snapshots.ask(identity.grants);
    const isOurs = (): boolean => state.epoch === this.#store.extent().epoch;
    // The hub has begun another journal, and this relay has not heard of it yet.
    if (!isOurs()) await this.#catchUp.ask(Number.POSITIVE_INFINITY);
    return { holds: isOurs, snapshot: () => state };
  }

  #tellLoadSoon(): void {
    if (this.#store.readTask(LOAD_TASK) !== null) return;
    this.#store.writeTask(LOAD_TASK, this.host.clock() + PRESENCE_DEBOUNCE_MS);
    this.host.arm();
  }

  async #tellLoad(): Promise<void> {
    const { openCount, usersCount } = this.host.server.sessions;
    const { draining } = await this.#ask((hub) => hub.noteLoad(this.#index, openCount, usersCount));
    if (!draining && this.#store.readFact(STATE_FACT) !== "draining") return;
    await this.#drain(openCount);
  }

  /** Sends some clients away. When none is left, the hub forgets this relay, and the copy is dropped. */
  async #drain(openCount: number): Promise<void> {
    this.#store.writeFact(STATE_FACT, "draining");
    this.host.server.sendAway(DRAIN_SOCKETS);
    if (openCount > 0) {
      this.#store.writeTask(LOAD_TASK, this.host.clock() + DRAIN_EVERY_MS);
      return;
    }
    const released = await this.#ask((hub) => hub.releaseRelay(this.#index));
    this.#store.writeFact(STATE_FACT, released ? "released" : "attached");
    if (released) this.#store.adopt("");
  }

  /** Asks the hub. Rejects as {@link StreamHost.answerOf}. */
  #ask<T>(question: (hub: Remote<HubRpc>) => Promise<T>): Promise<T> {
    return this.host.answerOf("the hub", question(this.#runtime.hub(this.#hub)));
  }
}

function presenceFrom(payload: string): Presence {
  const { count, users } = JSON.parse(payload) as Presence;
  return { count, users };
}

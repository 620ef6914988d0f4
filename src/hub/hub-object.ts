import { log } from "../platform/log.ts";
import { ok } from "../platform/result.ts";
import { asRequest, type RequestIds } from "../platform/request-ids.ts";
import type { Presence } from "../protocol/frames.ts";
import type {
  Explanation,
  HubConnection,
  HubState,
  RevocationResult,
  RevocationTarget,
} from "../protocol/hub-report.ts";
import { newTraceId } from "../protocol/trace.ts";
import type { Start } from "./admission.ts";
import { mayRead as mayReadWith } from "./core/audience.ts";
import type { Entry, PublisherPosition, Revocation } from "./core/journal.ts";
import type { Placement } from "./core/placement.ts";
import type { JournalPull, RelayAttachment, RelaySnapshot } from "./core/relay-calls.ts";
import { RELAYS_TASK } from "./core/relay-fanout.ts";
import { Sequencer } from "./core/sequencer.ts";
import type { HubEnv } from "./env.ts";
import { CALLS_TASK, Duplex, LOST_TASK } from "./duplex.ts";
import { ExtensionTurns } from "./extension-turns.ts";
import type { HubExtension } from "./extension.ts";
import { StreamHost } from "./host.ts";
import { HubFacts } from "./hub-facts.ts";
import { HubRelays } from "./hub-relays.ts";
import { ingestEvents } from "./ingest.ts";
import type { HubKind } from "./kind.ts";
import { connectionsOf, explainHere, reportOf } from "./inspection.ts";
import { PRESENCE_TASK, PresenceTeller } from "./presence-teller.ts";
import type {
  HubStatus,
  IncomingEvent,
  IngestResult,
  Publication,
  Published,
  Signal,
} from "./publisher.ts";
import type { HubRuntime } from "./runtime.ts";
import { Snapshots } from "./snapshots.ts";
import { SqliteConnections } from "./sqlite-connections.ts";
import { SqliteStore } from "./sqlite-store.ts";

/** What the running areas add to a hub. */
export type HubParts = {
  readonly extensions: readonly HubExtension[];
  /** Names of all events that may be published. */
  readonly events: ReadonlySet<string>;
};

/** A task of an area that does not run is tried again after this time, milliseconds. */
const AREA_AWAY_MS = 60 * 60_000;
/** The same while the configuration of areas is invalid. An operator will fix it soon. */
const AREAS_REFUSED_MS = 60_000;

/** The implementation of a hub: the journal, the sockets, the relays, and the extensions of the areas. */
export class HubObject {
  readonly host: StreamHost;
  readonly relays: HubRelays;
  readonly #env: HubEnv;
  readonly #kind: HubKind;
  readonly #parts: HubParts | { readonly refused: Error };
  readonly #facts: HubFacts;
  readonly #store: SqliteStore;
  readonly #sequencer: Sequencer;
  readonly #turns: ExtensionTurns;
  readonly #snapshots: Snapshots;
  readonly #presence: PresenceTeller;
  /** null: no extension hears sockets. */
  readonly #duplex: Duplex | null;

  /**
   * @param parts `refused`: the configuration of areas is invalid, so everything that needs an area fails
   * @throws when an extension hears clients, and the kind has relays, whose clients it would not hear
   */
  constructor(
    runtime: HubRuntime,
    env: HubEnv,
    kind: HubKind,
    parts: HubParts | { readonly refused: Error },
  ) {
    this.#env = env;
    this.#kind = kind;
    this.#parts = parts;
    this.#store = new SqliteStore(runtime.storage);
    // Extensions with outside events first: the tables of other extensions build on theirs.
    const extensions = "refused" in parts ? [] : parts.extensions;
    if (kind.relays !== undefined) refuseEars(extensions);
    const byFloor = extensions.toSorted((a, b) => Number(!a.outside) - Number(!b.outside));
    // One transaction: data of an older version must be taken over completely, and once.
    runtime.storage.transactionSync(() => {
      const lacking = byFloor.map((extension) => extension.migrate(runtime.storage.sql));
      if (lacking.includes(true)) this.#missWholeState();
    });
    this.#facts = new HubFacts(this.#store, runtime);
    const { name } = this.#facts;
    const start: Start = { holds: () => true, snapshot: (mayRead) => this.#snapshots.of(mayRead) };
    this.host = new StreamHost(runtime, env, kind, this.#store, {
      hub: name,
      relay: null,
      attach: () => true,
      prepare: () => start,
      presence: () => this.#presence.now(),
      plannedSockets: () => this.relays.plannedSockets(),
      onPresenceChange: () => this.#presence.changed(),
      onServed: () => this.#facts.serve(),
      onOpened: ({ record }) => this.#duplex?.opened(record),
      onGone: (session, code) => this.#duplex?.closed(session, code),
      onSaid: ({ from, intent }) => this.#duplex?.said(from, intent) === true,
      admit: (client) => this.#duplex?.admit(client) ?? ok(undefined),
      settle: () => this.#duplex?.settle(),
      runTask: (key) => this.#runTask(key),
    });
    this.relays = new HubRelays(
      runtime,
      env,
      this.host,
      name,
      () => this.#presence.changed(),
      () => void this.renewJournal(),
    );
    const payload = (presence: Presence): string => kind.presencePayload(name, presence);
    this.#presence = new PresenceTeller(this.host, this.relays, payload);
    this.#sequencer = new Sequencer({
      store: this.#store,
      bounds: kind.journal,
      payloadBytes: kind.limits.payloadBytes,
      clock: runtime.clock,
      newId: this.host.newId,
      isKnownEvent: (event) => this.#areas.events.has(event),
      onAppended: (entries) => this.#send(entries),
      onActFailed: (error) => log("error", "hub.act_failed", { hub: name, error }),
    });
    this.#turns = new ExtensionTurns({
      name,
      env,
      sql: runtime.storage.sql,
      host: this.host,
      sequencer: this.#sequencer,
      extensions: () => this.#areas.extensions,
      reply: (extension, to, reply) => this.#duplex?.reply(extension, to, reply),
      onTurn: () => this.#snapshots.forget(),
    });
    this.#snapshots = new Snapshots({
      store: this.#store,
      turns: this.#turns,
      extensions: () => this.#areas.extensions,
    });
    this.#duplex = extensions.some(({ sockets }) => sockets !== undefined)
      ? new Duplex({
          host: this.host,
          store: new SqliteConnections(runtime.storage.sql),
          extensions,
          turns: this.#turns,
          defer: (act) => this.#sequencer.defer(act),
        })
      : null;
    this.#duplex?.findLost();
  }

  publish(publications: readonly Publication[]): Published[] {
    this.#facts.serve();
    const results = this.#turns.run(() =>
      publications.map((publication) => this.#sequencer.publish(publication)),
    );
    this.host.arm();
    return results;
  }

  ingest(events: readonly IncomingEvent[]): IngestResult {
    if (!this.#isServed(events)) return { kind: "done", accepted: 0, duplicates: 0 };
    this.#facts.serve();
    const result = ingestEvents(
      {
        extensions: this.#areas.extensions,
        now: this.host.clock,
        turn: (work) => this.#turns.run(work),
        hubTurn: (publish, extension) => this.#turns.of(extension, publish),
        publish: this.#turns.publish,
        remember: (key, expiresAt, now) => this.#store.remember(key, expiresAt, now),
        rememberAll: (keys, expiresAt, now) => this.#store.rememberAll(keys, expiresAt, now),
        readPosition: () => this.#store.readPosition(),
        writePosition: (position) => this.#store.writePosition(position),
      },
      events,
    );
    this.host.arm();
    return result;
  }

  async command(name: string, input: unknown, ids?: RequestIds): Promise<unknown> {
    const extension = this.#areas.extensions.find((one) => name.startsWith(`${one.name}.`));
    const command = extension?.commands?.find((one) => one.name === name);
    if (extension === undefined || command === undefined) throw new Error(`no hub command ${name}`);
    this.#facts.serve();
    try {
      const context = this.#turns.contextOf(extension, ids?.traceId);
      return await asRequest(ids, () => command.run(context, input));
    } finally {
      this.host.arm();
    }
  }

  /** Position of the outside publisher. */
  publisher(): PublisherPosition | null {
    return this.#store.readPosition();
  }

  /** Forgets the position of the outside publisher, so that any publisher may follow. @returns that position */
  resetPublisher(): PublisherPosition | null {
    const before = this.#store.readPosition();
    this.#store.writePosition(null);
    return before;
  }

  /**
   * Begins another journal, under another epoch: for a hub whose storage was restored to an older point, where
   * the same seqs would get other events. Clients reconnect, and get the whole state.
   * @returns the new epoch
   */
  renewJournal(): string {
    const epoch = this.host.newId(this.host.clock());
    log("warn", "hub.journal_renewed", { hub: this.#facts.name, epoch });
    this.#store.adopt(epoch);
    this.host.server.startOver();
    this.relays.rewind();
    this.host.arm();
    return epoch;
  }

  /** Sends the newest value of something to clients with signals, at this hub and its relays. */
  signal(signal: Signal): void {
    this.host.server.signal(signal);
    void this.relays.flush({ signal });
    this.host.arm();
  }

  status(): HubStatus {
    const { epoch, head } = this.#store.extent();
    return { epoch, seq: head, sockets: this.host.server.sessions.openCount };
  }

  /** Where new clients go. */
  place(): Placement {
    return this.relays.place();
  }

  /** A part of the journal, for a relay. */
  pull(after: number): JournalPull {
    return this.relays.pull(after);
  }

  revocationsAfter(revision: number): Revocation[] {
    return this.#store.readRevocations(revision, this.host.clock());
  }

  attachRelay(index: number): RelayAttachment {
    this.#facts.serve();
    return this.relays.attach(index);
  }

  releaseRelay(index: number): boolean {
    const isReleased = this.relays.release(index);
    this.host.arm();
    return isReleased;
  }

  noteLoad(index: number, sockets: number, users: number): { readonly draining: boolean } {
    const noted = this.relays.noteLoad(index, sockets, users);
    this.host.arm();
    return noted;
  }

  /** The whole state for several readers. Each reader is a list of grants. */
  snapshotsFor(readers: readonly (readonly string[])[]): RelaySnapshot[] {
    const { epoch } = this.#store.extent();
    return readers.map((grants) => {
      const held = new Set(grants);
      const { seq, state } = this.#snapshots.of((audience) => mayReadWith(audience, held));
      return { epoch, seq, state: JSON.stringify(state) };
    });
  }

  presence(): Presence {
    return this.#presence.now();
  }

  /** Closes the connections concerned, here and at the relays, and refuses the user's tokens (HUB-14). */
  async revoke(target: RevocationTarget): Promise<RevocationResult> {
    const closed = await this.relays.revoke(target);
    this.host.arm();
    return { closed };
  }

  async inspect(): Promise<HubState> {
    return reportOf(this.host, this.#kind, this.relays.report());
  }

  async connections(sub: string): Promise<HubConnection[]> {
    const elsewhere = await this.relays.ask((relay) => relay.connections(sub));
    return [...connectionsOf(this.host, null, sub), ...elsewhere.flat()];
  }

  async explain(connectionId: string, seq: number): Promise<Explanation> {
    const here = explainHere(this.host, null, connectionId, seq);
    if (here.code !== "unknown_connection") return here;
    const elsewhere = await this.relays.ask((relay) => relay.explain(connectionId, seq));
    return elsewhere.find(({ code }) => code !== "unknown_connection") ?? here;
  }

  get #areas(): HubParts {
    if ("refused" in this.#parts) throw this.#parts.refused;
    return this.#parts;
  }

  #send(entries: readonly Entry[]): void {
    this.host.server.broadcast(entries);
    this.relays.tell(entries);
    // The first count schedules a write, which may fail: what is stored has to be sent nevertheless.
    this.host.meter.count("published", entries.length);
  }

  async #runTask(key: string): Promise<void> {
    if (key === RELAYS_TASK) return this.relays.recall();
    if (key === PRESENCE_TASK) return this.#presence.tell();
    if (key === CALLS_TASK) return this.#duplex?.expire();
    if (key === LOST_TASK) return this.#duplex?.tellLost();
    const cut = key.indexOf("/");
    const isRefused = "refused" in this.#parts;
    const extensions = isRefused ? [] : this.#areas.extensions;
    const extension = extensions.find((one) => one.name === key.slice(0, cut));
    if (extension === undefined) {
      // The area may run again later. Its task must not be lost.
      const pause = isRefused ? AREAS_REFUSED_MS : AREA_AWAY_MS;
      this.#store.writeTask(key, this.host.clock() + pause);
      return;
    }
    await extension.task?.(this.#turns.contextOf(extension, newTraceId()), key.slice(cut + 1));
  }

  /** Whether the hub is in use. An unused hub ignores events: they are about something foreign (rooms.md §4). */
  #isServed(events: readonly IncomingEvent[]): boolean {
    if (this.#facts.hasBeenServed()) return true;
    if (this.#kind.isAlwaysServed(this.#env, this.#facts.name)) return true;
    return events.some(
      (event) =>
        event.refused !== true &&
        this.#areas.extensions.some(
          ({ outside }) => outside?.claims.includes(event.event) === true,
        ),
    );
  }

  /** Makes the publisher's next event a gap, so that it sends a whole state. Older epochs stay refused. */
  #missWholeState(): void {
    const position = this.#store.readPosition();
    if (position !== null) this.#store.writePosition({ ...position, seq: 0 });
  }
}

/** Without this, what clients at relays say would be refused, and only when there are many clients. */
function refuseEars(extensions: readonly HubExtension[]): void {
  for (const { name, sockets } of extensions) {
    if (sockets !== undefined) {
      throw new Error(
        `the extension "${name}" hears clients, so its kind of hub must have no relays`,
      );
    }
  }
}

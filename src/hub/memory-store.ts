import {
  entryBytes,
  type Entry,
  type HubStore,
  type JournalBounds,
  type JournalExtent,
  type JournalUsage,
  type PublisherPosition,
  type RelayRow,
  type Revocation,
} from "./core/journal.ts";

type State = {
  entries: Entry[];
  bytes: number;
  head: number;
  position: PublisherPosition | null;
  readonly dedupe: Map<string, number>;
  readonly filters: Map<string, readonly string[]>;
  readonly facts: Map<string, string>;
  readonly tasks: Map<string, number>;
  readonly relays: Map<number, RelayRow>;
  readonly revocations: Map<string, Revocation>;
  readonly counters: Map<string, number>;
};

/** {@link HubStore} in memory: for model tests, which run far more steps than a real object could. */
export class MemoryStore implements HubStore {
  #epoch: string;
  #state: State = {
    entries: [],
    bytes: 0,
    head: 0,
    position: null,
    dedupe: new Map(),
    filters: new Map(),
    facts: new Map(),
    tasks: new Map(),
    relays: new Map(),
    revocations: new Map(),
    counters: new Map(),
  };

  constructor(epoch: string) {
    this.#epoch = epoch;
  }

  extent(): JournalExtent {
    const { entries, head } = this.#state;
    return { epoch: this.#epoch, head, oldest: entries[0]?.seq ?? head + 1 };
  }

  append(entry: Entry): void {
    this.#state.entries.push(entry);
    this.#state.bytes += entryBytes(entry);
    this.#state.head = entry.seq;
  }

  readAfter(after: number, limit: number, maxBytes = Number.POSITIVE_INFINITY): Entry[] {
    const { entries } = this.#state;
    const start = Math.max(0, after + 1 - (entries[0]?.seq ?? 0));
    const page: Entry[] = [];
    let bytes = 0;
    for (const entry of entries.slice(start, start + limit)) {
      bytes += entry.payload.length;
      if (page.length > 0 && bytes > maxBytes) break;
      page.push(entry);
    }
    return page;
  }

  readBefore(before: number, limit: number): Entry[] {
    return this.#state.entries
      .filter((entry) => entry.seq < before)
      .toReversed()
      .slice(0, limit);
  }

  usage(): JournalUsage {
    const { entries, bytes } = this.#state;
    return { events: entries.length, bytes, oldestAt: entries[0]?.at ?? null };
  }

  adopt(epoch: string): void {
    this.#epoch = epoch;
    this.#state = { ...this.#state, entries: [], bytes: 0, head: 0 };
  }

  trim(bounds: JournalBounds, now: number): void {
    const { entries, dedupe } = this.#state;
    for (;;) {
      const [oldest] = entries;
      if (oldest === undefined || entries.length === 1) break;
      const outside =
        entries.length > bounds.maxEvents ||
        this.#state.bytes > bounds.maxBytes ||
        now - oldest.at > bounds.maxAgeMs;
      if (!outside) break;
      this.#state.bytes -= entryBytes(oldest);
      entries.shift();
    }
    for (const [key, expiresAt] of dedupe) if (expiresAt <= now) dedupe.delete(key);
  }

  remember(key: string, expiresAt: number, now: number): boolean {
    const known = this.#state.dedupe.get(key);
    if (known !== undefined && known > now) return false;
    this.#state.dedupe.set(key, expiresAt);
    return true;
  }

  readPosition(): PublisherPosition | null {
    return this.#state.position;
  }

  writePosition(position: PublisherPosition | null): void {
    this.#state.position = position;
  }

  readFilter(connectionId: string): readonly string[] | null {
    return this.#state.filters.get(connectionId) ?? null;
  }

  writeFilter(connectionId: string, topics: readonly string[] | null): void {
    if (topics === null) this.#state.filters.delete(connectionId);
    else this.#state.filters.set(connectionId, topics);
  }

  retainFilters(connectionIds: ReadonlySet<string>): void {
    for (const id of this.#state.filters.keys()) {
      if (!connectionIds.has(id)) this.#state.filters.delete(id);
    }
  }

  readFact(key: string): string | null {
    return this.#state.facts.get(key) ?? null;
  }

  writeFact(key: string, value: string): void {
    this.#state.facts.set(key, value);
  }

  writeTask(key: string, at: number | null): void {
    if (at === null) this.#state.tasks.delete(key);
    else this.#state.tasks.set(key, at);
  }

  readTask(key: string): number | null {
    return this.#state.tasks.get(key) ?? null;
  }

  dueTasks(now: number): string[] {
    return [...this.#state.tasks]
      .filter(([, at]) => at <= now)
      .toSorted(([a, atA], [b, atB]) => atA - atB || (a < b ? -1 : 1))
      .map(([key]) => key);
  }

  nextTaskAt(): number | null {
    return [...this.#state.tasks.values()].toSorted((a, b) => a - b)[0] ?? null;
  }

  readRelays(): RelayRow[] {
    return [...this.#state.relays.values()].toSorted((a, b) => a.index - b.index);
  }

  writeRelay(relay: RelayRow): void {
    this.#state.relays.set(relay.index, relay);
  }

  deleteRelay(index: number): void {
    this.#state.relays.delete(index);
  }

  writeRevocation(revocation: Revocation): void {
    const { revocations } = this.#state;
    for (const [key, { expiresAt }] of revocations) {
      if (expiresAt <= revocation.at) revocations.delete(key);
    }
    revocations.set(JSON.stringify(revocation.target), revocation);
  }

  readRevocations(afterRevision: number, now: number): Revocation[] {
    return [...this.#state.revocations.values()]
      .filter(({ revision, expiresAt }) => revision > afterRevision && expiresAt > now)
      .toSorted((a, b) => a.revision - b.revision);
  }

  readRevokedAt(sub: string, now: number): number | null {
    const known = this.#state.revocations.get(JSON.stringify({ sub }));
    return known !== undefined && known.expiresAt > now ? known.at : null;
  }

  count(name: string, by: number): void {
    const { counters } = this.#state;
    counters.set(name, (counters.get(name) ?? 0) + by);
  }

  readCounters(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#state.counters);
  }

  transaction<T>(work: () => T): T {
    const { entries, dedupe, filters, facts, tasks, relays, revocations, counters } = this.#state;
    const before: State = {
      ...this.#state,
      entries: [...entries],
      dedupe: new Map(dedupe),
      filters: new Map(filters),
      facts: new Map(facts),
      tasks: new Map(tasks),
      relays: new Map(relays),
      revocations: new Map(revocations),
      counters: new Map(counters),
    };
    try {
      return work();
    } catch (error) {
      this.#state = before;
      throw error;
    }
  }
}

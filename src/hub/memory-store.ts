import {
  entryBytes,
  type Entry,
  type HubStore,
  type JournalBounds,
  type JournalExtent,
  type PublisherPosition,
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
};

/** {@link HubStore} in memory: for model tests, which run far more steps than a real object could. */
export class MemoryStore implements HubStore {
  readonly #epoch: string;
  #state: State = {
    entries: [],
    bytes: 0,
    head: 0,
    position: null,
    dedupe: new Map(),
    filters: new Map(),
    facts: new Map(),
    tasks: new Map(),
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

  readAfter(after: number, limit: number): Entry[] {
    return this.#state.entries.filter((entry) => entry.seq > after).slice(0, limit);
  }

  readBefore(before: number, limit: number): Entry[] {
    return this.#state.entries
      .filter((entry) => entry.seq < before)
      .toReversed()
      .slice(0, limit);
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

  writePosition(position: PublisherPosition): void {
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

  transaction<T>(work: () => T): T {
    const { entries, dedupe, filters, facts, tasks } = this.#state;
    const before: State = {
      ...this.#state,
      entries: [...entries],
      dedupe: new Map(dedupe),
      filters: new Map(filters),
      facts: new Map(facts),
      tasks: new Map(tasks),
    };
    try {
      return work();
    } catch (error) {
      this.#state = before;
      throw error;
    }
  }
}

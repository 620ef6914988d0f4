import type { Audience } from "../publisher.ts";
import { mayRead } from "./audience.ts";
import { Credit } from "./credit.ts";
import type { FrameWindow } from "./frame-rate.ts";
import type { JournalBefore } from "./journal-pages.ts";
import type { Entry } from "./journal.ts";
import type { OpenSession } from "./session.ts";

/** How many journal rows one look back reads at a time. */
const LOOK_BACK_PAGE = 200;

/**
 * An open session as the hub works with it: its record and what can be found again after a wake.
 * Nothing here is the only copy of anything.
 */
export class LiveSession {
  record: OpenSession;
  grants: ReadonlySet<string>;
  expiresAtMs: number;
  /** seq of the last event sent to it; null: not known since the last wake. */
  lastSent: number | null;
  /** While it lags: everything up to this seq was looked at for it. */
  cursor: number;
  frameWindow: FrameWindow | undefined;
  /** Closed by us: nothing more is sent, although the runtime may still list it. */
  ended = false;
  readonly credit = new Credit();
  /** The newest seq that it has acknowledged; null: none since the last wake. */
  acked: number | null = null;
  /** Bytes under way at which a silent client is looked at again. */
  nextLookBytes = 0;
  /** When its last ping was asked for, milliseconds. */
  pingAskedAt = 0;
  /** Keys of signals that came while it lagged. */
  readonly missedSignals = new Set<string>();
  #filter: ReadonlySet<string> | null;

  constructor(record: OpenSession, filter: readonly string[] | null) {
    this.record = record;
    this.grants = new Set(record.grants);
    this.expiresAtMs = record.exp * 1000;
    this.lastSent = record.lagging === undefined ? null : record.from;
    this.cursor = record.from;
    this.#filter = filter === null ? null : new Set(filter);
  }

  /** Whether it gets nothing for now but what the journal feeds it (HUB-10). */
  get isLagging(): boolean {
    return this.record.lagging !== undefined;
  }

  /** Replaces the record, after `reauth`. */
  renew(record: OpenSession): void {
    this.record = record;
    this.grants = new Set(record.grants);
    this.expiresAtMs = record.exp * 1000;
  }

  /** Narrows to topics; null: all. */
  narrow(topics: readonly string[] | null): void {
    this.#filter = topics === null ? null : new Set(topics);
  }

  /** What it has narrowed to; null: everything. */
  get topics(): string[] | null {
    return this.#filter === null ? null : [...this.#filter];
  }

  mayRead(audience: Audience): boolean {
    return mayRead(audience, this.grants);
  }

  /** Whether its subscription lets something of this topic through; null concerns everyone. */
  hears(topic: string | null): boolean {
    return this.#filter === null || topic === null || this.#filter.has(topic);
  }

  /** Whether an event goes to this session: it may see it and has not narrowed it away. */
  wants(entry: Entry): boolean {
    if (entry.audience !== null && !mayRead(entry.audience, this.grants)) return false;
    return this.#filter === null || entry.topic === null || this.#filter.has(entry.topic);
  }

  /**
   * seq of the event that was sent before `seq`. After a wake it is looked up in the journal, so
   * that no attachment has to be written for each event.
   */
  sentBefore(seq: number, journal: JournalBefore): number {
    if (this.lastSent !== null) return this.lastSent;
    let before = seq;
    const { from, decided = from } = this.record;
    for (;;) {
      const page = journal.readBefore(before, LOOK_BACK_PAGE);
      for (const entry of page) {
        if (entry.seq <= Math.max(from, decided)) return from;
        if (this.wants(entry)) return entry.seq;
        before = entry.seq;
      }
      if (page.length < LOOK_BACK_PAGE) return from;
    }
  }
}

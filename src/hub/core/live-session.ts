import { UNACKNOWLEDGED_BYTES_MAX } from "../../protocol/limits.ts";
import type { Audience } from "../publisher.ts";
import { mayRead } from "./audience.ts";
import type { FrameWindow } from "./frame-rate.ts";
import type { Entry } from "./journal.ts";
import type { JournalBefore } from "./look-back.ts";
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
  frameWindow: FrameWindow | undefined;
  /** Closed by us: nothing more is sent, although the runtime may still list it. */
  ended = false;
  #filter: ReadonlySet<string> | null;
  #unacknowledged = 0;
  #signOfLifeAt: number;

  constructor(record: OpenSession, filter: readonly string[] | null, now: number) {
    this.record = record;
    this.grants = new Set(record.grants);
    this.expiresAtMs = record.exp * 1000;
    this.lastSent = null;
    this.#filter = filter === null ? null : new Set(filter);
    this.#signOfLifeAt = now;
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

  mayRead(audience: Audience): boolean {
    return mayRead(audience, this.grants);
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
    for (;;) {
      const page = journal.readBefore(before, LOOK_BACK_PAGE);
      for (const entry of page) {
        if (entry.seq <= this.record.from) return this.record.from;
        if (this.wants(entry)) return entry.seq;
        before = entry.seq;
      }
      if (page.length < LOOK_BACK_PAGE) return this.record.from;
    }
  }

  /** Counts what is sent. @returns false when it is too much since the last sign of life (HUB-10) */
  countSent(length: number): boolean {
    this.#unacknowledged += length;
    return this.#unacknowledged <= UNACKNOWLEDGED_BYTES_MAX;
  }

  /**
   * Whether a ping shows that the client reads, after {@link countSent} found too much; then counting
   * starts anew with `length`.
   * @param pingAt when the runtime last answered its ping, milliseconds; null: never
   */
  showedLife(pingAt: number | null, length: number, now: number): boolean {
    if (pingAt === null || pingAt <= this.#signOfLifeAt) return false;
    this.#unacknowledged = length;
    this.#signOfLifeAt = now;
    return true;
  }

  /** The client said something: it reads what we send. */
  signOfLife(now: number): void {
    this.#unacknowledged = 0;
    this.#signOfLifeAt = now;
  }
}

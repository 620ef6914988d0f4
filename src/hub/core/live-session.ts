import type { Audience } from "../publisher.ts";
import { mayRead } from "./audience.ts";
import { Credit, type Total } from "./credit.ts";
import type { Dialect, Numbering } from "./dialect.ts";
import type { FrameWindow } from "./frame-rate.ts";
import type { JournalBefore } from "./journal-pages.ts";
import type { Entry } from "./journal.ts";
import type { StreamLimits } from "./stream-limits.ts";
import type { OpenSession } from "./session.ts";
import { factsOf } from "./transport.ts";
import { WaitingFrames } from "./waiting-frames.ts";

/** Of so many calls it is known how much had been sent with them. */
const CALLS_KNOWN = 2_000;

/** How many journal rows one look back reads at a time. */
const LOOK_BACK_PAGE = 200;

/** An open session in memory: its record, and values that are found again after a wake. */
export class LiveSession implements Numbering {
  record: OpenSession;
  readonly dialect: Dialect;
  grants: ReadonlySet<string>;
  expiresAtMs: number;
  /** seq of the last event sent to it; null: not known since the wake. */
  lastSent: number | null;
  /** While it lags: everything up to this seq was sent, or is not for it. */
  cursor: number;
  frameWindow: FrameWindow | undefined;
  /** We closed it. Nothing more is sent, although the runtime may still list the socket. */
  ended = false;
  readonly credit: Credit;
  /** The newest seq that it has acknowledged; null: none since the wake. */
  acked: number | null = null;
  /** It was asked for an acknowledgement, and has not answered yet. */
  isProbed = false;
  /** Unconfirmed bytes at which a silent client is judged again. */
  nextLookBytes = 0;
  /** When the runtime was last asked for its ping, milliseconds. */
  pingAskedAt = 0;
  /** Calls that it was sent since the wake. Each allows it one frame more. */
  asked = 0;
  /** Keys of the signals that it missed while it lagged. */
  readonly missedSignals = new Set<string>();
  /** What it is owed and has no space for. */
  readonly waiting = new WaitingFrames();
  /** How much had been sent with each call that it has not answered, in order. */
  readonly #calls = new Map<string, Total>();
  #filter: ReadonlySet<string> | null;

  constructor(
    record: OpenSession,
    filter: readonly string[] | null,
    serving: { readonly dialect: Dialect; readonly limits: StreamLimits },
  ) {
    this.record = record;
    this.dialect = serving.dialect;
    const { isAcknowledgedByWorker } = factsOf(record.transport);
    this.credit = new Credit(serving.limits, isAcknowledgedByWorker);
    // The Worker acknowledges for this client, so the window applies from the start, and after a wake.
    if (isAcknowledgedByWorker && !this.takesTurns) this.credit.acknowledge(0, 0);
    this.grants = grantsIn(record);
    this.expiresAtMs = record.exp * 1000;
    this.lastSent = record.lagging === undefined ? null : record.from;
    this.cursor = record.from;
    this.#filter = filter === null ? null : new Set(filter);
  }

  get base(): number {
    return this.record.base ?? 0;
  }

  /** Whether time stands for its acknowledgements. */
  get takesTurns(): boolean {
    return this.dialect.takesTurns === true;
  }

  /** It was sent a call. */
  hasAsked(call: string): void {
    if (!this.takesTurns) return;
    this.#calls.set(call, this.credit.total);
    const [oldest = call] = this.#calls.keys();
    if (this.#calls.size > CALLS_KNOWN) this.#calls.delete(oldest);
  }

  /**
   * It has answered a call. Nobody else knows the call's id, so it has taken everything up to the call.
   * @returns whether that shows anything
   */
  hasAnswered(call: string): boolean {
    const total = this.#calls.get(call);
    if (total === undefined) return false;
    for (const id of this.#calls.keys()) {
      this.#calls.delete(id);
      if (id === call) break;
    }
    this.credit.took(total);
    return true;
  }

  /** Whether it gets only what is fed to it from the journal (HUB-10). */
  get isLagging(): boolean {
    return this.record.lagging !== undefined;
  }

  /** Replaces the record by one with other grants. */
  renew(record: OpenSession): void {
    this.record = record;
    this.grants = grantsIn(record);
    this.expiresAtMs = record.exp * 1000;
  }

  /** Subscribes to these topics only; null: all. */
  narrow(topics: readonly string[] | null): void {
    this.#filter = topics === null ? null : new Set(topics);
  }

  /** Topics it has subscribed to; null: all. */
  get topics(): string[] | null {
    return this.#filter === null ? null : [...this.#filter];
  }

  mayRead(audience: Audience): boolean {
    return mayRead(audience, this.grants);
  }

  /** Whether its subscription includes this topic. Everyone gets what has no topic (null). */
  hears(topic: string | null): boolean {
    return this.#filter === null || topic === null || this.#filter.has(topic);
  }

  /** Whether an event goes to this session: it may see it, and its subscription includes it. */
  wants(entry: Entry): boolean {
    if (entry.except !== null && entry.except === this.record.id) return false;
    if (entry.audience !== null && !mayRead(entry.audience, this.grants)) return false;
    return this.#filter === null || entry.topic === null || this.#filter.has(entry.topic);
  }

  /**
   * seq of the event that was sent before `seq`. After a wake it is found in the journal, so that sending an
   * event does not have to write the attachment.
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

function grantsIn({ grants, extra = {} }: OpenSession): ReadonlySet<string> {
  return new Set([...grants, ...Object.values(extra).flat()]);
}

import type { StreamLimits } from "./stream-limits.ts";

/** Marks in a window. An acknowledgement may be counted too low by what is sent between two of them. */
const MARKS_PER_WINDOW = 8;
/**
 * The part of a window that may seem open forever where the Worker acknowledges: it tells of each quarter, pings for each
 * sixteenth, and an acknowledgement may count as the mark before it.
 */
const UNTOLD_PART = 1 / 4 + 1 / 16 + 1 / MARKS_PER_WINDOW;
/** Answers and calls may exceed the window so many times. */
export const OWED_WINDOWS = 4;
/** Marks in a quarter of a window. */
const QUARTER_MARKS = 2;
/** With more marks than this, every second one is dropped. */
const MARKS_MAX = 64;

type CreditLimits = Pick<StreamLimits, "windowBytes" | "windowEvents">;

/** How much had been sent at one moment. */
export type Total = { readonly bytes: number; readonly events: number };

/** How much had been sent up to `seq`. */
type Mark = Total & {
  readonly seq: number;
  /** Milliseconds. */
  readonly at: number;
};

/**
 * What a socket was sent, and what its client has confirmed (HUB-10). The runtime does not say how much it
 * still buffers, so this is the only measure. An acknowledgement between two marks counts as the earlier mark:
 * never more than the client has taken.
 */
export class Credit {
  readonly #limits: CreditLimits;
  #bytes = 0;
  #events = 0;
  #shownBytes = 0;
  #shownEvents = 0;
  /** Counted as taken, although nothing shows it. */
  #assumedBytes = 0;
  #assumedEvents = 0;
  #markedBytes = 0;
  #markedEvents = 0;
  #lastSentAt = 0;
  #marks: Mark[] = [];
  #marksMade = 0;
  /** The client has acknowledged or pinged. From then on the window applies. */
  #shows: "nothing" | "pings" | "acknowledges" = "nothing";

  /** So much may stay open although the client has taken it, and a frame of any size goes then. */
  readonly #rest: number;

  /** @param isTold the Worker acknowledges, and says nothing of the last part of a window */
  constructor(limits: CreditLimits, isTold = false) {
    this.#limits = limits;
    this.#rest = isTold ? UNTOLD_PART * limits.windowBytes : 0;
  }

  /** Sent, and neither confirmed yet nor assumed to be taken. */
  get outstandingBytes(): number {
    return this.#bytes - Math.max(this.#shownBytes, this.#assumedBytes);
  }

  /** Sent and not confirmed yet. */
  get unshownBytes(): number {
    return this.#bytes - this.#shownBytes;
  }

  /** What was sent so far. */
  get total(): Total {
    return { bytes: this.#bytes, events: this.#events };
  }

  /** Quarters of a window that were sent so far, counted in bytes or events: each allows one acknowledgement. */
  get sentQuarters(): number {
    return Math.floor(this.#marksMade / QUARTER_MARKS);
  }

  /** Whether the client has never acknowledged and never pinged. */
  get isSilent(): boolean {
    return this.#shows === "nothing";
  }

  /** Whether the client acknowledges. Its pings do not count then. */
  get acknowledges(): boolean {
    return this.#shows === "acknowledges";
  }

  /** Whether half of the window was sent and is not confirmed. */
  get isHalfUsed(): boolean {
    const { windowBytes, windowEvents } = this.#limits;
    return this.outstandingBytes * 2 >= windowBytes || this.#outstandingEvents * 2 >= windowEvents;
  }

  /** Whether a frame may be sent. A frame above the window may be, once all before it is confirmed. */
  fits(bytes: number, events: number): boolean {
    const open = this.outstandingBytes;
    if (open === 0) return true;
    const { windowBytes, windowEvents } = this.#limits;
    const hasSpace = open <= this.#rest || open + bytes <= windowBytes;
    return hasSpace && this.#outstandingEvents + events <= windowEvents;
  }

  /** Whether a frame may be sent that does not wait for the window: an answer or a call. */
  mayOwe(bytes: number): boolean {
    return this.outstandingBytes + bytes <= OWED_WINDOWS * this.#limits.windowBytes;
  }

  /** Counts a frame that was sent. @param seq of its last event, or of the last event before it */
  sent(bytes: number, events: number, seq: number, now: number): void {
    this.#bytes += bytes;
    this.#events += events;
    this.#lastSentAt = now;
    const { windowBytes, windowEvents } = this.#limits;
    if (
      this.#bytes - this.#markedBytes < windowBytes / MARKS_PER_WINDOW &&
      this.#events - this.#markedEvents < windowEvents / MARKS_PER_WINDOW
    ) {
      return;
    }
    this.#markedBytes = this.#bytes;
    this.#markedEvents = this.#events;
    this.#marksMade += 1;
    this.#marks.push({ seq, bytes: this.#bytes, events: this.#events, at: now });
    if (this.#marks.length > MARKS_MAX) this.#marks = this.#marks.filter((_, at) => at % 2 === 1);
  }

  /** The client has everything up to `seq`. @param lastSent seq of the last event it was sent */
  acknowledge(seq: number, lastSent: number): void {
    this.#shows = "acknowledges";
    if (seq >= lastSent) this.#show(this.#bytes, this.#events);
    else this.#showUpTo((mark) => mark.seq <= seq);
  }

  /** The runtime answered its ping at `at`, milliseconds, so the client has taken what was sent before. */
  pinged(at: number): void {
    if (this.#shows === "nothing") this.#shows = "pings";
    if (this.#lastSentAt < at) this.#show(this.#bytes, this.#events);
    else this.#showUpTo((mark) => mark.at < at);
  }

  /** The client has taken all of this: it has said something that it can only know from there. */
  took({ bytes, events }: Total): void {
    this.#marks = this.#marks.filter((mark) => mark.bytes > bytes);
    this.#show(bytes, events);
  }

  /** What was sent before `at`, milliseconds, counts as taken for the window from now on. Nothing shows it. */
  assume(at: number): void {
    const isAll = this.#lastSentAt < at;
    const known = isAll ? this.total : this.#marks.findLast((mark) => mark.at < at);
    if (known === undefined) return;
    this.#assumedBytes = Math.max(this.#assumedBytes, known.bytes);
    this.#assumedEvents = Math.max(this.#assumedEvents, known.events);
  }

  get #outstandingEvents(): number {
    return this.#events - Math.max(this.#shownEvents, this.#assumedEvents);
  }

  #showUpTo(isShown: (mark: Mark) => boolean): void {
    const last = this.#marks.findLastIndex(isShown);
    const mark = this.#marks[last];
    if (mark === undefined) return;
    this.#marks.splice(0, last + 1);
    this.#show(mark.bytes, mark.events);
  }

  #show(bytes: number, events: number): void {
    this.#shownBytes = Math.max(this.#shownBytes, bytes);
    this.#shownEvents = Math.max(this.#shownEvents, events);
    if (this.#shownBytes === this.#bytes) this.#marks = [];
  }
}

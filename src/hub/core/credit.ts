import { CREDIT_WINDOW_BYTES, CREDIT_WINDOW_EVENTS } from "../../protocol/limits.ts";

/** Bytes and events between two marks: what an acknowledgement may be short of. */
const MARK_BYTES = CREDIT_WINDOW_BYTES / 8;
const MARK_EVENTS = CREDIT_WINDOW_EVENTS / 8;
/** Marks in a quarter of a window. */
const QUARTER_MARKS = 2;
/** With more marks than this, every second one goes. */
const MARKS_MAX = 64;

/** Up to `seq` so much had been sent. */
type Mark = {
  readonly seq: number;
  readonly bytes: number;
  readonly events: number;
  /** Milliseconds. */
  readonly at: number;
};

/**
 * What a socket was sent and what it has shown to have taken (HUB-10). A runtime that tells nobody how
 * much it still buffers leaves this as the only measure. Counts are exact; an acknowledgement between
 * two marks counts as one of the earlier mark, never as more than was taken.
 */
export class Credit {
  #bytes = 0;
  #events = 0;
  #shownBytes = 0;
  #shownEvents = 0;
  #markedBytes = 0;
  #markedEvents = 0;
  #lastSentAt = 0;
  #marks: Mark[] = [];
  #marksMade = 0;
  /** It has acknowledged, or pinged: from then on it is held to the window. */
  #shows: "nothing" | "pings" | "acknowledges" = "nothing";

  /** What was sent and not shown to be taken. */
  get outstandingBytes(): number {
    return this.#bytes - this.#shownBytes;
  }

  /** Quarters of a window that were sent so far, of bytes or events: each may be acknowledged. */
  get sentQuarters(): number {
    return Math.floor(this.#marksMade / QUARTER_MARKS);
  }

  /** Whether it has never acknowledged and never pinged. */
  get isSilent(): boolean {
    return this.#shows === "nothing";
  }

  /** Whether it acknowledges: then its pings do not count. */
  get acknowledges(): boolean {
    return this.#shows === "acknowledges";
  }

  /** Whether a frame may be sent. One that is larger than the window goes when nothing is under way. */
  fits(bytes: number, events: number): boolean {
    const open = this.#bytes - this.#shownBytes;
    if (open === 0) return true;
    return (
      open + bytes <= CREDIT_WINDOW_BYTES &&
      this.#events - this.#shownEvents + events <= CREDIT_WINDOW_EVENTS
    );
  }

  /** Counts a frame that was sent. @param seq of the last event in it, or sent before it */
  sent(bytes: number, events: number, seq: number, now: number): void {
    this.#bytes += bytes;
    this.#events += events;
    this.#lastSentAt = now;
    if (
      this.#bytes - this.#markedBytes < MARK_BYTES &&
      this.#events - this.#markedEvents < MARK_EVENTS
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

  /** The runtime answered its ping at `at`, milliseconds: what was sent before has been taken. */
  pinged(at: number): void {
    if (this.#shows === "nothing") this.#shows = "pings";
    if (this.#lastSentAt < at) this.#show(this.#bytes, this.#events);
    else this.#showUpTo((mark) => mark.at < at);
  }

  /** A client that is neither known to acknowledge nor to ping said something. */
  signOfLife(): void {
    if (this.#shows === "nothing") this.#show(this.#bytes, this.#events);
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

import { OWED_WINDOWS } from "../core/credit.ts";
import type { StreamLimits } from "../core/stream-limits.ts";

/**
 * What is marked, asked for or acknowledged at once, as a part of a window. A client that has taken everything then
 * leaves at most this part open, and what the hub counts too late: at most an eighth (`core/credit.ts`). The largest
 * frame fits into the rest, so neither side ever waits for the other.
 */
export const MARKED_PART = 1 / 16;

/**
 * The hub is told when this part of a window was taken. For each of them a client may send one frame more than the
 * frame limit (HUB-9), so that these messages do not use up the client's own.
 */
export const TOLD_PART = 1 / 4;

/**
 * How many windows of events may be open. A hub that has slept does not know what was open before, and begins a new
 * window (HUB-10).
 */
const EVENT_WINDOWS = 2;

/** The same for all frames, answers and calls among them. */
const WINDOWS = EVENT_WINDOWS + OWED_WINDOWS;

/** The limits that {@link SentWindow} needs. */
export type WindowLimits = Pick<
  StreamLimits,
  "windowBytes" | "windowEvents" | "unacknowledgedBytes"
>;

/** What was sent since the beginning. Lengths are in characters. */
export type Total = {
  /** Length of all frames. */
  readonly all: number;
  /** Length and number of those with events. */
  readonly length: number;
  readonly events: number;
};

/** Before the first frame. */
export const NOTHING: Total = { all: 0, length: 0, events: 0 };

/**
 * What the Worker has passed on to a client and the client has not shown to have taken. A socket in the Worker
 * buffers whatever it is sent, and says nothing of it, so this is the only measure.
 */
export class SentWindow {
  readonly #limits: WindowLimits;
  #sent = NOTHING;
  #taken = NOTHING;
  /** The hub was told that this was taken, although the client has shown nothing. */
  #assumed = NOTHING;
  #number = 0;
  #hasShown = false;
  /** How much had been sent when the client's number was `number`. */
  readonly #marks: { readonly number: number; readonly sent: Total }[] = [];

  constructor(limits: WindowLimits) {
    this.#limits = limits;
  }

  /** What was sent so far. */
  get sent(): Total {
    return this.#sent;
  }

  /**
   * Counts a frame, also if it is too much.
   * @param length characters
   * @param number of a client that has it; null: it is no event
   * @returns false: more is open than the client may leave open
   */
  add(length: number, number: number | null): boolean {
    const { windowBytes, windowEvents, unacknowledgedBytes } = this.#limits;
    const before = this.#sent;
    const isEvent = number !== null;
    this.#sent = {
      all: before.all + length,
      length: before.length + (isEvent ? length : 0),
      events: before.events + (isEvent ? 1 : 0),
    };
    if (isEvent) this.#mark(number);
    if (!this.#hasShown && this.#sent.all - this.#taken.all > unacknowledgedBytes) return false;
    const since = later(this.#assumed, this.#taken);
    // A frame above the window may go alone.
    const isAlone = (isEvent ? before.length - since.length : before.all - since.all) === 0;
    return (
      isAlone ||
      (this.#sent.length - since.length <= EVENT_WINDOWS * windowBytes &&
        this.#sent.events - since.events <= EVENT_WINDOWS * windowEvents &&
        this.#sent.all - since.all <= WINDOWS * windowBytes)
    );
  }

  /** The client has taken everything up to here. */
  take(upTo: Total): void {
    this.#taken = later(this.#taken, upTo);
  }

  /** The client has acknowledged this number. As in the hub, the newest one stands for every frame. */
  acknowledge(number: number): void {
    this.#hasShown = true;
    if (number >= this.#number) this.take(this.#sent);
    for (;;) {
      const [mark] = this.#marks;
      if (mark === undefined || mark.number > number) return;
      this.#marks.shift();
      this.take(mark.sent);
    }
  }

  /**
   * The hub waits for acknowledgements. For a client that never sends one, the Worker does.
   * @returns what to acknowledge for it now; null: nothing
   */
  assume(): number | null {
    if (this.#hasShown || !this.isPart(TOLD_PART, this.#assumed, this.#sent)) return null;
    this.#assumed = this.#sent;
    return this.#number;
  }

  /** Whether this part of a window was sent between two points. */
  isPart(part: number, from: Total, to: Total): boolean {
    const { windowBytes, windowEvents } = this.#limits;
    return (
      to.all - from.all >= part * windowBytes || to.events - from.events >= part * windowEvents
    );
  }

  /** The newest mark moves on until it is a part of a window away from the one before. */
  #mark(number: number): void {
    this.#number = number;
    const newest = this.#marks.at(-1);
    const before = this.#marks.at(-2)?.sent ?? this.#taken;
    if (newest !== undefined && !this.isPart(MARKED_PART, before, newest.sent)) this.#marks.pop();
    this.#marks.push({ number, sent: this.#sent });
  }
}

function later(a: Total, b: Total): Total {
  return {
    all: Math.max(a.all, b.all),
    length: Math.max(a.length, b.length),
    events: Math.max(a.events, b.events),
  };
}

import type { StreamLimits } from "../core/stream-limits.ts";

/** What is marked, or asked for, at once, as a part of a window (`hub-feed.ts` says why this much). */
export const MARKED_PART = 1 / 16;

/**
 * How many windows of events may wait in the Worker for one client. A hub that has slept does not know what was
 * open, and begins a new window (HUB-10): a client that takes everything then has little open, and gets a window
 * in addition.
 */
const EVENT_WINDOWS = 9 / 8;

/** The same for all frames: answers and calls may exceed the window (`core/credit.ts`). */
const OWED_WINDOWS = 5;

/** The limits that {@link SentWindow} needs. */
export type WindowLimits = Pick<
  StreamLimits,
  "windowBytes" | "windowEvents" | "unacknowledgedBytes"
>;

/** What was sent since the beginning. */
export type Total = { readonly length: number; readonly frames: number };

/**
 * What the Worker has passed on to a client and the client has not shown to have taken. A socket in the Worker
 * buffers whatever it is sent, and says nothing of it, so this is the only measure.
 */
export class SentWindow {
  readonly #limits: WindowLimits;
  #sent: Total = { length: 0, frames: 0 };
  #taken: Total = { length: 0, frames: 0 };
  #hasShown: boolean;
  /** How much had been sent when the client's number was `number`. */
  readonly #marks: (Total & { readonly number: number })[] = [];

  /** @param shows whether the client is known to acknowledge. Otherwise the window applies when it does */
  constructor(limits: WindowLimits, shows: boolean) {
    this.#limits = limits;
    this.#hasShown = shows;
  }

  /** What was sent so far. */
  get sent(): Total {
    return this.#sent;
  }

  /**
   * Counts a frame.
   * @param number of a client that has it; null: it is no event
   * @returns false: more waits than a client may leave open
   */
  add(length: number, number: number | null): boolean {
    const { windowBytes, windowEvents, unacknowledgedBytes } = this.#limits;
    const open = this.#sent.length - this.#taken.length;
    const frames = this.#sent.frames - this.#taken.frames;
    this.#sent = { length: this.#sent.length + length, frames: this.#sent.frames + 1 };
    if (number !== null) this.#mark(number);
    if (open === 0) return true;
    if (!this.#hasShown) return open + length <= unacknowledgedBytes;
    const windows = number === null ? OWED_WINDOWS : EVENT_WINDOWS;
    return open + length <= windows * windowBytes && frames < windows * windowEvents;
  }

  /** The client has taken everything up to here. */
  take(upTo: Total): void {
    this.#hasShown = true;
    if (upTo.length > this.#taken.length) this.#taken = upTo;
  }

  /** The client has sent a frame. If it never acknowledges, that is all that shows that it reads. */
  signOfLife(): void {
    if (!this.#hasShown) this.#taken = this.#sent;
  }

  /** The client has acknowledged this number. */
  acknowledge(number: number): void {
    this.#hasShown = true;
    for (;;) {
      const [mark] = this.#marks;
      if (mark === undefined || mark.number > number) return;
      this.#marks.shift();
      this.take(mark);
    }
  }

  /** Whether this part of a window was sent between two points. */
  isPart(part: number, from: Total, to: Total): boolean {
    const { windowBytes, windowEvents } = this.#limits;
    return (
      to.length - from.length >= part * windowBytes ||
      to.frames - from.frames >= part * windowEvents
    );
  }

  /** The newest mark moves on until it is a part of a window away from the one before. */
  #mark(number: number): void {
    const newest = this.#marks.at(-1);
    const before = this.#marks.at(-2) ?? this.#taken;
    if (newest !== undefined && !this.isPart(MARKED_PART, before, newest)) this.#marks.pop();
    this.#marks.push({ ...this.#sent, number });
  }
}

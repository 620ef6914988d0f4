import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Credit } from "../core/credit.ts";
import { NOTHING, SentWindow, TOLD_PART, type Total, type WindowLimits } from "./sent-window.ts";

/** Small, so that properties come to their ends. */
const LIMITS: WindowLimits = { windowBytes: 1_600, windowEvents: 40, unacknowledgedBytes: 20_000 };
const EVENT_WINDOWS = 2;
const WINDOWS = 6;
/** The largest frame, as a part of a window, like that of a real hub. */
const FRAME_MAX = Math.floor(LIMITS.windowBytes / 3);

type Frame = { readonly length: number; readonly number: number | null };

const NUMBERS = { minLength: 1, maxLength: 200, size: "max" } as const;
const STEP = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("publish" as const),
      length: fc.integer({ min: 1, max: FRAME_MAX }),
      times: fc.integer({ min: 1, max: 12 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("publish" as const),
      length: fc.constant(1),
      times: fc.constant(60),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("answer" as const),
      length: fc.integer({ min: 1, max: FRAME_MAX }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("carry" as const),
      frames: fc.integer({ min: 1, max: 30 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("read" as const),
      frames: fc.integer({ min: 1, max: 30 }),
    }),
  },
  { weight: 4, arbitrary: fc.constant({ do: "acknowledge" as const }) },
  { weight: 6, arbitrary: fc.constant({ do: "tell" as const }) },
  { weight: 1, arbitrary: fc.constant({ do: "sleep" as const }) },
);
type Step = typeof STEP extends fc.Arbitrary<infer T> ? T : never;

/** A hub with its credit, the Worker, and a client that acknowledges what it has read, each as slow as it likes. */
class Line {
  readonly #isWorkers: boolean;
  readonly #window: SentWindow;
  #credit: Credit;
  /** Events that the hub has not sent. */
  #unsent: Frame[] = [];
  #published = 0;
  #lastSent = 0;
  /** On the way from the hub to the Worker, and from there to the client. */
  readonly #toWorker: Frame[] = [];
  readonly #toClient: (Frame & { readonly upTo: Total })[] = [];
  /** Acknowledgements on the way to the hub. */
  readonly #toHub: number[] = [];
  #read = 0;
  #readUpTo: Total = NOTHING;

  /** @param isWorkers whether the Worker acknowledges for its client */
  constructor(isWorkers: boolean) {
    this.#isWorkers = isWorkers;
    this.#window = new SentWindow(LIMITS);
    this.#credit = this.#newCredit();
  }

  do(step: Step): void {
    switch (step.do) {
      case "publish":
        for (let i = 0; i < step.times; i += 1) {
          this.#published += 1;
          this.#unsent.push({ length: step.length, number: this.#published });
        }
        return this.#feed();
      case "answer":
        if (this.#credit.mayOwe(step.length)) this.#send({ length: step.length, number: null });
        return;
      case "carry":
        for (const frame of this.#toWorker.splice(0, step.frames)) {
          expect(this.#window.add(frame.length, frame.number)).toBe(true);
          this.#toClient.push({ ...frame, upTo: this.#window.sent });
        }
        return;
      case "read":
        for (const { number, upTo } of this.#toClient.splice(0, step.frames)) {
          this.#read = number ?? this.#read;
          this.#readUpTo = upTo;
        }
        return;
      case "acknowledge":
        if (this.#isWorkers) this.#window.take(this.#readUpTo);
        else this.#window.acknowledge(this.#read);
        this.#toHub.push(this.#read);
        return;
      case "tell": {
        const number = this.#toHub.shift();
        if (number === undefined) return;
        this.#credit.acknowledge(number, this.#lastSent);
        return this.#feed();
      }
      case "sleep":
        // It sleeps only when nothing is on its way, and events that wait would keep it busy. Until then a client
        // has read what it got, and has acknowledged half of a window at the latest.
        if (this.#toWorker.length + this.#toHub.length + this.#unsent.length > 0) return;
        this.do({ do: "read", frames: 1_000 });
        if (this.#credit.isHalfUsed) {
          this.do({ do: "acknowledge" });
          this.do({ do: "tell" });
        }
        this.#credit = this.#newCredit();
    }
  }

  /** Everything arrives, and is acknowledged. @returns how many events the client has not got */
  settle(): number {
    for (let i = 0; i < 400 && this.#read < this.#published; i += 1) {
      for (const what of ["carry", "read"] as const) this.do({ do: what, frames: 1_000 });
      for (const what of ["acknowledge", "tell"] as const) this.do({ do: what });
      while (this.#toHub.length > 0) this.do({ do: "tell" });
    }
    return this.#published - this.#read;
  }

  #newCredit(): Credit {
    const credit = new Credit(LIMITS);
    credit.acknowledge(0, 0);
    return credit;
  }

  #feed(): void {
    for (;;) {
      const [next] = this.#unsent;
      if (next === undefined) return;
      if (!this.#credit.fits(next.length, 1)) return;
      this.#unsent.shift();
      this.#send(next);
    }
  }

  #send(frame: Frame): void {
    this.#lastSent = frame.number ?? this.#lastSent;
    this.#credit.sent(frame.length, frame.number === null ? 0 : 1, this.#lastSent, 0);
    this.#toWorker.push(frame);
  }
}

describe("HUB-24 what waits in the Worker for a client", () => {
  test.each([
    ["acknowledges itself", false],
    ["is acknowledged for by the Worker", true],
  ])("is never too much if it %s and takes what its hub sends", (_, isWorkers) => {
    fc.assert(
      fc.property(fc.array(STEP, NUMBERS), (steps) => {
        const line = new Line(isWorkers);
        for (const step of steps) line.do(step);
        expect(line.settle()).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  test("is at most two windows of events, and six of everything, whatever the hub sends", () => {
    const frame = fc.record({
      length: fc.oneof(
        fc.constant(0),
        fc.constant(1),
        fc.integer({ min: 1, max: LIMITS.windowBytes * 2 }),
      ),
      isEvent: fc.constantFrom(true, true, true, false),
      /** Which part of what was sent is acknowledged before it. */
      acknowledges: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: null, freq: 4 }),
    });
    fc.assert(
      fc.property(fc.array(frame, NUMBERS), (frames) => {
        const window = new SentWindow(LIMITS);
        window.acknowledge(0);
        const open: Frame[] = [];
        let [number, acknowledged] = [0, 0];
        for (const { length, isEvent, acknowledges } of frames) {
          if (acknowledges !== null) {
            acknowledged = Math.max(acknowledged, Math.ceil(number * acknowledges));
            window.acknowledge(acknowledged);
            if (acknowledged === number) open.splice(0);
            const last = open.findLastIndex(
              (one) => one.number !== null && one.number <= acknowledged,
            );
            open.splice(0, last + 1);
          }
          if (isEvent) number += 1;
          const isAllowed = window.add(length, isEvent ? number : null);
          if (!isAllowed) return;
          const own = open.filter((one) => !isEvent || one.number !== null);
          open.push({ length, number: isEvent ? number : null });
          // One frame of any length may be sent when nothing of its kind is open.
          const before = own.reduce((sum, one) => sum + one.length, 0);
          if (before === 0) continue;
          const windows = isEvent ? EVENT_WINDOWS : WINDOWS;
          expect(before + length).toBeLessThanOrEqual(windows * LIMITS.windowBytes);
          if (isEvent) {
            expect(own.length + 1).toBeLessThanOrEqual(EVENT_WINDOWS * LIMITS.windowEvents);
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  test("is at most so many bytes for a client that shows nothing, for which the Worker acknowledges", () => {
    const window = new SentWindow(LIMITS);
    const piece = LIMITS.windowBytes / 4;
    const told: number[] = [];
    for (let n = 1; n <= LIMITS.unacknowledgedBytes / piece; n += 1) {
      expect(window.add(piece, n)).toBe(true);
      const number = window.assume();
      if (number !== null) told.push(number);
    }
    expect(told).toEqual(
      Array.from({ length: LIMITS.unacknowledgedBytes / piece }, (_, i) => i + 1),
    );
    expect(window.add(1, 100)).toBe(false);
  });

  test("counts on from what the Worker has acknowledged, when the client begins to do so itself", () => {
    const window = new SentWindow(LIMITS);
    const piece = LIMITS.windowBytes / 4;
    let n = 0;
    const add = (): boolean => window.add(piece, ++n);
    for (let i = 0; i < 20; i += 1) {
      expect(add()).toBe(true);
      window.assume();
    }
    window.acknowledge(1);
    expect(window.assume()).toBeNull();
    for (let i = 0; i < 4 * EVENT_WINDOWS; i += 1) expect(add()).toBe(true);
    expect(window.assume()).toBeNull();
    expect(add()).toBe(false);
  });

  test("are the answers that it has not acknowledged, however often it asks", () => {
    const window = new SentWindow(LIMITS);
    window.add(1, 1);
    let sent = 0;
    while (window.add(LIMITS.windowBytes / 2, null)) {
      window.assume();
      sent += LIMITS.windowBytes / 2;
      expect(sent).toBeLessThan(2 * LIMITS.unacknowledgedBytes);
    }
    expect(sent).toBeGreaterThan(LIMITS.unacknowledgedBytes - LIMITS.windowBytes);
  });

  test("is nothing when it acknowledges the newest event, whatever was sent since without a number", () => {
    const window = new SentWindow(LIMITS);
    expect(window.add(1, 1)).toBe(true);
    for (let round = 0; round < 4 * WINDOWS; round += 1) {
      expect(window.add(LIMITS.windowBytes, null)).toBe(true);
      window.acknowledge(1);
    }
  });

  test("is not made less by an acknowledgement that came before", () => {
    const window = new SentWindow(LIMITS);
    window.acknowledge(0);
    for (let n = 1; n <= 16; n += 1) expect(window.add(LIMITS.windowBytes / 8, n)).toBe(true);
    window.acknowledge(0);
    expect(window.add(1, 17)).toBe(false);
    window.acknowledge(17);
    window.acknowledge(3);
    expect(window.add(LIMITS.windowBytes, 18)).toBe(true);
  });

  test.each([
    [1, 0, false],
    [LIMITS.windowBytes / 4, 0, true],
    [1, LIMITS.windowEvents / 4, true],
    [LIMITS.windowBytes / 4 - 1, LIMITS.windowEvents / 4 - 1, false],
  ])("is a quarter of a window with %i characters and %i events: %s", (all, events, is) => {
    const from = { all: 100, length: 100, events: 100 };
    const to = { all: 100 + all, length: 100, events: 100 + events };
    expect(new SentWindow(LIMITS).isPart(TOLD_PART, from, to)).toBe(is);
  });
});

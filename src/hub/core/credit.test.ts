import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CREDIT_WINDOW_BYTES, CREDIT_WINDOW_EVENTS } from "../../protocol/limits.ts";
import { GUILD_STREAM } from "../guild-kind.ts";
import { Credit } from "./credit.ts";

/** An eighth of the window: half of the distance between two marks. */
const EIGHTH = CREDIT_WINDOW_BYTES / 8;

/** A credit that was sent `frames` frames of one event each; seq and time count up from 1. */
function sent(frames: number, bytes: number): Credit {
  const credit = new Credit(GUILD_STREAM.limits);
  for (let i = 1; i <= frames; i += 1) credit.sent(bytes, 1, i, i);
  return credit;
}

describe("HUB-10 the window", () => {
  test("is full at its last byte, not one before", () => {
    const credit = new Credit(GUILD_STREAM.limits);
    credit.sent(CREDIT_WINDOW_BYTES - 10, 1, 1, 0);
    expect(credit.outstandingBytes).toBe(CREDIT_WINDOW_BYTES - 10);
    expect(credit.fits(10, 1)).toBe(true);
    expect(credit.fits(11, 1)).toBe(false);
  });

  test("is full at its last event, not one before", () => {
    const credit = new Credit(GUILD_STREAM.limits);
    credit.sent(10, CREDIT_WINDOW_EVENTS - 2, 1, 0);
    expect(credit.fits(10, 2)).toBe(true);
    expect(credit.fits(10, 3)).toBe(false);
  });

  test("a frame larger than the window fits only when everything before it is confirmed", () => {
    const credit = new Credit(GUILD_STREAM.limits);
    expect(credit.fits(CREDIT_WINDOW_BYTES * 3, 1)).toBe(true);
    credit.sent(1, 1, 1, 0);
    expect(credit.fits(CREDIT_WINDOW_BYTES * 3, 1)).toBe(false);
    credit.acknowledge(1, 1);
    expect(credit.fits(CREDIT_WINDOW_BYTES * 3, 1)).toBe(true);
  });
});

describe("HUB-10 an acknowledgement", () => {
  test("of the last event confirms everything, including frames after that event", () => {
    const credit = sent(3, 1_000);
    credit.sent(500, 0, 3, 9);
    credit.acknowledge(3, 3);
    expect(credit.outstandingBytes).toBe(0);
  });

  test("in the middle counts as the mark before it: never as more than the client has taken", () => {
    const credit = sent(8, EIGHTH);
    credit.acknowledge(5, 8);
    expect(credit.outstandingBytes).toBe(3 * EIGHTH);
    const between = sent(8, EIGHTH / 2);
    between.acknowledge(3, 8);
    expect(between.outstandingBytes).toBe(6 * (EIGHTH / 2));
    between.acknowledge(4, 8);
    expect(between.outstandingBytes).toBe(4 * (EIGHTH / 2));
  });

  test("of many small events counts by events, when these fill the window", () => {
    const credit = new Credit(GUILD_STREAM.limits);
    for (let i = 1; i <= CREDIT_WINDOW_EVENTS; i += 1) credit.sent(1, 1, i, 0);
    expect(credit.fits(1, 1)).toBe(false);
    credit.acknowledge(CREDIT_WINDOW_EVENTS / 2, CREDIT_WINDOW_EVENTS);
    expect(credit.fits(1, CREDIT_WINDOW_EVENTS / 2)).toBe(true);
    expect(credit.fits(1, CREDIT_WINDOW_EVENTS / 2 + 1)).toBe(false);
  });

  test("before the first mark confirms nothing, and shows only that the client acknowledges", () => {
    const credit = sent(2, 100);
    expect([credit.isSilent, credit.acknowledges]).toEqual([true, false]);
    credit.acknowledge(1, 2);
    expect(credit.outstandingBytes).toBe(200);
    expect([credit.isSilent, credit.acknowledges]).toEqual([false, true]);
  });

  test("that arrives late revokes nothing", () => {
    const credit = sent(8, EIGHTH);
    credit.acknowledge(6, 8);
    credit.acknowledge(2, 8);
    expect(credit.outstandingBytes).toBe(2 * EIGHTH);
  });

  test("after everything was confirmed counts only what was sent since", () => {
    const credit = sent(4, EIGHTH);
    credit.acknowledge(4, 4);
    credit.sent(EIGHTH, 1, 5, 5);
    credit.acknowledge(4, 5);
    expect(credit.outstandingBytes).toBe(EIGHTH);
    credit.acknowledge(5, 5);
    expect(credit.outstandingBytes).toBe(0);
  });

  test("of a client that was silent for long finds a near mark, although many marks were dropped", () => {
    for (let frames = 540; frames <= 600; frames += 1) {
      const credit = sent(frames, EIGHTH);
      credit.acknowledge(frames - 5, frames);
      const left = credit.outstandingBytes / EIGHTH;
      expect(left).toBeGreaterThanOrEqual(5);
      expect(left).toBeLessThan(10);
    }
  });
});

describe("HUB-10 a ping", () => {
  test("confirms what was sent before it", () => {
    const credit = sent(8, EIGHTH);
    credit.pinged(6);
    expect(credit.outstandingBytes).toBe(3 * EIGHTH);
    expect([credit.isSilent, credit.acknowledges]).toEqual([false, false]);
    credit.pinged(9);
    expect(credit.outstandingBytes).toBe(0);
    const little = sent(3, 100);
    little.pinged(4);
    expect(little.outstandingBytes).toBe(0);
  });

  test("in the same millisecond as the last frame does not confirm that frame", () => {
    const credit = new Credit(GUILD_STREAM.limits);
    credit.sent(EIGHTH, 1, 1, 5);
    credit.pinged(5);
    expect(credit.outstandingBytes).toBe(EIGHTH);
    credit.pinged(6);
    expect(credit.outstandingBytes).toBe(0);
  });

  test("does not turn a client that acknowledges into one that only pings", () => {
    const credit = sent(1, 10);
    credit.acknowledge(0, 1);
    credit.pinged(0);
    expect(credit.acknowledges).toBe(true);
  });
});

test("HUB-10 whatever happens, never more is confirmed than the client has taken", () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant("send" as const), bytes: fc.integer({ min: 1, max: 40_000 }) }),
    fc.record({
      do: fc.constant("ack" as const),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
    fc.record({
      do: fc.constant("ping" as const),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const credit = new Credit(GUILD_STREAM.limits);
      const frames: number[] = [];
      let taken = 0;
      const bytesUpTo = (count: number): number =>
        frames.slice(0, count).reduce((sum, bytes) => sum + bytes, 0);
      for (const one of steps) {
        if (one.do === "send") {
          frames.push(one.bytes);
          credit.sent(one.bytes, 1, frames.length, frames.length);
        } else {
          const count = Math.floor(one.share * frames.length);
          taken = Math.max(taken, count);
          if (one.do === "ack") credit.acknowledge(count, frames.length);
          else credit.pinged(count + 1);
        }
        const all = bytesUpTo(frames.length);
        expect(credit.outstandingBytes).toBeGreaterThanOrEqual(all - bytesUpTo(taken));
        // With so few frames no mark was dropped, so nothing stays unconfirmed.
        if (frames.length < 60 && taken === frames.length) expect(credit.outstandingBytes).toBe(0);
      }
    }),
    { numRuns: Number(process.env["MODEL_RUNS"] ?? 150) },
  );
});

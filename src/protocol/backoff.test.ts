import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { doublingPause, fullJitter } from "./backoff.ts";

const backoff = { firstMs: 500, mostMs: 10_000 };

describe("a back-off", () => {
  it("doubles, and stops at its longest pause", () => {
    const pauses = [0, 1, 2, 3, 4, 5, 1_000_000].map((attempt) => doublingPause(backoff, attempt));
    expect(pauses).toEqual([500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
  });

  it("has a longest pause that may be shorter than the first", () => {
    expect(doublingPause({ firstMs: 500, mostMs: 100 }, 0)).toBe(100);
  });

  it("is spread by jitter over all of the pause, in whole milliseconds", () => {
    expect([0, 0.5, 1].map((random) => fullJitter(backoff, 1, random))).toEqual([0, 500, 1_000]);
    const random = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.nat(), random, (attempt, at) => {
        const pause = fullJitter(backoff, attempt, at);
        expect(Number.isInteger(pause)).toBe(true);
        expect(pause).toBeGreaterThanOrEqual(0);
        expect(pause).toBeLessThanOrEqual(doublingPause(backoff, attempt));
      }),
    );
  });
});

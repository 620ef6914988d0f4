import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BACKOFF_BASE_MS, BACKOFF_CAP_MS, backoffMs } from "./backoff.ts";

describe("the back-off", () => {
  it("doubles its bound and stops at the cap", () => {
    expect([0, 1, 2, 3, 4, 5, 60].map((attempt) => backoffMs(attempt, 1))).toEqual([
      BACKOFF_BASE_MS,
      2_000,
      4_000,
      8_000,
      16_000,
      BACKOFF_CAP_MS,
      BACKOFF_CAP_MS,
    ]);
  });

  it("jitters over the whole range, above the wait that the server requested", () => {
    expect(backoffMs(3, 0)).toBe(0);
    fc.assert(
      fc.property(
        fc.nat(100),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.nat(60_000),
        (attempt, random, atLeast) => {
          const wait = backoffMs(attempt, random, atLeast);
          expect(wait).toBeGreaterThanOrEqual(atLeast);
          expect(wait).toBeLessThanOrEqual(atLeast + BACKOFF_CAP_MS);
        },
      ),
    );
  });
});

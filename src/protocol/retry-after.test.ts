import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RETRY_AFTER_MAX_MS } from "./limits.ts";
import { retryAfterMs } from "./retry-after.ts";

const NOW = Date.UTC(2026, 10, 21, 12);

describe("Retry-After (RFC 9110 §10.2.3)", () => {
  it.each([
    ["0", 0],
    ["2", 2_000],
    [" 2 ", 2_000],
    ["0.25", 250],
    ["3600", 3_600_000],
    ["Sat, 21 Nov 2026 12:00:07 GMT", 7_000],
    ["Saturday, 21-Nov-26 12:00:07 GMT", 7_000],
    ["Sat Nov 21 12:00:07 2026", 7_000],
    ["Sun Nov  1 12:00:07 2026", 0],
    ["Sat, 21 Nov 2026 11:59:00 GMT", 0],
    ["86401", RETRY_AFTER_MAX_MS],
    ["9".repeat(400), RETRY_AFTER_MAX_MS],
    ["Sat, 21 Nov 2099 12:00:00 GMT", RETRY_AFTER_MAX_MS],
  ])("%s is a wait of %s ms", (value, ms) => {
    expect(retryAfterMs(value, NOW)).toBe(ms);
  });

  it.each([
    null,
    "",
    " ",
    "soon",
    "-1",
    "+5",
    "0x10",
    "1e3",
    "Infinity",
    "2026-11-21",
    "Sat, soon",
  ])("%s is no valid value", (value) => {
    expect(retryAfterMs(value, NOW)).toBeNull();
  });

  it("reads every whole second of a day, as a number and as a date", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 86_400 }), (seconds) => {
        const date = new Date(NOW + seconds * 1000).toUTCString();
        expect(retryAfterMs(String(seconds), NOW)).toBe(seconds * 1000);
        expect(retryAfterMs(date, NOW)).toBe(seconds * 1000);
      }),
    );
  });

  it("is never negative and never longer than the maximum", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.double().map(String)), (value) => {
        const ms = retryAfterMs(value, NOW);
        if (ms === null) return;
        expect(ms).toBeGreaterThanOrEqual(0);
        expect(ms).toBeLessThanOrEqual(RETRY_AFTER_MAX_MS);
      }),
    );
  });
});

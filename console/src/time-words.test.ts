import { describe, expect, it } from "vitest";
import { dayInWords, duration, moment } from "./time-words.ts";

describe("a length of time", () => {
  it.each([
    [-5_000, "less than a minute"],
    [59_999, "less than a minute"],
    [60_000, "1 min"],
    [59 * 60_000, "59 min"],
    [60 * 60_000, "1 h"],
    [130 * 60_000, "2 h 10 min"],
    [24 * 60 * 60_000, "1 day"],
    [50 * 60 * 60_000, "2 days"],
  ])("%i ms is %s", (ms, words) => {
    expect(duration(ms)).toBe(words);
  });
});

describe("a time", () => {
  const noon = new Date(2026, 10, 29, 12, 0).getTime();
  const hour = 3_600_000;

  it("includes its date if it is not today", () => {
    expect(moment(noon - hour, noon)).toMatch(/^11\W/);
    expect(moment(noon - 13 * hour, noon)).toMatch(/28.*,\s*11\W/);
  });

  it("has a day with a name", () => {
    expect(dayInWords(noon - hour, noon)).toBe("Today");
    expect(dayInWords(noon - 13 * hour, noon)).toBe("Yesterday");
    expect(dayInWords(noon - 40 * hour, noon)).toMatch(/27/);
  });
});

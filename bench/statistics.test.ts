import { expect, test } from "vitest";
import { median, peakPerSecond, quantile } from "./statistics.ts";

test("quantiles are measured values; the median of an even number of values is the mean of two", () => {
  const values = [5, 1, 4, 2, 3];
  expect([quantile(values, 0), quantile(values, 0.5), quantile(values, 0.99)]).toEqual([1, 3, 5]);
  expect([median(values), median([4, 1, 2, 3])]).toEqual([3, 2.5]);
  expect([quantile([], 0.5), median([])]).toEqual([Number.NaN, Number.NaN]);
});

test("a peak is the rate of the busiest window, not an average", () => {
  expect(peakPerSecond([1_000, 1_010, 1_099, 1_250, 3_000], 100)).toBe(30);
  expect(peakPerSecond([], 100)).toBe(0);
});

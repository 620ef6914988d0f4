import { expect, test } from "vitest";
import { parseStat } from "./process-usage.ts";

test("a process name with spaces and brackets is parsed", () => {
  const line =
    "42 (a (b) c) S 7 42 42 0 -1 4194560 9 0 0 0 150 50 3 4 20 0 9 0 123 1000000 2560 18";
  expect(parseStat(line)).toEqual({ parent: 7, ticks: 200, pages: 2560 });
});

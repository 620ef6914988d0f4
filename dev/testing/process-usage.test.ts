import { expect, test } from "vitest";
import { parseStat, usageOf } from "./process-usage.ts";

test("a process name with spaces and brackets is parsed", () => {
  const line =
    "42 (a (b) c) S 7 42 42 0 -1 4194560 9 0 0 0 150 50 3 4 20 0 9 0 123 1000000 2560 18";
  expect(parseStat(line)).toEqual({ parent: 7, pages: 2560 });
});

// Elsewhere there is no /proc, and nothing that reads it runs.
test.skipIf(process.platform !== "linux")("work shows in the CPU time of its process", async () => {
  const { cpuSeconds } = await usageOf(process.pid);
  const before = process.cpuUsage();
  let n = 0;
  while (process.cpuUsage(before).user < 50_000) n += Math.sqrt(n);
  expect((await usageOf(process.pid)).cpuSeconds).toBeGreaterThan(cpuSeconds + 0.04);
});

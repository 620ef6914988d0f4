import { expect, test } from "vitest";
import { CALLS_PER_HUB, CALLS_PER_TARGET } from "../../protocol/limits.ts";
import { MemoryStorage } from "../../testing/memory-storage.ts";
import { SqliteCalls } from "../sqlite-calls.ts";
import { Calls } from "./calls.ts";

test("HUB-22 in one hub so many calls may wait, and each that ends makes room for one", () => {
  const store = new SqliteCalls(new MemoryStorage().sql);
  let now = 0;
  let ids = 0;
  const asked: string[] = [];
  const failed: string[] = [];
  let alarm: number | null = null;
  const calls = new Calls({
    store: () => store,
    clock: () => now,
    newId: () => `id${++ids}`,
    canBeAsked: () => "yes",
    ask: ({ id }) => void asked.push(id),
    forget: () => {},
    answer: () => {},
    fail: (_, why) => void failed.push(why),
    runBy: (at) => {
      if (alarm === null || at < alarm || alarm <= now) alarm = at;
    },
  });
  const place = (i: number): void => {
    const target = `target${Math.floor(i / CALLS_PER_TARGET)}`;
    calls.place(
      { caller: "caller", ack: `a${i}`, target, extension: "x" },
      "name",
      null,
      1_000 + i,
    );
  };
  for (let i = 0; i < CALLS_PER_HUB; i += 1) place(i);
  expect([asked.length, failed.length]).toEqual([CALLS_PER_HUB, 0]);
  place(CALLS_PER_HUB);
  expect(failed).toEqual(["too_many"]);
  expect(calls.answered("target0", "id1", null)).toBe(true);
  place(CALLS_PER_HUB);
  expect([asked.length, failed.length]).toEqual([CALLS_PER_HUB + 1, 1]);
  // The alarm is never later than the next deadline.
  expect(alarm).toBe(1_000);
  now = 1_010;
  calls.expire();
  expect(failed.filter((why) => why === "timed_out")).toHaveLength(10);
  expect(alarm).toBe(1_011);
});

import fc from "fast-check";
import { expect, test } from "vitest";
import { VirtualTime } from "./virtual-time.ts";

test("tasks run in the order of their time, then in the order they were added, each at its time", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(20)), async (delays) => {
      const time = new VirtualTime(1_000);
      const ran: (readonly [number, number])[] = [];
      for (const [index, delay] of delays.entries()) {
        time.after(delay, () => ran.push([time.clock() - 1_000, index]));
      }
      await time.pass(20);
      const due = delays.map((delay, index) => [delay, index] as const);
      expect(ran).toEqual(due.toSorted((a, b) => a[0] - b[0] || a[1] - b[1]));
      expect(time.clock()).toBe(1_020);
    }),
  );
});

test("a task that is not due waits, and a task may add the next one", async () => {
  const time = new VirtualTime(0);
  const ran: number[] = [];
  const again = (): void => {
    ran.push(time.clock());
    time.after(10, again);
  };
  time.after(10, again);
  await time.pass(25);
  expect(ran).toEqual([10, 20]);
  await time.pass(5);
  expect(ran).toEqual([10, 20, 30]);
});

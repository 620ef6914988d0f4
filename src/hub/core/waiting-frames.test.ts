import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { WaitingFrames } from "./waiting-frames.ts";

const call = (caller: string, id: string) => ({ caller, id, text: `${caller} ${id}` });

describe("HUB-10 frames that wait for one client", () => {
  it("are in order, and the callers of calls take turns", () => {
    const waiting = new WaitingFrames();
    for (const id of ["1", "2", "3"]) waiting.addCall(call("a", id));
    for (const id of ["4", "5"]) waiting.addCall(call("b", id));
    const order: string[] = [];
    for (let next = waiting.firstCall; next !== undefined; next = waiting.firstCall) {
      order.push(next.id);
      waiting.shiftCall();
      if (next.id === "1") waiting.addCall(call("c", "6"));
    }
    expect(order).toEqual(["1", "4", "2", "6", "5", "3"]);
    expect(waiting.isEmpty).toBe(true);
  });

  it("leave in the order of their caller, never behind more than one call of each other one", () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ do: fc.constant("add" as const), caller: fc.nat(3) }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant("shift" as const) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("drop" as const), which: fc.nat(20) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("own" as const) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("ownLeft" as const) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: "max" }), (steps) => {
        const waiting = new WaitingFrames();
        let left: ReturnType<typeof call>[] = [];
        const own: string[] = [];
        /** How many calls of others have left while one of this caller waited at the front. */
        const passed = new Map<string, Map<string, number>>();
        steps.forEach((one, n) => {
          switch (one.do) {
            case "add": {
              const added = call(`c${one.caller}`, String(n));
              waiting.addCall(added);
              left.push(added);
              break;
            }
            case "shift": {
              const next = waiting.firstCall;
              const oldest = left.find(({ caller }) => caller === next?.caller);
              expect(next).toEqual(oldest);
              if (next === undefined) {
                expect(left).toEqual([]);
                break;
              }
              waiting.shiftCall();
              left = left.filter((other) => other !== next);
              passed.delete(next.caller);
              for (const { caller } of left) {
                if (caller === next.caller) continue;
                const before = passed.get(caller) ?? new Map<string, number>();
                passed.set(caller, before);
              }
              for (const [caller, before] of passed) {
                if (!left.some((other) => other.caller === caller)) passed.delete(caller);
                const times = (before.get(next.caller) ?? 0) + 1;
                before.set(next.caller, times);
                expect(times).toBeLessThanOrEqual(1);
              }
              break;
            }
            case "drop": {
              const chosen = left[one.which % Math.max(1, left.length)];
              if (chosen === undefined) break;
              expect(waiting.dropCall(chosen.caller, chosen.id)).toEqual(chosen);
              expect(waiting.dropCall(chosen.caller, chosen.id)).toBeNull();
              left = left.filter((other) => other !== chosen);
              if (!left.some(({ caller }) => caller === chosen.caller)) {
                passed.delete(chosen.caller);
              }
              break;
            }
            case "own":
              waiting.addOwn("x".repeat(n), n);
              own.push("x".repeat(n));
              break;
            case "ownLeft":
              if (own.shift() !== undefined) waiting.shiftOwn(n);
          }
          expect(waiting.firstOwn).toBe(own[0]);
          expect(waiting.ownBytes).toBe(own.join("").length);
          expect(waiting.isEmpty).toBe(own.length === 0 && left.length === 0);
        });
        expect(
          waiting
            .clear()
            .map(({ id }) => id)
            .toSorted(),
        ).toEqual(left.map(({ id }) => id).toSorted());
        expect([waiting.isEmpty, waiting.ownBytes]).toEqual([true, 0]);
      }),
      { numRuns: Number(process.env["MODEL_RUNS"] ?? 300) },
    );
  });
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { PublisherPosition } from "./journal.ts";
import { decidePosition } from "./position.ts";

describe("HUB-11 position of an outside event", () => {
  test.each([
    ["the first of all", null, { epoch: "b", seq: 1 }, { kind: "next" }],
    ["a first that is not 1", null, { epoch: "b", seq: 4 }, { kind: "gap", expected: 1 }],
    ["the next", { epoch: "b", seq: 4 }, { epoch: "b", seq: 5 }, { kind: "next" }],
    ["the same again", { epoch: "b", seq: 4 }, { epoch: "b", seq: 4 }, { kind: "duplicate" }],
    ["an earlier one", { epoch: "b", seq: 4 }, { epoch: "b", seq: 1 }, { kind: "duplicate" }],
    [
      "one after a hole",
      { epoch: "b", seq: 4 },
      { epoch: "b", seq: 6 },
      { kind: "gap", expected: 5 },
    ],
    ["a newer process", { epoch: "b", seq: 4 }, { epoch: "c", seq: 1 }, { kind: "next" }],
    [
      "a newer one from the middle",
      { epoch: "b", seq: 4 },
      { epoch: "c", seq: 2 },
      { kind: "gap", expected: 1 },
    ],
    ["a replaced process", { epoch: "b", seq: 4 }, { epoch: "a", seq: 5 }, { kind: "stale" }],
  ])("%s", (_, known, incoming, decision) => {
    expect(decidePosition(known, incoming, false)).toEqual(decision);
  });

  test("a whole state needs nothing before it, but is no newer than it is", () => {
    expect(decidePosition(null, { epoch: "b", seq: 9 }, true)).toEqual({ kind: "next" });
    expect(decidePosition({ epoch: "b", seq: 9 }, { epoch: "b", seq: 9 }, true).kind).toBe(
      "duplicate",
    );
    expect(decidePosition({ epoch: "b", seq: 9 }, { epoch: "a", seq: 10 }, true).kind).toBe(
      "stale",
    );
  });

  test("whatever is sent again, late or twice, each seq of an epoch is taken once and in order", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({ epoch: fc.constantFrom("a", "b", "c"), seq: fc.integer({ min: 1, max: 6 }) }),
        ),
        (incoming) => {
          let known: PublisherPosition | null = null;
          const taken: PublisherPosition[] = [];
          for (const position of incoming) {
            if (decidePosition(known, position, false).kind !== "next") continue;
            known = position;
            taken.push(position);
          }
          taken.forEach((position, i) => {
            const before = taken[i - 1];
            const follows = before?.epoch === position.epoch ? before.seq + 1 : 1;
            expect(position.seq).toBe(follows);
            if (before !== undefined) expect(position.epoch >= before.epoch).toBe(true);
          });
        },
      ),
    );
  });
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ulid } from "ulid";
import { PUBLISHER_EPOCH_AHEAD_MAX_MS, PUBLISHER_SEQ_JUMP_MAX } from "../../protocol/limits.ts";
import { epochBegan } from "../../protocol/signed-events.ts";
import type { PublisherPosition } from "./journal.ts";
import { decidePosition } from "./position.ts";

const NOW = Date.parse("2026-11-29T12:00:00Z");
const EPOCHS = { a: ulid(NOW - 3_000), b: ulid(NOW - 2_000), c: ulid(NOW - 1_000) } as const;

type Short = { readonly epoch: keyof typeof EPOCHS; readonly seq: number };
const at = ({ epoch, seq }: Short): PublisherPosition => ({ epoch: EPOCHS[epoch], seq });
const decide = (known: Short | null, incoming: Short, carriesWholeState = false) =>
  decidePosition(known === null ? null : at(known), at(incoming), carriesWholeState, NOW);

describe("HUB-11 position of an outside event", () => {
  test.each<[string, Short | null, Short, ReturnType<typeof decide>]>([
    ["the first of all", null, { epoch: "b", seq: 1 }, { kind: "next" }],
    ["a first that is not 1", null, { epoch: "b", seq: 4 }, { kind: "gap", expected: 1 }],
    ["the next", { epoch: "b", seq: 4 }, { epoch: "b", seq: 5 }, { kind: "next" }],
    ["the same again", { epoch: "b", seq: 4 }, { epoch: "b", seq: 4 }, { kind: "duplicate" }],
    ["an earlier one", { epoch: "b", seq: 4 }, { epoch: "b", seq: 1 }, { kind: "duplicate" }],
    [
      "one after a gap",
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
    expect(decide(known, incoming)).toEqual(decision);
  });

  test("a whole state may follow a gap, but an old one is still refused", () => {
    expect(decide(null, { epoch: "b", seq: 9 }, true)).toEqual({ kind: "next" });
    expect(decide({ epoch: "b", seq: 9 }, { epoch: "b", seq: 9 }, true).kind).toBe("duplicate");
    expect(decide({ epoch: "b", seq: 9 }, { epoch: "a", seq: 10 }, true).kind).toBe("stale");
  });

  test("a whole state may jump so far, and no further, because the range of seq must last", () => {
    const far = (seq: number) => decide({ epoch: "b", seq: 9 }, { epoch: "b", seq }, true);
    expect(far(9 + PUBLISHER_SEQ_JUMP_MAX)).toEqual({ kind: "next" });
    expect(far(9 + PUBLISHER_SEQ_JUMP_MAX + 1)).toEqual({ kind: "gap", expected: 10 });
    expect(decide(null, { epoch: "b", seq: 2 ** 53 - 1 }, true)).toEqual({
      kind: "gap",
      expected: 1,
    });
  });

  test.each([
    ["is no ULID", "~"],
    ["is in lower case", ulid(NOW).toLowerCase()],
    ["is in the future", ulid(NOW + PUBLISHER_EPOCH_AHEAD_MAX_MS + 1)],
  ])("a known epoch that %s locks no publisher out", (_, epoch) => {
    const next = decidePosition({ epoch, seq: 9 }, at({ epoch: "a", seq: 1 }), false, NOW);
    expect(next).toEqual({ kind: "next" });
  });

  test("a known epoch that is just early enough counts", () => {
    const known = { epoch: ulid(NOW + PUBLISHER_EPOCH_AHEAD_MAX_MS), seq: 9 };
    expect(decidePosition(known, at({ epoch: "c", seq: 1 }), false, NOW).kind).toBe("stale");
  });

  test("the time of an epoch can be read from it", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 48 - 1 }), (time) => {
        expect(epochBegan(ulid(time))).toBe(time);
      }),
    );
    expect(["", "~", "8".repeat(26), "0".repeat(25), "I".repeat(26)].map(epochBegan)).toEqual(
      Array(5).fill(null),
    );
  });

  test("whatever is repeated or late, each seq of an epoch is accepted once and in order", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            epoch: fc.constantFrom("a" as const, "b", "c"),
            seq: fc.integer({ min: 1, max: 6 }),
          }),
        ),
        (incoming) => {
          let known: Short | null = null;
          const taken: Short[] = [];
          for (const position of incoming) {
            if (decide(known, position).kind !== "next") continue;
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

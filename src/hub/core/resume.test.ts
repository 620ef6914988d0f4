import { describe, expect, test } from "vitest";
import { EPOCH_MAX_LENGTH } from "../../protocol/limits.ts";
import { decideResume, NO_SEQ, resumePositionFrom } from "./resume.ts";

const JOURNAL = { epoch: "e", head: 9, oldest: 4 };
const decide = (epoch: string | undefined, seq: number | undefined): string => {
  const decision = decideResume({ epoch, seq }, JOURNAL);
  return decision.kind === "resume" ? `from ${decision.from}` : decision.reason;
};

describe("HUB-4 the position of a client", () => {
  test.each([
    [undefined, undefined, "first_connection"],
    ["e", undefined, "invalid_position"],
    [undefined, 5, "invalid_position"],
    ["e", -1, "invalid_position"],
    ["e", 0.5, "invalid_position"],
    ["e", Number.NaN, "invalid_position"],
    ["e", Number.MAX_SAFE_INTEGER + 1, "invalid_position"],
    ["f", 5, "unknown_epoch"],
    ["e", 10, "ahead_of_hub"],
    ["e", 9, "from 9"],
    ["e", 3, "from 3"],
    ["e", 2, "too_old"],
  ])("epoch %s, seq %s: %s", (epoch, seq, decision) => {
    expect(decide(epoch, seq)).toBe(decision);
  });

  test("an empty journal can be resumed at its start", () => {
    expect(decideResume({ epoch: "e", seq: 0 }, { epoch: "e", head: 0, oldest: 1 })).toEqual({
      kind: "resume",
      from: 0,
    });
  });

  test.each([
    ["", {}],
    ["epoch=e", { epoch: "e" }],
    ["seq=12", { seq: 12 }],
    ["epoch=e&seq=0", { epoch: "e", seq: 0 }],
    ["seq=1234567890123456", { seq: 1_234_567_890_123_456 }],
    ["seq=12345678901234567", { seq: NO_SEQ }],
    ["seq=", { seq: NO_SEQ }],
    ["seq=x1", { seq: NO_SEQ }],
    ["seq=1x", { seq: NO_SEQ }],
    ["seq=-1", { seq: NO_SEQ }],
    [`epoch=${"e".repeat(15_000)}`, { epoch: "e".repeat(EPOCH_MAX_LENGTH + 1) }],
  ])("the query %s", (query, position) => {
    expect(resumePositionFrom(new URLSearchParams(query))).toEqual(position);
  });
});

import { describe, expect, test } from "vitest";
import { CLOSE_CODES } from "../../protocol/close-codes.ts";
import { passedOn } from "./edge-socket.ts";

const LOST = { code: 1012, reason: "the hub was lost" };
const passed = (code: number, reason = "why") => passedOn({ code, reason }, LOST);

describe("HUB-24 a close that is passed on", () => {
  test.each(Object.values(CLOSE_CODES).map(({ code }) => code))(
    "has our own code %i and its reason",
    (code) => {
      expect(passed(code)).toEqual({ code, reason: "why" });
    },
  );

  test.each([1000, 1001, 1002, 1003, 1007, 1014, 3000, 3999, 4000, 4999])(
    "has a code %i that may be sent",
    (code) => {
      expect(passed(code)).toEqual({ code, reason: "why" });
    },
  );

  test("without a code is a normal one", () => {
    expect(passed(1005, "")).toEqual({ code: 1000, reason: "" });
  });

  test.each([1006, 1015, 1004, 0, -1, 999, 5000, 65_535])(
    "with %i, which nobody may send, is that of a lost connection",
    (code) => {
      expect(passed(code)).toEqual(LOST);
    },
  );

  test("keeps a reason that fits into its frame, and drops one that may be longer in bytes", () => {
    expect(passed(4000, "x".repeat(123)).reason).toHaveLength(123);
    for (const reason of ["x".repeat(124), "é", "日".repeat(42), "a\u0000", "two\nlines"]) {
      expect(passed(4000, reason)).toEqual({ code: 4000, reason: "" });
    }
    expect(passed(4000, "")).toEqual({ code: 4000, reason: "" });
  });
});

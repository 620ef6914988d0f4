import fc from "fast-check";
import { expect, test } from "vitest";
import { isDeeperThan } from "./json-depth.ts";
import { FRAME_DEPTH_MAX } from "./limits.ts";

const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);

function depthOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

test("a text is as deep as its value, whatever its strings contain", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.nat(6), (value, most) => {
      const padded = `${JSON.stringify(value)}       `;
      expect(isDeeperThan(padded, most)).toBe(depthOf(value) > most);
    }),
  );
  expect(isDeeperThan('["[[[[\\"[[[["]', 1)).toBe(false);
});

test("one level more than the limit is too deep, and broken text is no failure", () => {
  expect(isDeeperThan(nested(FRAME_DEPTH_MAX), FRAME_DEPTH_MAX)).toBe(false);
  expect(isDeeperThan(nested(FRAME_DEPTH_MAX + 1), FRAME_DEPTH_MAX)).toBe(true);
  expect(isDeeperThan(`${"]".repeat(9)}"${"[".repeat(9)}\\`, 3)).toBe(false);
});

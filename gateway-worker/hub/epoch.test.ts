import * as fc from "fast-check";
import { ulid } from "ulid";
import { expect, test } from "vitest";
import { PUBLISHER_EPOCH_AHEAD_MAX_MS } from "../../src/protocol/limits.ts";
import { nextEpoch } from "./epoch.ts";

test("each epoch sorts after the last, even if the clock went back by minutes", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(PUBLISHER_EPOCH_AHEAD_MAX_MS / 2), { minLength: 1 }), (times) => {
      let last: string | null = null;
      for (const offset of times) {
        const time = 1_795_000_000_000 + offset;
        const epoch = nextEpoch(last, time);
        if (last !== null) expect(epoch > last).toBe(true);
        last = epoch;
      }
    }),
  );
});

test("an epoch from a clock that was far ahead is not continued", () => {
  const now = 1_795_000_000_000;
  const ahead = ulid(now + PUBLISHER_EPOCH_AHEAD_MAX_MS + 1);
  expect(nextEpoch(ahead, now) < ahead).toBe(true);
  expect(nextEpoch("~", now) < "~").toBe(true);
});

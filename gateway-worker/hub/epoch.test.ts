import * as fc from "fast-check";
import { expect, test } from "vitest";
import { nextEpoch } from "./epoch.ts";

test("each epoch sorts after the last, whatever the clock does", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(2 ** 40), { minLength: 1 }), (times) => {
      let last: string | null = null;
      for (const time of times) {
        const epoch = nextEpoch(last, time);
        if (last !== null) expect(epoch > last).toBe(true);
        last = epoch;
      }
    }),
  );
});

import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { planPlacement } from "../../src/hub/core/placement.ts";
import { RATE_LIMITERS } from "../../src/platform/quota.ts";
import { SOCKETS_PER_HUB, SOCKETS_PER_RELAY } from "../../src/protocol/limits.ts";
import { fillSections } from "../report/document.ts";
import {
  acksPerSecond,
  callsPerSecond,
  costOf,
  EVENING,
  IDLE,
  place,
  returnsPerSecond,
  STEADY,
  totalCost,
  usageOf,
} from "./arithmetic.ts";
import { arithmeticTables, SIZES } from "./tables.ts";

describe("placement", () => {
  test("the hub fills first, relays take the other sockets, and no relay is empty", () => {
    expect(place(100, 100, 50)).toMatchObject({ relays: 0, hubSockets: 100, perObject: 100 });
    expect(place(20, 100, 50)).toMatchObject({ relays: 0, hubSockets: 20, perObject: 20 });
    expect(place(101, 100, 50).relays).toBe(1);
    expect(place(200, 100, 50).relays).toBe(2);
    expect(place(1_000_000, 10_000, 10_000).relays).toBe(99);
  });
});

describe("the usage of a month", () => {
  test("one call at a time to each relay limits the calls, not the events", () => {
    expect(callsPerSecond(7, 1)).toBe(7);
    expect(callsPerSecond(7, 1_000)).toBe(7 * 20);
  });

  test("without events nothing is active, written or acknowledged", () => {
    const idle = usageOf(place(100_000, 10_000, 10_000), IDLE);
    expect(idle.gigabyteSeconds).toBe(0);
    expect(idle.rowsRead).toBe(0);
    expect(acksPerSecond(0)).toBe(0);
  });

  test("duration never exceeds that of objects that are always awake", () => {
    const flood = [{ hours: 24, eventsPerSecond: 10_000 }];
    const placement = place(1_000_000, 10_000, 10_000);
    const usage = usageOf(placement, flood);
    expect(usage.gigabyteSeconds).toBeCloseTo((placement.relays + 1) * 2_592_000 * 0.128);
  });

  // Cloudflare's own example: 100 objects, active all month, 33,177,600 GB-s.
  test("prices are those of Cloudflare's examples", () => {
    const usage = { ...usageOf(place(0, 1, 1), IDLE), gigabyteSeconds: 33e6, requests: 12e6 };
    expect(costOf(usage).gigabyteSeconds).toBeCloseTo(412.5);
    expect(costOf(usage).requests).toBeCloseTo(1.8);
  });

  test("more sockets never cost less", () => {
    for (const day of [IDLE, STEADY, EVENING]) {
      const costs = [10, 10_000, 10_001, 500_000].map((sockets) =>
        totalCost(usageOf(place(sockets, 10_000, 10_000), day)),
      );
      expect(costs).toEqual(costs.toSorted((a, b) => a - b));
    }
  });
});

test("a million clients that come back at once leave each rate limiter half of what it can take", () => {
  const million = place(1_000_000, SIZES.perHub, SIZES.perRelay);
  expect(returnsPerSecond(million)).toBeGreaterThan(50_000);
  expect(returnsPerSecond(million) / RATE_LIMITERS).toBeLessThan(500);
});

describe("docs/scale.md", () => {
  test("uses the limits of the code", () => {
    const limits = { hub: SOCKETS_PER_HUB, relay: SOCKETS_PER_RELAY };
    expect(
      planPlacement({ ownSockets: SIZES.perHub - 1, relays: [], limits, lowSince: null, now: 0 })
        .relays,
    ).toEqual([]);
    expect(
      planPlacement({ ownSockets: SIZES.perHub, relays: [], limits, lowSince: null, now: 0 })
        .relays,
    ).toEqual([0]);
    const full = { index: 0, state: "open", sockets: SIZES.perRelay, users: 1 } as const;
    expect(
      planPlacement({ ownSockets: SIZES.perHub, relays: [full], limits, lowSince: null, now: 0 })
        .relays,
    ).toEqual([1]);
  });

  test("has the tables of the arithmetic; `npm run simulate` writes them", async () => {
    const text = await readFile("docs/scale.md", "utf8");
    expect(fillSections(text, arithmeticTables())).toBe(text);
  });

  test("a document without the markers of a table is refused", () => {
    expect(() => fillSections("no marks", { guild: "x" })).toThrow("guild");
  });
});

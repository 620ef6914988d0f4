import { beforeAll, describe, expect, test } from "vitest";
import { runPlan, type Results } from "./plan.ts";
import { describeResults, findProblems } from "./tables.ts";

/** `npm run simulate` uses a million. */
const CLIENTS = 1_000;

describe("a crowd at a hub and its relays", () => {
  let results: Results;

  beforeAll(async () => {
    results = await runPlan(CLIENTS, 1);
  });

  test("every client gets each event once and in order, whichever object dies", () => {
    expect(findProblems(results)).toEqual([]);
    expect(results.deliveries).toBeGreaterThan(90 * CLIENTS);
  });

  test("the run includes relays, crashes, lost calls and clients without credit", () => {
    expect(results.arrival.relays).toBeGreaterThan(5);
    expect(results.faulty.crashes).toBeGreaterThan(5);
    expect(results.faulty.lostCalls).toBeGreaterThan(0);
    expect(results.lags).toBeGreaterThan(0);
  });

  test("those who come back at once are spread over the rate limiters", () => {
    const { limiter, tries } = results.restart.busiest;
    expect(limiter).toBeGreaterThan(0);
    expect(limiter).toBeLessThan(tries / 10);
  });

  test("without faults an event takes one call to each relay and one row in it, and a burst shares calls", () => {
    const { steady, bursts } = results;
    expect(steady.calls / steady.relays).toBeCloseTo(1, 1);
    expect(steady.relayRows).toBe(steady.relays);
    expect(bursts.calls).toBeLessThan(steady.calls);
  });

  test("a missing event and an unexpected snapshot are named as problems", () => {
    const faults = { ...results.faults, lost: 2 };
    expect(findProblems({ ...results, faults })).toEqual(["2 events were lost"]);
    expect(findProblems({ ...results, incomplete: 3 })).toEqual([
      "3 clients do not have everything",
    ]);
    expect(findProblems({ ...results, snapshots: { too_old: 1 } })).toEqual([
      "a client got the whole state: too_old",
    ]);
    expect(describeResults(results)).toContain(": 0, 0, 0, 0, 0\n");
  });
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RELAYS_PER_HUB, RELAY_KEEP_MS } from "../../protocol/limits.ts";
import type { RelayRow } from "./journal.ts";
import { type PlacementLimits, planPlacement } from "./placement.ts";

const LIMITS = { hub: 100, relay: 200 };

const open = (index: number, sockets: number): RelayRow => ({
  index,
  state: "open",
  sockets,
  users: sockets,
});
const draining = (index: number, sockets: number): RelayRow => ({
  ...open(index, sockets),
  state: "draining",
});

/** The plan of a guild whose load has not changed for long enough to release a relay. */
function planOf(
  ownSockets: number,
  relays: readonly RelayRow[],
  limits: PlacementLimits,
): { readonly relays: readonly number[]; readonly drain: number | null } {
  const { relays: places, drain } = planPlacement({
    ownSockets,
    relays,
    limits,
    lowSince: 0,
    now: RELAY_KEEP_MS,
  });
  return { relays: places, drain };
}

describe("HUB-17 placement", () => {
  test("a relay is released only when it was not needed for a while, and a busy moment restarts that time", () => {
    const at = (now: number, lowSince: number | null, sockets: number) =>
      planPlacement({ ownSockets: 0, relays: [open(0, sockets)], limits: LIMITS, lowSince, now });
    expect(at(1_000, null, 1)).toEqual({ relays: [0], drain: null, lowSince: 1_000 });
    expect(at(999 + RELAY_KEEP_MS, 1_000, 1)).toMatchObject({ drain: null, lowSince: 1_000 });
    expect(at(1_000 + RELAY_KEEP_MS, 1_000, 1)).toMatchObject({ drain: 0, relays: [] });
    expect(at(2_000, 1_000, 100)).toMatchObject({ drain: null, lowSince: null });
  });

  test("a guild that grows fast gets half as many relays again, not one by one", () => {
    const full = Array.from({ length: 5 }, (_, index) => open(index * 2, 200));
    expect(planOf(100, full, LIMITS).relays).toEqual([1, 3, 5]);
  });

  test("the hub takes all clients until four fifths of its share, then the first relay does", () => {
    expect(planOf(0, [], LIMITS)).toEqual({ relays: [], drain: null });
    expect(planOf(79, [], LIMITS)).toEqual({ relays: [], drain: null });
    expect(planOf(80, [], LIMITS)).toEqual({ relays: [0], drain: null });
  });

  test("with a relay the hub takes no new clients, although some of its own have left", () => {
    expect(planOf(50, [open(0, 150)], LIMITS).relays).toEqual([0]);
  });

  test("all relays with room take new clients; if all are full, the lowest free index does", () => {
    expect(planOf(80, [open(0, 159), open(2, 160)], LIMITS).relays).toEqual([0]);
    expect(planOf(80, [open(0, 160), open(2, 160)], LIMITS).relays).toEqual([1]);
    expect(planOf(80, [open(0, 100), open(1, 100)], LIMITS).relays).toEqual([0, 1]);
  });

  test("a draining relay takes no clients, and its index is not reused", () => {
    expect(planOf(80, [draining(0, 10), open(1, 160)], LIMITS).relays).toEqual([2]);
    expect(planOf(80, [draining(0, 10)], LIMITS).relays).toEqual([1]);
    expect(planOf(20, [draining(0, 10)], LIMITS).relays).toEqual([]);
  });

  test("the last relay is released when two fifths of the rest would hold all clients", () => {
    const two = (sockets: number): RelayRow[] => [open(0, sockets), open(1, 40)];
    expect(planOf(10, two(41), LIMITS)).toEqual({ relays: [0, 1], drain: null });
    expect(planOf(99, two(40), LIMITS)).toEqual({ relays: [0], drain: 1 });
    expect(planOf(21, [open(0, 20)], LIMITS).drain).toBeNull();
    expect(planOf(20, [open(0, 20)], LIMITS)).toEqual({ relays: [], drain: 0 });
  });

  test("the relay with the highest index is released, in whatever order they are listed", () => {
    expect(planOf(0, [open(3, 1), open(7, 1), open(1, 1)], LIMITS).drain).toBe(7);
  });

  test("relays are released one at a time", () => {
    expect(planOf(0, [draining(2, 5), open(1, 0), open(0, 0)], LIMITS).drain).toBeNull();
  });

  test("with the maximum of relays in use and full, clients go to all of them, and full ones refuse", () => {
    const relays = Array.from({ length: RELAYS_PER_HUB }, (_, index) => open(index, 200));
    const all = relays.map(({ index }) => index);
    expect(planOf(100, relays, LIMITS)).toEqual({ relays: all, drain: null });
    expect(planOf(100, relays.slice(0, -1), LIMITS).relays).toEqual([RELAYS_PER_HUB - 1]);
  });
});

describe("HUB-17 whatever a guild does", () => {
  const limits = fc.record({
    hub: fc.integer({ min: 5, max: 300 }),
    relay: fc.integer({ min: 5, max: 300 }),
  });
  const relaysOf = ({ relay }: PlacementLimits): fc.Arbitrary<RelayRow[]> =>
    fc.uniqueArray(
      fc.record({
        index: fc.nat(12),
        state: fc.constantFrom("open" as const, "open" as const, "draining" as const),
        sockets: fc.nat(relay),
        users: fc.constant(0),
      }),
      { selector: (row) => row.index, maxLength: 8 },
    );
  const guild = limits.chain((limit) =>
    fc.record({
      limits: fc.constant(limit),
      own: fc.nat(limit.hub),
      relays: relaysOf(limit),
    }),
  );

  test("no client is sent to a draining or full relay while another place is left", () => {
    fc.assert(
      fc.property(guild, ({ limits: limit, own, relays }) => {
        const plan = planOf(own, relays, limit);
        for (const index of plan.relays) {
          const row = relays.find((relay) => relay.index === index);
          expect(index).not.toBe(plan.drain);
          expect(row?.state).not.toBe("draining");
          // The maximum of relays is never reached here, so there is always another place.
          expect((row?.sockets ?? 0) / limit.relay).toBeLessThan(0.8);
        }
        if (plan.relays.length === 0) expect(own / limit.hub).toBeLessThan(0.8);
        const drained = relays.filter((relay) => relay.state === "draining").length;
        expect(drained > 0 && plan.drain !== null).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });

  test("a released relay is not needed again for the clients that had to leave it", () => {
    fc.assert(
      fc.property(guild, fc.nat(1_000), ({ limits: limit, own, relays }, seed) => {
        const plan = planOf(own, relays, limit);
        if (plan.drain === null) return;
        let left = relays.find((relay) => relay.index === plan.drain)?.sockets ?? 0;
        const rows = relays.map((row) =>
          row.index === plan.drain ? draining(row.index, left) : { ...row },
        );
        let here = own;
        // They connect one by one, each according to the current plan.
        for (let step = seed; left > 0; left -= 1, step += 7) {
          const now = planOf(here, rows, limit);
          const to = now.relays[step % Math.max(1, now.relays.length)];
          const at = rows.findIndex((row) => row.index === to);
          expect(to === undefined || at >= 0).toBe(true);
          const row = rows[at];
          if (row === undefined) here += 1;
          else rows[at] = { ...row, sockets: row.sockets + 1 };
        }
        const kept = rows.filter((row) => row.index !== plan.drain);
        const after = planOf(here, kept, limit);
        expect(after.relays.every((index) => kept.some((row) => row.index === index))).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  test("a guild that loses a tenth and gets it back, over and over, releases no relay", () => {
    fc.assert(
      fc.property(limits, fc.integer({ min: 10, max: 1_500 }), (limit, size) => {
        const rows: RelayRow[] = [];
        let own = 0;
        const grow = (by: number): void => {
          for (let i = 0; i < by; i += 1) {
            const plan = planOf(own, rows, limit);
            const at = rows.findIndex((row) => row.index === plan.relays[0]);
            const row = rows[at];
            if (plan.relays[0] === undefined) own += 1;
            else if (row === undefined) rows.push(open(plan.relays[0], 1));
            else rows[at] = { ...row, sockets: row.sockets + 1 };
          }
        };
        grow(size);
        for (let i = 0; i < 10; i += 1) {
          let gone = Math.floor(own / 10);
          own -= gone;
          for (const [at, row] of rows.entries()) {
            const less = Math.floor(row.sockets / 10);
            rows[at] = { ...row, sockets: row.sockets - less };
            gone += less;
          }
          expect(planOf(own, rows, limit).drain).toBeNull();
          grow(gone);
        }
      }),
      { numRuns: 50 },
    );
  });
});

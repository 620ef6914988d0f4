import { expect, test } from "vitest";
import { POINTS_PER_INVOCATION } from "../platform/metrics.ts";
import { hubMeter, METER_FLUSH_MS } from "./hub-meter.ts";

/** A meter whose timers the test runs. */
function metered(bound = true) {
  const counts: object[] = [];
  const timers: { readonly ms: number; readonly run: () => void }[] = [];
  const METRICS = {
    writeDataPoint: ({ blobs, doubles }: AnalyticsEngineDataPoint = {}) => {
      const [area, name, label, hub, kind] = blobs ?? [];
      counts.push({ area, name, label, kind, hub, by: doubles?.[0] });
    },
  };
  const meter = hubMeter(
    bound ? { METRICS } : {},
    { kind: "account", name: "g" },
    (ms, run) => void timers.push({ ms, run }),
  );
  return { meter, counts, timers };
}

test("many turns become one point for each counter and second", () => {
  const { meter, counts, timers } = metered();
  for (let turn = 0; turn < 10_000; turn += 1) {
    meter.count("published");
    meter.count("delivered", 500);
    meter.count("closed", 1, turn % 2 === 0 ? "1013" : "4401");
  }
  expect(counts).toEqual([]);
  expect(timers.map(({ ms }) => ms)).toEqual([METER_FLUSH_MS]);
  timers[0]?.run();
  const base = { area: "hub", kind: "account", hub: "g" };
  expect(counts).toEqual([
    { ...base, name: "published", label: "", by: 10_000 },
    { ...base, name: "delivered", label: "", by: 5_000_000 },
    { ...base, name: "closed", label: "1013", by: 5_000 },
    { ...base, name: "closed", label: "4401", by: 5_000 },
  ]);
});

test("after a flush it counts from 0, and an idle meter has no timer", () => {
  const { meter, counts, timers } = metered();
  meter.count("published");
  timers[0]?.run();
  meter.count("delivered", 0);
  expect(timers).toHaveLength(1);
  meter.count("published", 2);
  expect(timers).toHaveLength(2);
  timers[1]?.run();
  expect(counts).toMatchObject([{ by: 1 }, { by: 2 }]);
});

test("one flush never writes more points than an invocation may", () => {
  const { meter, counts } = metered();
  for (let i = 0; i <= POINTS_PER_INVOCATION; i += 1) meter.count("closed", 1, String(i));
  meter.flush();
  expect(counts).toHaveLength(POINTS_PER_INVOCATION);
  meter.flush();
  expect(counts).toHaveLength(POINTS_PER_INVOCATION + 1);
});

test("without a binding there is no timer either", () => {
  const { meter, counts, timers } = metered(false);
  meter.count("published");
  meter.flush();
  expect([counts, timers]).toEqual([[], []]);
});

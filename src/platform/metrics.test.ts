import { expect, test } from "vitest";
import { createMeter, METER_FLUSH_MS } from "./meter.ts";
import { analyticsEngine, metricsOf, POINTS_PER_INVOCATION, type Count } from "./metrics.ts";

const bytes = (text: unknown): number => new TextEncoder().encode(String(text)).length;

function dataset() {
  const points: AnalyticsEngineDataPoint[] = [];
  return {
    points,
    writeDataPoint: (point?: AnalyticsEngineDataPoint) => void points.push(point ?? {}),
  };
}

test("a count is one data point, indexed by its guild", () => {
  const to = dataset();
  const metrics = analyticsEngine(to);
  metrics.count({ area: "hub", name: "closed", label: "1013", guildId: "g1", by: 3 });
  metrics.count({ area: "http", name: "GET /rooms", label: "200", ms: 12 });
  expect(to.points).toEqual([
    { indexes: ["g1"], blobs: ["hub", "closed", "1013", "g1"], doubles: [3, 0] },
    { indexes: ["GET /rooms"], blobs: ["http", "GET /rooms", "200", ""], doubles: [1, 12] },
  ]);
});

test("whatever is counted stays within the limits of a data point", () => {
  const to = dataset();
  const long = "ü€😀".repeat(2_000);
  analyticsEngine(to).count({ area: "hub", name: long, label: long, guildId: long });
  const [point] = to.points;
  expect(point?.indexes).toHaveLength(1);
  expect(bytes(point?.indexes?.[0])).toBeLessThanOrEqual(96);
  expect(point?.blobs?.reduce((sum: number, blob) => sum + bytes(blob), 0)).toBeLessThan(16_384);
  expect(point?.indexes?.[0]).not.toMatch(/\uFFFD|[\uD800-\uDBFF]$/u);
});

test("a data set that fails costs no request", () => {
  const failing = {
    writeDataPoint: () => {
      throw new Error("too many");
    },
  };
  expect(() => analyticsEngine(failing).count({ area: "http", name: "GET /" })).not.toThrow();
});

test("without a binding nothing is counted", () => {
  expect(() => metricsOf({}).count({ area: "http", name: "GET /" })).not.toThrow();
});

/** A meter whose time the test moves. */
function metered(bound = true) {
  const counts: Count[] = [];
  const timers: { readonly ms: number; readonly run: () => void }[] = [];
  const meter = createMeter<string>({
    metrics: bound ? { count: (count) => void counts.push(count) } : null,
    area: "hub",
    guildId: "g",
    after: (ms, run) => void timers.push({ ms, run }),
  });
  return { meter, counts, timers };
}

test("many turns become one point a counter and second", () => {
  const { meter, counts, timers } = metered();
  for (let turn = 0; turn < 10_000; turn += 1) {
    meter.count("published");
    meter.count("delivered", 500);
    meter.count("closed", 1, turn % 2 === 0 ? "1013" : "4401");
  }
  expect(counts).toEqual([]);
  expect(timers.map(({ ms }) => ms)).toEqual([METER_FLUSH_MS]);
  timers[0]?.run();
  const base = { area: "hub", guildId: "g" };
  expect(counts).toEqual([
    { ...base, name: "published", label: "", by: 10_000 },
    { ...base, name: "delivered", label: "", by: 5_000_000 },
    { ...base, name: "closed", label: "1013", by: 5_000 },
    { ...base, name: "closed", label: "4401", by: 5_000 },
  ]);
});

test("after a flush it counts from 0, and an idle one has no timer", () => {
  const { meter, counts, timers } = metered();
  meter.count("published");
  timers[0]?.run();
  meter.count("delivered", 0);
  expect(timers).toHaveLength(1);
  meter.count("published", 2);
  expect(timers).toHaveLength(2);
  timers[1]?.run();
  expect(counts.map(({ by }) => by)).toEqual([1, 2]);
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

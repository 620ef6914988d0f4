import { expect, test } from "vitest";
import { analyticsEngine, metricsOf } from "./metrics.ts";

const bytes = (text: unknown): number => new TextEncoder().encode(String(text)).length;

function dataset() {
  const points: AnalyticsEngineDataPoint[] = [];
  return {
    points,
    writeDataPoint: (point?: AnalyticsEngineDataPoint) => void points.push(point ?? {}),
  };
}

test("a count is one data point, indexed by its hub", () => {
  const to = dataset();
  const metrics = analyticsEngine(to);
  metrics.count({
    area: "hub",
    name: "closed",
    label: "1013",
    hub: { kind: "guild", name: "g1" },
    by: 3,
  });
  metrics.count({ area: "http", name: "GET /rooms", label: "200", ms: 12 });
  expect(to.points).toEqual([
    { indexes: ["g1"], blobs: ["hub", "closed", "1013", "g1", "guild"], doubles: [3, 0] },
    { indexes: ["GET /rooms"], blobs: ["http", "GET /rooms", "200", "", ""], doubles: [1, 12] },
  ]);
});

test("every count stays within the limits of a data point", () => {
  const to = dataset();
  const long = "ü€😀".repeat(2_000);
  analyticsEngine(to).count({
    area: "hub",
    name: long,
    label: long,
    hub: { kind: long, name: long },
  });
  const [point] = to.points;
  expect(point?.indexes).toHaveLength(1);
  expect(bytes(point?.indexes?.[0])).toBeLessThanOrEqual(96);
  expect(point?.blobs?.reduce((sum: number, blob) => sum + bytes(blob), 0)).toBeLessThan(16_384);
  expect(point?.indexes?.[0]).not.toMatch(/\uFFFD|[\uD800-\uDBFF]$/u);
});

test("a failing data set does not fail the request", () => {
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

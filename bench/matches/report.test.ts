import { describe, expect, it } from "vitest";
import { writeReport, type Machine } from "../bench.ts";
import { type Storm, creationsTake } from "./matches-run.ts";
import { reportOf, type MatchFigures } from "./report.ts";

const MACHINE: Machine = { cpu: "a core", cores: 2, load: 0.5, storage: "disk", versions: [] };
const STORM: Storm = {
  channels: Array.from({ length: 400 }, (_, index) => 500 + Math.floor(index / 40) * 10_000),
  matches: Array.from({ length: 200 }, (_, index) => 500 + Math.floor(index / 20) * 10_000),
  starved: 0,
  rooms: [40, 60],
  refused: 0,
  calls: 1_000,
  channelsGone: 12_000,
  rowsGone: 12_100,
  leftChannels: 0,
  leftRows: 0,
};
const FIGURES: MatchFigures = {
  webhooks: [10, 20, 30],
  alone: [200, 300],
  storm: STORM,
  missedCalls: 0,
};
const written = (figures: MatchFigures): string => writeReport(reportOf(figures), MACHINE);
const withStorm = (change: Partial<Storm>): MatchFigures => ({
  ...FIGURES,
  storm: { ...STORM, ...change },
});

describe("the report of the matches' benchmark", () => {
  it("compares the last channel with the time that Discord's limit alone takes", () => {
    expect([2, 40, 41, 400].map(creationsTake)).toEqual([0, 0, 10_000, 90_000]);
    const report = written(FIGURES);
    expect(report).toMatch(/last channel × that\s+\| 1\.01 ×\s+\| ≤ 1\.20 ×\s+\| aim met/);
    expect(report).toContain("Every match had both of its channels");
    expect(report).not.toContain("aim missed");
  });

  it("says which aim was missed", () => {
    const slow = {
      ...withStorm({ refused: 6, rooms: [40, null] }),
      webhooks: [60],
      alone: [1_500],
    };
    const missed = written(slow).match(/.*aim missed.*/g) ?? [];
    expect(missed.map((row) => row.split("|")[1]?.trim())).toEqual([
      "webhook answered, p99",
      "the same, worst",
      "calls that Discord refused for their rate",
      "rooms that people opened meanwhile",
    ]);
  });

  it("is void when a match never had its channels, or channels or rows were left behind", () => {
    for (const bad of [
      withStorm({ starved: 1 }),
      withStorm({ leftChannels: 1 }),
      withStorm({ leftRows: 1 }),
      { ...FIGURES, missedCalls: 1 },
    ]) {
      expect(reportOf(bad).faults).toHaveLength(1);
      expect(written(bad)).toContain("**This run is void.**");
    }
  });
});

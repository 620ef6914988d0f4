import { expect, test } from "vitest";
import type { Trial } from "../round.ts";
import { replaceGenerated, writeReport } from "./report.ts";
import { aimsOf, ratio, summarize } from "./summary.ts";

function trial(subject: Trial["subject"], perCpuSecond: number, quietP50: number): Trial {
  return {
    subject,
    connectsPerSecond: 100,
    ticketConnectsPerSecond: null,
    kibPerSocket: 80,
    quietP50,
    quietP99: quietP50 * 2,
    deliveriesPerCpuSecond: perCpuSecond,
    deliveriesPerSecond: perCpuSecond,
    generatorPerCpuSecond: 1_000,
    generatorBusy: 0.5,
    faults: [],
  };
}

/** Two rounds; the machine was half as fast in the second. */
const TRIALS = [1, 2].flatMap((slow) => [
  trial("ceiling", 900 / slow, 1 * slow),
  trial("hub", 90 / slow, 11 * slow),
  trial("hub-batch", 390 / slow, 12 * slow),
  trial("bare", 100 / slow, 10 * slow),
  trial("node", 200 / slow, 5 * slow),
]);
const CONTENDERS = [
  { name: "hub", label: "ours" },
  { name: "bare", label: "the loop" },
] as const;
const MACHINE = {
  cpu: "a processor",
  cores: 2,
  load: 0.5,
  storage: "disk",
  versions: [["Node", "24"]],
} as const;

test("ratios are those inside a round, so that a slow round spoils none", () => {
  const summary = summarize([...TRIALS, trial("hub", 9, 110), trial("bare", 10, 100)]);
  expect(ratio(summary, "deliveriesPerCpuSecond", "hub", "bare")).toBeCloseTo(0.9);
  expect(ratio(summary, "quietP50", "hub", "bare")).toBeCloseTo(1.1);
});

test("aims are told as they are, met or missed", () => {
  expect(aimsOf(summarize(TRIALS)).map(({ met }) => met)).toEqual([false, true, true, true, false]);
});

test("a run with a fault is void and says why", () => {
  const spoiled = { ...trial("hub", 1, 1), faults: ["event 3 came where 2 was due"] };
  const summary = summarize([...TRIALS, spoiled]);
  expect(summary.faults).toEqual(["hub: event 3 came where 2 was due"]);
  const report = writeReport(summary, CONTENDERS, MACHINE, 10);
  expect(report).toContain("void");
  expect(report).not.toContain("once and in order");
});

test("only what stands between the markers is replaced", () => {
  const text = "before\n<!-- bench:start -->\nold\n<!-- bench:end -->\nafter\n";
  const replaced = replaceGenerated(text, "new");
  expect(replaced).toBe("before\n<!-- bench:start -->\n\nnew\n\n<!-- bench:end -->\nafter\n");
  expect(replaceGenerated(replaced, "new")).toBe(replaced);
  expect(() => replaceGenerated("no markers", "new")).toThrow("bench:start");
});

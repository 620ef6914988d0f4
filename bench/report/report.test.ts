import { expect, test } from "vitest";
import type { IdleTrial } from "../idle.ts";
import type { RecoveryTrial } from "../recovery.ts";
import type { Trial } from "../round.ts";
import type { SubjectName } from "../subjects/subject.ts";
import { writeReport } from "../bench.ts";
import { aimsOf } from "./aims.ts";
import { fillSections } from "./document.ts";
import { reportOf } from "./report.ts";
import { ratio, ratioOfSums, summarize, type Results, type Summary } from "./summary.ts";

function trial(subject: SubjectName, perCpuSecond: number, quietP50: number): Trial {
  return {
    subject,
    connectsPerSecond: perCpuSecond,
    tokenConnects: perCpuSecond * 2,
    ticketConnects: subject === "hub" ? perCpuSecond : Number.NaN,
    tokenReturns: perCpuSecond * 3,
    ticketReturns: subject === "hub" ? perCpuSecond / 2 : Number.NaN,
    kibPerSocket: 80,
    kibPerUsedSocket: 120,
    quietP50,
    quietP99: quietP50 * 2,
    deliveriesPerCpuSecond: perCpuSecond,
    deliveriesPerSecond: perCpuSecond,
    unheardPerSecond: perCpuSecond * 10,
    heardPerSecond: perCpuSecond * 5,
    unheardCpuMs: 10_000 / perCpuSecond,
    unheardRequestCpuMs: 10 / perCpuSecond,
    generatorPerCpuSecond: 1_000,
    generatorBusy: 0.5,
    faults: [],
  };
}

function recovery(subject: SubjectName, remembers: boolean, cpuMsPerResume = 4.2): RecoveryTrial {
  const resume = {
    loneP50: 12.5,
    loneP99: 60,
    crowdedP50: 80,
    crowdedP99: 90,
    cpuMsPerResume,
    d1Queries: 0,
  };
  const restart = {
    spreadMs: 2_000,
    upMs: 300,
    backMs: 2_000,
    caughtUpMs: remembers ? 2_100 : null,
    peakPerSecond: 700,
    deliveries: 1_000,
    lost: remembers ? 0 : 620,
  };
  return { subject, resume: remembers ? resume : null, restart, faults: [] };
}

const idle = (subject: SubjectName, wakes: IdleTrial["wakes"]): IdleTrial => ({
  subject,
  calls: subject === "bare" ? 3 : 0,
  wakes,
  cpuMs: 480,
  faults: [],
});

const AUDIENCE_COSTS = {
  lone: { alone: 0.5, among: 0.6, everybody: 60 },
  together: { alone: 0.02, among: 0.08, everybody: 50 },
};

/** Two rounds; the machine was half as fast in the second. */
const RESULTS: Results = {
  trials: [1, 2].flatMap((slow) => [
    trial("ceiling", 900 / slow, 1 * slow),
    trial("hub", 90 / slow, 11 * slow),
    trial("hub-memory", 100 / slow, 8 * slow),
    trial("hub-batch", 390 / slow, 12 * slow),
    trial("bare", 100 / slow, 10 * slow),
    trial("node", 200 / slow, 5 * slow),
    trial("socket-io", 50 / slow, 9 * slow),
  ]),
  recoveries: [recovery("hub", true), recovery("bare", false), recovery("socket-io", true, 10)],
  rowsPerResume: 1_003,
  idle: [idle("hub", 0), idle("bare", "cannot")],
  memory: [
    { subject: "hub", first: 131, further: 90, collected: 88, faults: [] },
    { subject: "bare", first: 79, further: 75, collected: null, faults: [] },
  ],
  audience: {
    sockets: 9_500,
    costs: AUDIENCE_COSTS,
    faults: [],
  },
};
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

const verdicts = (summary: Summary): (boolean | null)[] => aimsOf(summary).map(({ met }) => met);

test("ratios are computed inside a round, so that a slow round distorts none", () => {
  const third = [trial("hub", 9, 110), trial("bare", 10, 100)];
  const summary = summarize({ ...RESULTS, trials: [...RESULTS.trials, ...third] });
  expect(ratio(summary, "deliveriesPerCpuSecond", "hub", "bare")).toBeCloseTo(0.9);
  expect(ratio(summary, "quietP50", "hub", "bare")).toBeCloseTo(1.1);
  const connects = ["ticketConnects", "hub", "socket-io", "tokenConnects"] as const;
  expect(ratio(summary, ...connects)).toBeCloseTo(0.9);
});

test("each aim is shown as met, missed, or not measured", () => {
  const fanOut = [false, true, true, true, true, false];
  const publishing = [true];
  const journal = [false, true];
  const resume = [false, true, true];
  const notMeasured = [null, null, null];
  const connects = [true, true, true, false];
  const memory = [true, true];
  const audience = [true, false];
  const rest = [true];
  expect(verdicts(summarize(RESULTS))).toEqual(
    [fanOut, publishing, journal, resume, notMeasured, connects, memory, audience, rest].flat(),
  );
  const nothing = {
    trials: [],
    recoveries: [],
    rowsPerResume: null,
    idle: [],
    memory: [],
    audience: null,
  };
  expect(new Set(verdicts(summarize(nothing)))).toEqual(new Set([null]));
});

test("CPU that one round measures too coarsely is divided after it was summed", () => {
  const rounds = [
    [30, 10],
    [50, 10],
    [40, 20],
  ] as const;
  const trials = rounds.flatMap(([hub, bare]) => [
    { ...trial("hub", 1, 1), unheardCpuMs: hub },
    { ...trial("bare", 1, 1), unheardCpuMs: bare },
  ]);
  const summary = summarize({ ...RESULTS, trials });
  expect(ratioOfSums(summary, "unheardCpuMs", "hub", "bare")).toBe(3);
  expect(ratioOfSums(summary, "unheardCpuMs", "node", "bare")).toBeNaN();
  const none = summarize({
    ...RESULTS,
    trials: trials.map((one) => ({ ...one, unheardCpuMs: 0 })),
  });
  expect(ratioOfSums(none, "unheardCpuMs", "hub", "bare")).toBeNaN();
  const publishing = (): unknown => aimsOf(summary).find(({ text }) => text.startsWith("publ"));
  expect(publishing()).toMatchObject({ value: "3.00 ×", met: true });
});

test.each([
  [4.5, "0.45 ×", true],
  [4.6, "0.46 ×", false],
])("a resume with %s ms of server CPU beside Socket.IO's 10 ms", (cpuMs, value, met) => {
  const recoveries = [recovery("hub", true, cpuMs), recovery("socket-io", true, 10)];
  const aims = aimsOf(summarize({ ...RESULTS, recoveries }));
  const shown = { text: "resume of 1,000 events: server CPU of Socket.IO's ≤ 0.45 ×", value, met };
  expect(aims).toContainEqual(shown);
});

test.each<[IdleTrial["wakes"], boolean]>([
  [0, true],
  [2, false],
  ["did not sleep", false],
  ["not observable", true],
])("idle wakes %s: %s", (wakes, met) => {
  const summary = summarize({ ...RESULTS, idle: [idle("hub", wakes)] });
  expect(verdicts(summary).at(-1)).toBe(met);
});

test("a call into an idle object is counted, even when the hub reports no wake", () => {
  const summary = summarize({ ...RESULTS, idle: [{ ...idle("hub", 0), calls: 1 }] });
  expect(verdicts(summary).at(-1)).toBe(false);
});

test("a cell says cannot when a subject has nothing to measure, and a lossy subject shows its losses", () => {
  const report = writeReport(reportOf(summarize(RESULTS), CONTENDERS, 10), MACHINE);
  const cells = report.split("\n").map((line) => line.split("|").map((cell) => cell.trim()));
  const rows = cells.filter(([, label]) => label === "the loop");
  expect(rows).toContainEqual(["", "the loop", ...Array<string>(8).fill("cannot"), ""]);
  expect(rows.flat()).toContain("620 of 1,000 (62 %)");
  const ours = cells.filter(([, label]) => label === "ours").flat();
  expect(ours).toEqual(expect.arrayContaining(["1,000", "0", "2.10 s", "4.2 ms"]));
});

test("a full request beside one with a single event shows what each further event costs", () => {
  const trials = [{ ...trial("hub", 1, 1), unheardCpuMs: 20, unheardRequestCpuMs: 0.515 }];
  const report = writeReport(reportOf(summarize({ ...RESULTS, trials }), CONTENDERS, 10), MACHINE);
  expect(report).toMatch(/ours +\|[^\n]+20\.0 ms[^\n]+0\.52 ms +\| 15\.0 µs/);
});

test("memory is shown of the first sockets and of further ones, and an event for a few beside one for all", () => {
  const report = writeReport(reportOf(summarize(RESULTS), CONTENDERS, 10), MACHINE);
  const cells = report.split("\n").map((line) => line.split("|").map((cell) => cell.trim()));
  expect(cells).toContainEqual(["", "ours", "131", "90", "1.20 ×", "88", ""]);
  expect(cells).toContainEqual(["", "the loop", "79", "75", "1.00 ×", "cannot", ""]);
  const lone = cells.find(([, label]) => label === "each in a request of its own");
  expect(lone?.slice(2, -1)).toEqual(["500 µs", "600 µs", "1.20 ×", "60,000 µs", "100.00 ×"]);
});

test("a run with a fault in any part is void and says why", () => {
  const slow = { ...trial("hub", 1, 1), faults: ["event 3 came where 2 was due"] };
  const awake = { ...idle("hub", 2), faults: ["it woke"] };
  const summary = summarize({
    ...RESULTS,
    trials: [...RESULTS.trials, slow],
    recoveries: [{ ...recovery("hub-batch", true), faults: ["doubled"] }],
    idle: [awake],
    memory: [{ subject: "node", first: 1, further: 1, collected: null, faults: ["closed"] }],
    audience: { sockets: 9, costs: AUDIENCE_COSTS, faults: ["event 1 came where 9 was due"] },
  });
  expect(summary.faults).toEqual([
    "hub: event 3 came where 2 was due",
    "hub-batch: doubled",
    "hub: it woke",
    "node: closed",
    "hub: event 1 came where 9 was due",
  ]);
  const report = writeReport(reportOf(summary, CONTENDERS, 10), MACHINE);
  expect(report).toContain("void");
  expect(report).not.toContain("once and in order");
});

test("only the text between the markers is replaced", () => {
  const text = "before\n<!-- bench:start -->\nold\n<!-- bench:end -->\nafter\n";
  const replaced = fillSections(text, { bench: "new" });
  expect(replaced).toBe("before\n<!-- bench:start -->\n\nnew\n\n<!-- bench:end -->\nafter\n");
  expect(fillSections(replaced, { bench: "new" })).toBe(replaced);
  expect(() => fillSections(text, { stalled: "new" })).toThrow("stalled:start");
});

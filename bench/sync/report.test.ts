import { expect, test } from "vitest";
import type { AliveTrial } from "./alive.ts";
import type { IdleAccounts } from "./idle.ts";
import type { MessagesPhase } from "./messages.ts";
import { aliveTable, idleTable, messagesTable, targetsTable } from "./report.ts";
import type { TargetsTrial } from "./targets.ts";

const cellsOf = (text: string): string[][] =>
  text.split("\n").map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
/** The cell of a row by the head of its column. */
const cell = (text: string, row: number, head: string): string | undefined => {
  const [heads = [], , ...rows] = cellsOf(text);
  return rows[row]?.[heads.indexOf(head)];
};

const phase = (pace: MessagesPhase["pace"], perCpuSecond: number, p99: number): MessagesPhase => ({
  carrier: "socket",
  pace,
  messages: 10,
  arrived: 10,
  seconds: 1,
  perCpuSecond,
  p50: 1,
  p99,
  faults: [],
});
const none = { rows: 0, calls: null, wakes: null, alarms: null };

test("messages are compared within a round, so that a slow round distorts nothing", () => {
  const round = (slow: number, hub: number) => ({
    hub: [phase("steady", 1, 4 * slow), phase("fast", hub / slow, 1)],
    peer: [phase("steady", 1, 2 * slow), phase("fast", 100 / slow, 1)],
  });
  const text = messagesTable([round(1, 50), round(10, 49), round(2, 60)]);
  expect(cell(text, 0, "≤ 2 ×")).toBe("aim met");
  expect(cell(text, 2, "≥ 0.5 ×")).toBe("aim met");
  expect([cell(text, 0, "≥ 0.5 ×"), cell(text, 2, "≤ 2 ×"), cell(text, 3, "≥ 0.5 ×")]).toEqual([
    "",
    "",
    "",
  ]);
  expect(cell(text, 0, "arrived")).toBe("30 of 30");
  const slower = messagesTable([round(1, 49), round(10, 49), round(2, 60)]);
  expect(cell(slower, 2, "≥ 0.5 ×")).toBe("aim missed");
});

test.each([
  [2, "aim met"],
  [2.1, "aim missed"],
])("%s rows a minute: %s", (rowsEach, met) => {
  const trial = (rows: number): AliveTrial => ({
    beats: 10,
    rowsEach: rows,
    work: none,
    cpuMs: 1,
    faults: [],
  });
  const plan = {
    machines: 1,
    sessions: 1,
    machineEveryMs: 1,
    sessionEveryMs: 1,
    settleMs: 1,
    watchMs: 60_000,
  };
  const text = aliveTable({ hub: trial(rowsEach), peer: trial(9) }, plan);
  expect([cell(text, 0, "≤ 2"), cell(text, 1, "≤ 2")]).toEqual([met, ""]);
  expect(cell(text, 1, "their wakes")).toBe("–");
});

test("a call that ended otherwise, or one that took too long, misses the aim", () => {
  const plan = { accounts: 2, awayMs: 2_000 };
  const good: TargetsTrial = {
    underWay: [1, 2],
    lost: [3_000, 3_001],
    left: [1, 1],
    back: [1, 1],
    faults: [],
  };
  const metOf = (hub: TargetsTrial): (string | undefined)[] =>
    [0, 1, 2, 3].map((row) => cell(targetsTable({ hub, peer: good }, plan), row, ""));
  const met = "aim met";
  expect(metOf(good)).toEqual([met, met, met, met]);
  expect(metOf({ ...good, underWay: [1], left: [1, 1_001] })).toEqual([
    "aim missed",
    met,
    "aim missed",
    met,
  ]);
});

test.each([
  [{}, "aim met"],
  [{ rows: 1 }, "aim missed"],
  [{ wakes: 1 }, "aim missed"],
  [{ alarms: 1 }, "aim missed"],
])("idle accounts with %j: %s", (work, met) => {
  const trial: IdleAccounts = {
    work: { ...none, calls: 0, wakes: 0, alarms: 0, ...work },
    kibEach: 10,
    cpuMs: 1,
    faults: [],
  };
  const plan = { accounts: 1, warmUp: 1, settleMs: 1, watchMs: 1_000 };
  const text = idleTable({ hub: trial, peer: { ...trial, work: none } }, plan);
  expect(cell(text, 0, "none")).toBe(met);
});

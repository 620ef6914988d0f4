import { count, kib, ms, table, tableOf, times, verdict, whole } from "../report/table.ts";
import { median, quantile } from "../statistics.ts";
import type { AlivePlan, AliveTrial } from "./alive.ts";
import type { IdleAccounts, IdlePlan } from "./idle.ts";
import { CARRIERS, type MessagesPhase } from "./messages.ts";
import type { TargetsPlan, TargetsTrial } from "./targets.ts";

/** The results of both servers. */
export type Both<Result> = { readonly hub: Result; readonly peer: Result };

const SERVERS = [
  ["hub", "GuildHub"],
  ["peer", "Node, Socket.IO, SQLite"],
] as const;

/** Aims of the project. Times in milliseconds. */
const AIMS = {
  /** Messages of a CPU-second, and the p99 of a steady rate, of the peer's. */
  perCpuSecond: 0.5,
  p99: 2,
  /** Rows written in a minute for a machine or session that is alive. */
  rows: 2,
  /** Until a call to a dead target fails, once the server may not wait for it any more. */
  failure: 1_000,
} as const;

/** How long a server waits for a lost target to come back, milliseconds (sync.md §0b.4). */
const GRACE_MS = 3_000;

/** Session messages. @param rounds of both servers, each with the same phases in the same order */
export function messagesTable(rounds: readonly Both<readonly MessagesPhase[]>[]): string {
  const [first] = rounds;
  const rows = (first?.hub ?? []).flatMap(({ carrier, pace }, at) =>
    SERVERS.map(([name, label]) => {
      const all = (of: (phase: MessagesPhase) => number, server: keyof Both<unknown> = name) =>
        rounds.map((round) => of(round[server][at] ?? NO_PHASE));
      /** Of the peer's, within each round. */
      const ratio = (of: (phase: MessagesPhase) => number): number => {
        const peer = all(of, "peer");
        return median(all(of).map((value, round) => value / (peer[round] ?? Number.NaN)));
      };
      return { name, label, carrier, pace, all, ratio };
    }),
  );
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  const perCpu = (phase: MessagesPhase): number => phase.perCpuSecond;
  const p99 = (phase: MessagesPhase): number => phase.p99;
  return tableOf(rows, [
    [
      "messages",
      ({ label, carrier, pace }) =>
        `${label}, ${CARRIERS[carrier]}, ${pace === "steady" ? "steadily" : "as fast as it goes"}`,
    ],
    [
      "arrived",
      ({ all }) =>
        `${whole(sum(all(({ arrived }) => arrived)))} of ${whole(sum(all(({ messages }) => messages)))}`,
    ],
    ["a second", ({ all }) => count(median(all(({ arrived, seconds }) => arrived / seconds)))],
    ["per server CPU-second", ({ all }) => count(median(all(perCpu)))],
    ["× peer", ({ ratio }) => times(ratio(perCpu))],
    [
      `≥ ${AIMS.perCpuSecond} ×`,
      ({ name, pace, ratio }) =>
        name === "hub" && pace === "fast" ? verdict(ratio(perCpu) >= AIMS.perCpuSecond) : "",
    ],
    ["p50", ({ all }) => ms(median(all(({ p50 }) => p50)))],
    ["p99", ({ all }) => ms(median(all(p99)))],
    ["× peer", ({ ratio }) => times(ratio(p99))],
    [
      `≤ ${AIMS.p99} ×`,
      ({ name, pace, ratio }) =>
        name === "hub" && pace === "steady" ? verdict(ratio(p99) <= AIMS.p99) : "",
    ],
  ]);
}

const NO_PHASE: MessagesPhase = {
  carrier: "socket",
  pace: "steady",
  messages: 0,
  arrived: 0,
  seconds: Number.NaN,
  perCpuSecond: Number.NaN,
  p50: Number.NaN,
  p99: Number.NaN,
  faults: [],
};

/** A count that the peer does not have. */
const orNone = (value: number | null): string => (value === null ? "–" : whole(value));

/** Beats of machines and sessions. */
export function aliveTable(trials: Both<AliveTrial>, plan: AlivePlan): string {
  const head = `${whole(plan.machines)} machines, ${whole(plan.sessions)} sessions, ${plan.watchMs / 1_000} s`;
  return tableOf(SERVERS, [
    [head, ([, label]) => label],
    ["beats", ([name]) => whole(trials[name].beats)],
    ["rows written", ([name]) => whole(trials[name].work.rows)],
    ["a minute, for each", ([name]) => trials[name].rowsEach.toFixed(2)],
    [
      `≤ ${AIMS.rows}`,
      ([name]) => (name === "hub" ? verdict(trials.hub.rowsEach <= AIMS.rows) : ""),
    ],
    ["alarms set", ([name]) => orNone(trials[name].work.alarms)],
    ["calls to hubs", ([name]) => orNone(trials[name].work.calls)],
    ["their wakes", ([name]) => orNone(trials[name].work.wakes)],
    ["server CPU", ([name]) => ms(trials[name].cpuMs)],
  ]);
}

/** Calls to targets that are gone. */
export function targetsTable(trials: Both<TargetsTrial>, plan: TargetsPlan): string {
  const cases = [
    ["under way when its target was killed: fails after the kill", "underWay", AIMS.failure],
    ["made after that: fails after the call", "lost", GRACE_MS + AIMS.failure],
    ["made after its target had left: fails after the call", "left", AIMS.failure],
    [
      `made while its target was away for ${plan.awayMs / 1_000} s: answered after it was back`,
      "back",
      AIMS.failure,
    ],
  ] as const;
  const cells = cases.map(([text, of, aim]) => {
    const [hub, peer] = [trials.hub[of], trials.peer[of]];
    const isMet = hub.length === plan.accounts && Math.max(...hub) <= aim;
    const times2 = (values: readonly number[]) => [
      ms(quantile(values, 0.5)),
      ms(Math.max(...values)),
    ];
    return [text, ...times2(hub), `≤ ${whole(aim)} ms`, verdict(isMet), ...times2(peer)];
  });
  const [hub, peer] = SERVERS.map(([, label]) => label);
  const head = [`${hub}, p50`, "worst", "aim", "", `${peer}, p50`, "worst"];
  return table([[`${whole(plan.accounts)} calls each`, ...head], ...cells]);
}

/** Accounts in which nothing happens. */
export function idleTable(trials: Both<IdleAccounts>, plan: IdlePlan): string {
  const head = `${whole(plan.accounts)} idle accounts, ${plan.watchMs / 1_000} s`;
  const { rows, wakes, alarms } = trials.hub.work;
  return tableOf(SERVERS, [
    [head, ([, label]) => label],
    ["calls to hubs", ([name]) => orNone(trials[name].work.calls)],
    ["their wakes", ([name]) => orNone(trials[name].work.wakes)],
    ["rows written", ([name]) => whole(trials[name].work.rows)],
    ["alarms set", ([name]) => orNone(trials[name].work.alarms)],
    [
      "none",
      ([name]) => (name === "hub" ? verdict(rows + (wakes ?? 0) + (alarms ?? 0) === 0) : ""),
    ],
    ["server CPU", ([name]) => ms(trials[name].cpuMs)],
    ["memory of an account", ([name]) => kib(trials[name].kibEach)],
  ]);
}

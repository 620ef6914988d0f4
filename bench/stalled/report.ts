import { quantile } from "../measure/statistics.ts";
import type { Machine } from "../report/machine.ts";
import { ms, table, times } from "../report/table.ts";
import type { MemoryTrial } from "./memory.ts";
import { STALLED_PLAN, type StalledTrial } from "./trial.ts";

/** A round: two hubs without stalled readers, and one with them. */
export type StalledRound = {
  readonly without: StalledTrial;
  readonly control: StalledTrial;
  readonly among: StalledTrial;
};

/** Healthy readers may be served later by so much of what they are without stalled ones. */
const AIM = 1.1;

/** What healthy readers missed, got twice or out of order. */
export function faultsOf(rounds: readonly StalledRound[]): string[] {
  return rounds.flatMap((round) => Object.values(round).flatMap(({ faults }) => faults));
}

/** The generated part of the document. */
export function writeStalledReport(
  rounds: readonly StalledRound[],
  memory: readonly MemoryTrial[],
  machine: Machine,
): string {
  const faults = faultsOf(rounds);
  const lone: Values = ({ lone: values }) => values;
  const bursts: Values = ({ bursts: values }) => values;
  const p99 = figureOf(rounds, "among", lone, 0.99) / figureOf(rounds, "without", lone, 0.99);
  return [
    describe(machine),
    faults.length === 0
      ? "Every healthy reader got every event once and in order."
      : `**This run is void.** ${faults
          .slice(0, 10)
          .map((fault) => `\n- ${fault}`)
          .join("")}`,
    table([
      ["", "nobody stalls", "nobody, again", `${STALLED_PLAN.stalled} stalled`, "ratio", "again"],
      row(rounds, "lone event p50", lone, 0.5),
      row(rounds, "lone event p99", lone, 0.99),
      row(rounds, "burst p50", bursts, 0.5),
      row(rounds, "burst p90", bursts, 0.9),
    ]),
    `Aim: p99 of lone events ≤ ${times(AIM)}: ${p99 <= AIM ? "met" : "missed"}.`,
    memoryTable(memory),
  ].join("\n\n");
}

function describe({ cpu, cores, storage, load, versions }: Machine): string {
  const date = new Date().toISOString().slice(0, 10);
  const shown = versions.filter(([name]) => name === "Node" || name === "workerd");
  const { rounds, healthy, loneEvents, bursts, burstRequests, requestEvents } = STALLED_PLAN;
  return (
    `${date} · ${cpu}, ${cores} cores, storage on ${storage}, load ${load.toFixed(1)} at the end · ` +
    `${shown.map((pair) => pair.join(" ")).join(", ")} · ${rounds} rounds of ${healthy} healthy readers, ` +
    `${loneEvents} lone events, ${bursts} bursts of ${burstRequests * requestEvents} events`
  );
}

type Values = (trial: StalledTrial) => readonly number[];

/** Of what happened in all rounds: a single one has too few events for its slowest hundredth. */
function figureOf(
  rounds: readonly StalledRound[],
  side: keyof StalledRound,
  values: Values,
  share: number,
): number {
  return quantile(
    rounds.flatMap((round) => values(round[side])),
    share,
  );
}

function row(
  rounds: readonly StalledRound[],
  name: string,
  values: Values,
  share: number,
): string[] {
  const without = figureOf(rounds, "without", values, share);
  const control = figureOf(rounds, "control", values, share);
  const among = figureOf(rounds, "among", values, share);
  return [
    name,
    ms(without),
    ms(control),
    ms(among),
    times(among / without),
    times(control / without),
  ];
}

function memoryTable(trials: readonly MemoryTrial[]): string {
  return table([
    [
      "published",
      "resident memory, nobody stalls",
      `${STALLED_PLAN.stalled} stalled`,
      "for each",
      "of its window in the kernel",
    ],
    ...trials.map(({ plan, stalled, withoutBytes, amongBytes, queuedBytes }) => {
      const { turns, events, bytes } = plan;
      return [
        `${(turns * events).toLocaleString("en-US")} events, ${bytes.toLocaleString("en-US")} bytes in each`,
        `+${mib(withoutBytes)}`,
        `+${mib(amongBytes)}`,
        kib((amongBytes - withoutBytes) / stalled),
        kib(queuedBytes),
      ];
    }),
  ]);
}

function kib(bytes: number): string {
  return `${Math.round(bytes / 1024)} KiB`;
}

function mib(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024)} MiB`;
}

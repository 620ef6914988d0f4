import type { Report } from "../bench.ts";
import { ms, tableOf, times, whole } from "../report/table.ts";
import { quantile } from "../statistics.ts";
import type { MemoryTrial } from "./memory.ts";
import { STALLED_PLAN, type StalledRound, type StalledTrial } from "./trial.ts";

/** Aim: with stalled readers, latencies of healthy readers grow at most by this factor. */
const AIM = 1.1;
/** Faults that are shown. A reader that is lost has one fault for every event. */
const FAULTS_SHOWN = 10;

/** A figure: the quantile at `share` of the times of all rounds. */
type Figure = readonly [name: string, times: "lone" | "bursts", share: number];

const LONE_P99: Figure = ["lone event p99", "lone", 0.99];
const FIGURES: readonly Figure[] = [
  ["lone event p50", "lone", 0.5],
  LONE_P99,
  ["burst p50", "bursts", 0.5],
  ["burst p90", "bursts", 0.9],
];

/** The report of `npm run bench:stalled`. */
export function reportOf(rounds: readonly StalledRound[], memory: readonly MemoryTrial[]): Report {
  // Quantiles over all rounds: a single round has too few events for a p99.
  const of = (side: keyof StalledRound, [, values, share]: Figure): number =>
    quantile(
      rounds.flatMap((round) => round[side][values]),
      share,
    );
  const ratio = (side: keyof StalledRound, figure: Figure): number =>
    of(side, figure) / of("without", figure);
  const all: StalledTrial[] = rounds.flatMap((round) => Object.values(round));
  const { healthy, loneEvents, bursts, burstRequests, requestEvents, stalled } = STALLED_PLAN;
  return {
    waitsForDisk: true,
    extent:
      `${STALLED_PLAN.rounds} rounds of ${healthy} healthy readers, ${loneEvents} lone events, ` +
      `${bursts} bursts of ${burstRequests * requestEvents} events`,
    faults: all.flatMap(({ faults }) => faults).slice(0, FAULTS_SHOWN),
    sound: "Every healthy reader got every event once and in order.",
    parts: [
      tableOf(FIGURES, [
        ["", ([name]) => name],
        ["nobody stalls", (figure) => ms(of("without", figure))],
        ["nobody, again", (figure) => ms(of("control", figure))],
        [`${stalled} stalled`, (figure) => ms(of("among", figure))],
        ["ratio", (figure) => times(ratio("among", figure))],
        ["again", (figure) => times(ratio("control", figure))],
      ]),
      `Aim: p99 of lone events ≤ ${times(AIM)}: ${ratio("among", LONE_P99) <= AIM ? "met" : "missed"}.`,
      tableOf(memory, [
        [
          "published",
          ({ plan: { turns, events, bytes } }) =>
            `${whole(turns * events)} events, ${whole(bytes)} bytes in each`,
        ],
        ["resident memory, nobody stalls", ({ withoutBytes }) => `+${mib(withoutBytes)}`],
        [`${stalled} stalled`, ({ amongBytes }) => `+${mib(amongBytes)}`],
        ["for each", (trial) => kib((trial.amongBytes - trial.withoutBytes) / trial.stalled)],
        ["of its window in the kernel", ({ queuedBytes }) => kib(queuedBytes)],
      ]),
    ],
  };
}

function kib(bytes: number): string {
  return `${Math.round(bytes / 1024)} KiB`;
}

function mib(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024)} MiB`;
}

import { median, quantile } from "../measure/statistics.ts";
import type { Machine } from "../report/machine.ts";
import { ms, table, times } from "../report/table.ts";
import { STALLED_PLAN, type StalledTrial } from "./trial.ts";

const START = "<!-- stalled:start -->";
const END = "<!-- stalled:end -->";

/** A round: without stalled readers, and with them. */
export type StalledPair = { readonly without: StalledTrial; readonly among: StalledTrial };

/** Healthy readers may be served later by so much of what they are without stalled ones. */
const AIM = 1.1;

/** The text with what stands between the markers replaced. @throws when a marker is missing */
export function replaceStalled(text: string, generated: string): string {
  const start = text.indexOf(START);
  const end = text.indexOf(END);
  if (start < 0 || end < start) throw new Error(`the document lacks ${START} and ${END}`);
  return `${text.slice(0, start + START.length)}\n\n${generated}\n\n${text.slice(end)}`;
}

/** The generated part of the document. */
export function writeStalledReport(pairs: readonly StalledPair[], machine: Machine): string {
  const faults = pairs.flatMap(({ without, among }) => [...without.faults, ...among.faults]);
  const p99 = ratioOf(pairs, ({ lone }) => quantile(lone, 0.99));
  return [
    describe(machine),
    faults.length === 0
      ? "Every healthy reader got every event once and in order."
      : `**This run is void.** ${faults
          .slice(0, 10)
          .map((fault) => `\n- ${fault}`)
          .join("")}`,
    table([
      ["", "nobody stalls", `${STALLED_PLAN.stalled} stalled`, "ratio", "of the rounds"],
      row(pairs, "lone event p50", ({ lone }) => quantile(lone, 0.5)),
      row(pairs, "lone event p99", ({ lone }) => quantile(lone, 0.99)),
      row(pairs, "burst p50", ({ bursts }) => quantile(bursts, 0.5)),
      row(pairs, "burst, the slowest", ({ bursts }) => quantile(bursts, 1)),
    ]),
    memory(pairs),
    `Aim: p99 of lone events ≤ ${times(AIM)}: ${p99 <= AIM ? "met" : "missed"}.`,
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

type Figure = (trial: StalledTrial) => number;

function row(pairs: readonly StalledPair[], name: string, figure: Figure): string[] {
  const ratios = pairs.map(({ without, among }) => figure(among) / figure(without));
  return [
    name,
    ms(median(pairs.map(({ without }) => figure(without)))),
    ms(median(pairs.map(({ among }) => figure(among)))),
    times(median(ratios)),
    `${times(Math.min(...ratios))} to ${times(Math.max(...ratios))}`,
  ];
}

/** The middle of the ratios inside each round. */
function ratioOf(pairs: readonly StalledPair[], figure: Figure): number {
  return median(pairs.map(({ without, among }) => figure(among) / figure(without)));
}

function memory(pairs: readonly StalledPair[]): string {
  const { fillTurns, fillTurnEvents, fillBytes, stalled } = STALLED_PLAN;
  const among = median(pairs.map((pair) => pair.among.grownBytes));
  const without = median(pairs.map((pair) => pair.without.grownBytes));
  return (
    `Resident memory, from when everybody had connected to the end of a round in which ` +
    `${(fillTurns * fillTurnEvents * fillBytes) / 1e6} MB of large events came first: ${mib(among)} more with ` +
    `${stalled} stalled readers, ${mib(without)} more without, so ` +
    `${Math.round((among - without) / stalled / 1024)} KiB for each.`
  );
}

function mib(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024)} MiB`;
}

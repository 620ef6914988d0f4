import type { PerEvent, Results } from "./plan.ts";
import { count, table } from "./tables.ts";

/** What a run showed, as docs/scale.md has it. */
export function describeResults(results: Results): string {
  const { arrival, bursts, faulty, fullest, restart, steady } = results;
  const rows: readonly (readonly [string, string])[] = [
    ["clients", count(results.clients)],
    [
      "arrival",
      `spread over 20 min; all in after ${seconds(arrival.ms)}, on the hub and ${count(arrival.relays)} relays; ${count(arrival.refused)} times somebody was told to come later`,
    ],
    ["fullest", `hub ${count(fullest.hub)} sockets, relay ${count(fullest.relay)}`],
    ["one event a second", perEvent(steady)],
    ["bursts of five in 25 ms", perEvent(bursts)],
    [
      "faults",
      `${faulty.events} events with ${faulty.crashes} crashes and ${count(faulty.lostCalls)} lost calls; relays pulled ${count(faulty.pulls)} times`,
    ],
    [
      "restart of everything, with an event a second",
      `99 of 100 were connected after ${seconds(restart.mostMs)}, the last had caught up after ${seconds(restart.ms)}; at most ${count(restart.busiest.accepts.one)} accepts a second at one object, ${count(restart.busiest.accepts.all)} at all objects together, where ${count(restart.busiest.tries)} tried; ${count(restart.refused)} times somebody was told to come later; ${count(restart.relays)} relays afterwards; relays asked for a snapshot ${count(restart.snapshotCalls)} times`,
    ],
    ["deliveries", count(results.deliveries)],
    ["times that a client used up its credit", count(results.lags)],
    ["lost, duplicated, reordered, leaked, altered", Object.values(results.faults).join(", ")],
    ["without everything at the end", count(results.incomplete)],
    ["real CPU", `${count(results.cpuSeconds)} s, ${count(results.heapMegabytes)} MB`],
  ];
  return table(["what", "result"], rows);
}

/** What a run showed that must not be, as sentences; none: every client got exactly what it should. */
export function findProblems({ faults, faulty, incomplete, snapshots }: Results): string[] {
  const problems = Object.entries(faults)
    .filter(([, times]) => times > 0)
    .map(([fault, times]) => `${count(times)} events were ${fault}`);
  const missing = Math.max(faulty.incomplete, incomplete);
  if (missing > 0) problems.push(`${count(missing)} clients do not have everything`);
  for (const reason of Object.keys(snapshots)) {
    if (reason !== "first_connection") problems.push(`a client got the whole state: ${reason}`);
  }
  return problems;
}

function perEvent({ calls, hubRows, relayRows, relays }: PerEvent): string {
  const each = (all: number): string => (all / Math.max(1, relays)).toFixed(2);
  return `${count(relays)} relays; an event took ${each(calls)} calls to each, and ${each(relayRows)} journal rows in each (hub: ${hubRows.toFixed(2)})`;
}

function seconds(ms: number): string {
  return `${count(ms / 1000)} s`;
}

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
      `the last had caught up after ${seconds(restart.ms)}; at most ${count(restart.accepts.perObject)} accepts a second at one object, ${count(restart.accepts.total)} at all; ${count(restart.refused)} times somebody was told to come later; ${count(restart.relays)} relays afterwards`,
    ],
    ["deliveries", count(results.deliveries)],
    ["times that a client used up its credit", count(results.lags)],
    ["lost, duplicated, reordered, leaked, altered", Object.values(results.faults).join(", ")],
    ["without everything at the end", count(results.incomplete)],
    ["real CPU", `${count(results.cpuSeconds)} s, ${count(results.heapMegabytes)} MB`],
  ];
  return table(["what", "result"], rows);
}

function perEvent({ calls, hubRows, relayRows, relays }: PerEvent): string {
  return `${calls.toFixed(1)} calls an event to ${count(relays)} relays; journal rows in: hub ${hubRows.toFixed(1)}, relays ${relayRows.toFixed(1)}`;
}

function seconds(ms: number): string {
  return `${count(ms / 1000)} s`;
}

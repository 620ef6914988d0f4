import { median, quantile } from "../measure/statistics.ts";
import type { Machine } from "../report/machine.ts";
import { ms, seconds, table, times } from "../report/table.ts";
import { creationsTake, type Storm } from "./matches-run.ts";
import { DISCORD_LIMITS, MATCH_PLAN } from "./plan.ts";

/** What a run found. Times are milliseconds. */
export type MatchFigures = {
  /** Until each webhook of the calm load was answered. */
  readonly webhooks: readonly number[];
  /** Of each match that was alone, from its `ready` webhook to both channels. */
  readonly alone: readonly number[];
  readonly storm: Storm;
  /** Calls of the local Discord that nobody saw. */
  readonly missedCalls: number;
};

const AIM_WEBHOOK_MS = 50;
const AIM_ALONE_MS = 1_000;
/** The limit's own schedule, and a window for people and for what asks in vain. */
const AIM_SCHEDULE = 1.2;
/** Calls that Discord may refuse for their rate: next to none. */
const AIM_REFUSED_SHARE = 0.005;

/** What makes a run void: something was not done, or left behind. */
export function faultsOf({ storm, missedCalls }: MatchFigures): readonly string[] {
  return [
    ...(storm.starved === 0 ? [] : [`${storm.starved} matches never had both channels`]),
    ...(storm.leftChannels === 0 ? [] : [`${storm.leftChannels} channels were left behind`]),
    ...(storm.leftRows === 0 ? [] : [`${storm.leftRows} rows were left behind`]),
    ...(missedCalls === 0 ? [] : [`${missedCalls} calls were not seen`]),
  ];
}

/** The generated part of the document. */
export function writeMatchReport(figures: MatchFigures, machine: Machine): string {
  const { webhooks, alone, storm } = figures;
  const faults = faultsOf(figures);
  const schedule = creationsTake(storm.channels.length);
  const last = storm.channels.at(-1) ?? Number.NaN;
  const refused = storm.refused / storm.calls;
  const p99 = quantile(webhooks, 0.99);
  const worst = Math.max(...alone);
  return [
    describe(machine),
    faults.length === 0
      ? "Every match had both of its channels, and no channel and no row was left."
      : `**This run is void.** ${faults.map((fault) => `\n- ${fault}`).join("")}`,
    table([
      ["", "this run", "aim", ""],
      ["webhook answered, p50", ms(median(webhooks)), "", ""],
      ["webhook answered, p99", ms(p99), `< ${AIM_WEBHOOK_MS} ms`, verdict(p99 < AIM_WEBHOOK_MS)],
      ["`ready` to both channels, alone, median", ms(median(alone)), "", ""],
      ["the same, worst", ms(worst), `< ${AIM_ALONE_MS} ms`, verdict(worst < AIM_ALONE_MS)],
      [
        `${MATCH_PLAN.matches} at once: first channel`,
        seconds(storm.channels[0] ?? Number.NaN),
        "",
        "",
      ],
      ["median channel", seconds(median(storm.channels)), "", ""],
      ["last channel", seconds(last), "", ""],
      ["Discord's limit alone, last channel", seconds(schedule), "", ""],
      ...(schedule === 0
        ? []
        : [
            [
              "last channel × that",
              times(last / schedule),
              `≤ ${times(AIM_SCHEDULE)}`,
              verdict(last / schedule <= AIM_SCHEDULE),
            ],
          ]),
      ["both channels of a match, median", seconds(median(storm.matches)), "", ""],
      [
        "calls that Discord refused for their rate",
        `${storm.refused} of ${storm.calls}`,
        `≤ ${AIM_REFUSED_SHARE * 100} %`,
        verdict(refused <= AIM_REFUSED_SHARE),
      ],
      ...roomRows(storm.rooms),
      ["all finished: last channel gone", seconds(storm.channelsGone), "", ""],
      ["last row gone", seconds(storm.rowsGone), "", ""],
    ]),
  ].join("\n\n");
}

function describe({ cpu, cores, storage, load, versions }: Machine): string {
  const date = new Date().toISOString().slice(0, 10);
  const shown = versions.filter(([name]) => name === "Node" || name === "workerd");
  const { creations, creationsWindowMs, callsPerSecond } = DISCORD_LIMITS;
  return (
    `${date} · ${cpu}, ${cores} cores, storage on ${storage}, load ${load.toFixed(1)} at the end · ` +
    `${shown.map((pair) => pair.join(" ")).join(", ")} · ${MATCH_PLAN.matches} matches, ` +
    `${MATCH_PLAN.loneMatches} alone before · the local Discord allows ${creations} new channels in ` +
    `${creationsWindowMs / 1_000} s, and ${callsPerSecond} calls a second`
  );
}

/** What people who open rooms notice of the matches. */
function roomRows(rooms: Storm["rooms"]): string[][] {
  if (rooms.length === 0) return [];
  const opened = rooms.filter((waited) => waited !== null);
  return [
    [
      "rooms that people opened meanwhile",
      `${opened.length} of ${rooms.length}`,
      "all",
      verdict(opened.length === rooms.length),
    ],
    ["the longest of them", ms(Math.max(...opened)), "", ""],
  ];
}

function verdict(met: boolean): string {
  return met ? "aim met" : "aim missed";
}

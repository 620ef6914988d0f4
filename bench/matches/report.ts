import type { Report } from "../bench.ts";
import { ms, seconds, table, times, verdict } from "../report/table.ts";
import { median, quantile } from "../statistics.ts";
import { creationsTake, type Storm } from "./matches-run.ts";
import { DISCORD_LIMITS, MATCH_PLAN, PUBLISHED } from "./setting.ts";

/** The figures of a run. Times are milliseconds. */
export type MatchFigures = {
  /** Until each webhook of the calm load was answered. */
  readonly webhooks: readonly number[];
  /** From the `ready` webhook to both channels, for each match that was played alone. */
  readonly alone: readonly number[];
  readonly storm: Storm;
  /** Calls to the local Discord that the watch did not see. */
  readonly missedCalls: number;
};

const AIM_WEBHOOK_MS = 50;
const AIM_ALONE_MS = 1_000;
/** The limit's own schedule, and some time for rooms of people and for calls that are refused. */
const AIM_SCHEDULE = 1.2;
/** Share of calls that Discord may refuse with 429. */
const AIM_REFUSED_SHARE = 0.005;

/** What `npm run bench:matches` found. */
export function reportOf({ webhooks, alone, storm, missedCalls }: MatchFigures): Report {
  const { matches, loneMatches } = MATCH_PLAN;
  const { creations, creationsWindowMs, callsPerSecond } = DISCORD_LIMITS;
  const schedule = creationsTake(storm.channels.length);
  const last = storm.channels.at(-1) ?? Number.NaN;
  const p99 = quantile(webhooks, 0.99);
  const worst = Math.max(...alone);
  const opened = storm.rooms.filter((waited) => waited !== null);
  const told = (what: string, figure: string): string[] => [what, figure, "", ""];
  const aimed = (what: string, figure: string, aim: string, met: boolean): string[] => [
    what,
    figure,
    aim,
    verdict(met),
  ];
  const rows = [
    told("webhook answered, p50", ms(median(webhooks))),
    aimed("webhook answered, p99", ms(p99), `< ${AIM_WEBHOOK_MS} ms`, p99 < AIM_WEBHOOK_MS),
    told("`ready` to both channels, alone, median", ms(median(alone))),
    aimed("the same, worst", ms(worst), `< ${AIM_ALONE_MS} ms`, worst < AIM_ALONE_MS),
    told(`${matches} at once: first channel`, seconds(storm.channels[0] ?? Number.NaN)),
    told("median channel", seconds(median(storm.channels))),
    told("last channel", seconds(last)),
    told("Discord's limit alone, last channel", seconds(schedule)),
    ...(schedule === 0
      ? []
      : [
          aimed(
            "last channel × that",
            times(last / schedule),
            `≤ ${times(AIM_SCHEDULE)}`,
            last / schedule <= AIM_SCHEDULE,
          ),
        ]),
    told("both channels of a match, median", seconds(median(storm.matches))),
    aimed(
      "calls that Discord refused for their rate",
      `${storm.refused} of ${storm.calls}`,
      `≤ ${AIM_REFUSED_SHARE * 100} %`,
      storm.refused / storm.calls <= AIM_REFUSED_SHARE,
    ),
    // How the matches slow down people who open rooms.
    ...(storm.rooms.length === 0
      ? []
      : [
          aimed(
            "rooms that people opened meanwhile",
            `${opened.length} of ${storm.rooms.length}`,
            "all",
            opened.length === storm.rooms.length,
          ),
          told("the longest of them", ms(Math.max(...opened))),
        ]),
    told("all finished: last channel gone", seconds(storm.channelsGone)),
    told("last row gone", seconds(storm.rowsGone)),
  ];
  const faults: readonly (readonly [number, string])[] = [
    [storm.starved, "matches never had both channels"],
    [storm.leftChannels, "channels were left behind"],
    [storm.leftRows, "rows were left behind"],
    [missedCalls, "calls were not seen"],
  ];
  return {
    waitsForDisk: true,
    extent:
      `${matches} matches, ${loneMatches} alone before · the local Discord allows ${creations} new ` +
      `channels in ${creationsWindowMs / 1_000} s, and ${callsPerSecond} calls a second`,
    faults: faults.filter(([found]) => found !== 0).map((fault) => fault.join(" ")),
    sound: "Every match had both of its channels, and no channel and no row was left.",
    parts: [table([["", "this run", "aim", ""], ...rows])],
    ...(matches === PUBLISHED ? {} : { withheld: "BENCH_MATCHES makes it smaller" }),
  };
}

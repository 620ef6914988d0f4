import { createWriteStream, mkdirSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { doublingPause } from "../../src/protocol/backoff.ts";
import { stripVTControlCharacters } from "node:util";
import { readLogLine, type LogLine } from "./log-line.ts";
import { type Output, seconds } from "./output.ts";
import { startGroup, type Command, type ProcessGroup } from "./process-group.ts";

/** One process of the stack. */
export type PartSpec = {
  readonly label: string;
  readonly command: Command;
  /** Answers 200 while the part works; undefined: the part is only restarted when it ends. */
  readonly healthUrl?: string;
  /** Beginning of a line after which the part may never work again, although its process goes on. */
  readonly lastWords?: string;
};

/** A supervised part. */
export type Part = {
  /** Its state, for `stack.json`. */
  readonly status: () => { readonly pid: number | undefined; readonly restarts: number };
  readonly stop: () => Promise<void>;
};

/** How the parts are supervised. Times are milliseconds. */
type Supervision = {
  readonly output: Output;
  readonly logDir: string;
  /** Which lines of the parts are shown. All lines are in the log. */
  readonly isShown: (severity: LogLine["severity"]) => boolean;
  /** Called whenever a part's pid changes. */
  readonly onChange: () => void;
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  /** After running for this long a part has recovered: its next restart has the first delay again. */
  readonly settledMs: number;
  readonly healthIntervalMs: number;
  readonly graceMs: number;
};

/** The values of `npm start`. */
export const USUAL_SUPERVISION = {
  firstDelayMs: 250,
  maxDelayMs: 15_000,
  settledMs: 20_000,
  healthIntervalMs: 2_000,
  graceMs: 5_000,
} as const;

/** About a minute without an answer in time, because a working part may be slow for a while on a busy machine. */
const HEALTH_FAILURES = 12;
const LAST_LINES = 6;

/** The log file of a part, with all its output. */
export function logFile(logDir: string, label: string): string {
  return path.join(logDir, `${label.replaceAll(" ", "-")}.log`);
}

/** Starts a part, and restarts it whenever it ends. While it ends soon after each start the delays grow. */
export function supervise(spec: PartSpec, supervision: Supervision): Part {
  const { output, onChange, firstDelayMs, maxDelayMs, settledMs, graceMs } = supervision;
  const stopping = new AbortController();
  let group: ProcessGroup | undefined;
  let restarts = 0;

  mkdirSync(supervision.logDir, { recursive: true });
  const log = createWriteStream(logFile(supervision.logDir, spec.label), { mode: 0o600 });
  log.on("error", () => {});

  const run = async (): Promise<void> => {
    let endsInARow = 0;
    while (!stopping.signal.aborted) {
      const unseen: string[] = [];
      const startedAt = performance.now();
      const over = new AbortController();
      /** Ends a process that goes on without working. Then the part is started again. */
      const endBroken = (how: string): void => {
        if (over.signal.aborted || stopping.signal.aborted) return;
        over.abort();
        output.say(`The ${spec.label} ${how}.`);
        void group?.stop(graceMs);
      };
      group = startGroup(spec.command, (line) => {
        const read = readLogLine(line);
        if (read === undefined) return;
        log.write(`${line}\n`);
        // Only the beginning: further on, a line may quote the path of anybody's request.
        if (
          spec.lastWords !== undefined &&
          stripVTControlCharacters(line).startsWith(spec.lastWords)
        ) {
          endBroken(`may not recover from this: ${spec.lastWords}`);
        }
        if (supervision.isShown(read.severity)) {
          output.quote(spec.label, read.text);
          return;
        }
        unseen.push(line);
        if (unseen.length > LAST_LINES) unseen.shift();
      });
      onChange();
      const hung = (): void => endBroken("no longer answers");
      void watchHealth(spec, supervision.healthIntervalMs, hung, over.signal);
      const how = await group.ended;
      over.abort();
      group = undefined;
      onChange();
      if (stopping.signal.aborted) break;

      const livedMs = performance.now() - startedAt;
      if (livedMs >= settledMs) endsInARow = 0;
      const wait = doublingPause({ firstMs: firstDelayMs, mostMs: maxDelayMs }, endsInARow);
      endsInARow++;
      restarts++;
      output.say(
        `${output.strong(`The ${spec.label} ended`)} (${how}, after ${seconds(livedMs)}). ` +
          `Starting it again in ${seconds(wait)}.`,
      );
      if (livedMs < settledMs) for (const line of unseen) output.quote(spec.label, line);
      await delay(wait, undefined, { signal: stopping.signal }).catch(() => {});
    }
  };
  const finished = run();

  return {
    status: () => ({ pid: group?.pid, restarts }),
    stop: async () => {
      stopping.abort();
      await group?.stop(graceMs);
      await finished;
      log.end();
    },
  };
}

/** Calls `hung` for a part that has worked and no longer answers, because a process can hang without ending. */
async function watchHealth(
  { healthUrl }: PartSpec,
  intervalMs: number,
  hung: () => void,
  signal: AbortSignal,
): Promise<void> {
  if (healthUrl === undefined) return;
  let hasWorked = false;
  let failures = 0;
  while (!signal.aborted) {
    await delay(intervalMs, undefined, { signal }).catch(() => {});
    if (signal.aborted) return;
    if (await answers(healthUrl)) {
      hasWorked = true;
      failures = 0;
    } else if (hasWorked) {
      failures++;
    }
    if (failures >= HEALTH_FAILURES) return hung();
  }
}

/** Whether a URL answers with success within three seconds. */
export async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(3_000) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

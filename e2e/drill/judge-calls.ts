import type { CallLine } from "./history.ts";
import type { Problems } from "./problems.ts";

/** How the calls of a run ended. */
export type CallTally = {
  readonly answered: number;
  /** By reason. */
  readonly failed: ReadonlyMap<string, number>;
  /** Whose caller lost its connection. */
  readonly left: number;
};

/** Reasons for a failure after which nobody may have been asked. */
const NOT_SENT: ReadonlySet<string> = new Set([
  "no_target",
  "too_many",
  "RPC method not available",
  "RPC target is busy",
]);
/** Reasons for a failure after which somebody may have been asked. */
const MAYBE_SENT: ReadonlySet<string> = new Set([
  "target_gone",
  "timed_out",
  "RPC target disconnected",
  "RPC timed out",
]);

/** What is known of one call. */
type Call = { readonly askedBy: string[]; readonly ends: CallLine[] };

/** Judges calls by their records: each is for one client at most, and ends once, with its answer or a reason. */
export function judgeCalls(lines: Iterable<CallLine>, problems: Problems): CallTally {
  const calls = new Map<string, Call>();
  const unknown: Call = { askedBy: [], ends: [] };
  for (const line of lines) {
    if (line.k === "strays") {
      for (let at = 0; at < line.count; at += 1)
        problems.add("duplicated", `${line.by} got an answer for which it did not wait`);
    } else if (line.k === "called") calls.set(line.call, { askedBy: [], ends: [] });
    else {
      const known = calls.get(line.call) ?? unknown;
      if (known === unknown) problems.add("wrong", `nobody made the call ${line.call}`);
      if (line.k === "asked") known.askedBy.push(line.by);
      else known.ends.push(line);
    }
  }
  const failed = new Map<string, number>();
  let answered = 0;
  let left = 0;
  for (const [call, { askedBy, ends }] of calls) {
    if (askedBy.length > 1) problems.add("duplicated", `${call} went to ${askedBy.join()}`);
    if (ends.length > 1) problems.add("duplicated", `${call} ended ${ends.length} times`);
    const [end] = ends;
    if (end === undefined) problems.add("unanswered", call);
    else if (end.k === "answered") {
      answered += 1;
      const isRight = end.to === call && askedBy.includes(end.by);
      if (!isRight) problems.add("wrong", `${call} got the answer of ${end.by} to ${end.to}`);
    } else if (end.k === "failed") {
      failed.set(end.why, (failed.get(end.why) ?? 0) + 1);
      const wasSent = askedBy.length > 0;
      if (wasSent ? !MAYBE_SENT.has(end.why) : !MAYBE_SENT.has(end.why) && !NOT_SENT.has(end.why))
        problems.add("wrong", `${call} failed with ${end.why}, ${wasSent ? "" : "not "}sent`);
    } else left += 1;
  }
  return { answered, failed, left };
}

import { monotonicFactory } from "ulid";

/** Makes ids that sort by time. Injected, so that cores stay deterministic. */
export type IdGenerator = (now: number) => string;

/** ULIDs that also sort within one millisecond. */
export function ulidGenerator(): IdGenerator {
  const next = monotonicFactory();
  return (now) => next(now);
}

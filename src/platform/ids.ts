import { monotonicFactory } from "ulid";

/** Makes ids that sort by time. Injected, so that cores stay deterministic. */
export type IdGenerator = (now: number) => string;

/**
 * ULIDs that also sort within one millisecond.
 * @param random from 0 up to 1; absent: the secure random numbers of the machine
 */
export function ulidGenerator(random?: () => number): IdGenerator {
  const next = monotonicFactory(random);
  return (now) => next(now);
}

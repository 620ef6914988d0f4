/** Milliseconds since 1970. Injected, so that cores stay deterministic. */
export type Clock = () => number;

/** The clock of the machine. Called late, so that faked dates in tests are seen. */
export const systemClock: Clock = () => Date.now();

/** Runs something some milliseconds later. @returns takes it back */
export type Timer = (ms: number, run: () => void) => () => void;

/** The timer of the machine. */
export const systemTimer: Timer = (ms, run) => {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
};

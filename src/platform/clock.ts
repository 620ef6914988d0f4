/** Milliseconds since 1970. Injected, so that cores stay deterministic. */
export type Clock = () => number;

/** The clock of the machine. Called late, so that faked dates in tests are seen. */
export const systemClock: Clock = () => Date.now();

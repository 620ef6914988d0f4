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

/**
 * Waits for work, but not longer than `ms` milliseconds. The work itself goes on. Not AbortSignal.timeout: a
 * timer that outlives what it is for keeps a Durable Object awake.
 * @param late what to do instead when the time is up: a value, or a throw
 */
export async function within<T, L>(
  ms: number,
  work: Promise<T>,
  late: () => L,
  timer: Timer = systemTimer,
): Promise<T | L> {
  let cancel = (): void => {};
  const timeIsUp = new Promise<void>((resolve) => {
    cancel = timer(ms, resolve);
  });
  try {
    return await Promise.race([work, timeIsUp.then(late)]);
  } finally {
    cancel();
  }
}

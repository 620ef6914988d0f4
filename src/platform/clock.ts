/** Milliseconds since 1970. Injected, so that cores stay deterministic. */
export type Clock = () => number;

/** The clock of the machine. `Date.now` is looked up at each call, so that tests can replace it. */
export const systemClock: Clock = () => Date.now();

/** Runs `run` after `ms` milliseconds. @returns a function that cancels it */
export type Timer = (ms: number, run: () => void) => () => void;

/** The timer of the machine. */
export const systemTimer: Timer = (ms, run) => {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
};

/**
 * Waits for work, but not longer than `ms` milliseconds. The work itself goes on. AbortSignal.timeout is not
 * used, because its timer cannot be cancelled and keeps a Durable Object awake after the work has ended.
 * @param late gives the result, or throws, when the time is up
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

import { systemTimer, type Timer } from "./clock.ts";

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

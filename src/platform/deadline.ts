/**
 * Waits for work, but not longer than `ms` milliseconds. The work itself goes on. Not AbortSignal.timeout: a
 * timer that outlives what it is for keeps a Durable Object awake.
 * @param late what to do instead when the time is up: a value, or a throw
 */
export async function within<T, L>(ms: number, work: Promise<T>, late: () => L): Promise<T | L> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeIsUp = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  try {
    return await Promise.race([work, timeIsUp.then(late)]);
  } finally {
    clearTimeout(timer);
  }
}

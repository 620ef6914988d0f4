import { setTimeout as delay } from "node:timers/promises";

const EVERY_MS = 50;

/**
 * Waits until a check no longer throws, and returns what it returned.
 * @param what the condition in words, for the failure
 * @param deadlineMs milliseconds until the wait fails; the default suits a busy machine
 * @param everyMs milliseconds between two checks
 * @throws with the last failure, when the deadline has passed
 */
export async function eventually<T>(
  what: string,
  check: () => T | Promise<T>,
  deadlineMs = 180_000,
  everyMs = EVERY_MS,
): Promise<T> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > deadline) {
        throw new Error(`Never happened within ${deadlineMs} ms: ${what}`, { cause: error });
      }
      await delay(everyMs);
    }
  }
}

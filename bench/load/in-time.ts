import { within } from "../../src/platform/clock.ts";

/** Longest single wait, milliseconds. */
export const DEADLINE_MS = 30_000;

/** Awaits a promise. @throws after {@link DEADLINE_MS}, with the text of what is missing */
export function inTime<Value>(awaited: Promise<Value>, missing: () => string): Promise<Value> {
  return within<Value, never>(DEADLINE_MS, awaited, () => {
    throw new Error(missing());
  });
}

import { type IdGenerator, ulidGenerator } from "../../../platform/ids.ts";

let next: IdGenerator | undefined;

/** An id whose order is that of creation (sync.md §0, fact 7). @param now milliseconds */
export function newId(now: number): string {
  // Not at the module's start: there workerd has no random numbers.
  next ??= ulidGenerator();
  return next(now);
}

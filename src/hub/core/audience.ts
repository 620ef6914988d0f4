import type { Audience } from "../publisher.ts";

/**
 * Whether a reader who holds these grants may see something (HUB-8). Pure: an audience never changes
 * once its event has a `seq`, so the answer for that event changes only with the reader's grants.
 */
export function mayRead(audience: Audience, grants: ReadonlySet<string>): boolean {
  if (audience === null) return true;
  return audience.some((grant) => grants.has(grant));
}

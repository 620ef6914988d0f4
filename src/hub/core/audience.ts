import type { Audience } from "../publisher.ts";

/**
 * Whether a reader with these grants may see an event (HUB-8). The audience of an event never changes once it
 * has a `seq`, so the answer depends only on the reader's grants.
 */
export function mayRead(audience: Audience, grants: ReadonlySet<string>): boolean {
  if (audience === null) return true;
  return audience.some((grant) => grants.has(grant));
}

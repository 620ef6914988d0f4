import { sha256 } from "../protocol/bytes.ts";

/**
 * Whether a value is one of some secrets, in the same time whatever it is: digests of equal length are
 * compared to the end, for every secret.
 */
export async function isKnownSecret(given: string, secrets: readonly string[]): Promise<boolean> {
  const digest = await sha256(given);
  let isKnown = false;
  for (const secret of secrets) {
    const other = await sha256(secret);
    let difference = 0;
    for (const [at, byte] of digest.entries()) difference |= byte ^ (other[at] ?? 0);
    if (difference === 0) isKnown = true;
  }
  return isKnown;
}

import { bytesOfHex, prefixed } from "../../../protocol/bytes.ts";
import { INTERACTION_MAX_SKEW_SECONDS } from "../../../protocol/limits.ts";

/** Header with the signature over timestamp and body, 128 hexadecimal digits. */
export const INTERACTION_SIGNATURE_HEADER = "X-Signature-Ed25519";
/** Header with the time of the interaction, seconds since 1970. */
export const INTERACTION_TIMESTAMP_HEADER = "X-Signature-Timestamp";

/** The result of `importKey`, because workerd and Node name the type of a key differently. */
type PublicKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

/** Each key is imported once. A process has one, or two while the key is rotated. */
const keys = new Map<string, PublicKey>();

/**
 * Whether Discord signed this request: Ed25519 over the timestamp and the raw body (§B), within
 * {@link INTERACTION_MAX_SKEW_SECONDS} of now, so that an old request cannot be replayed. Never throws for bad
 * headers or a malformed key.
 * @param publicKey of the application, 64 hexadecimal digits
 * @param nowMs milliseconds
 */
export async function verifyInteraction(
  publicKey: string,
  headers: { readonly timestamp: string | null; readonly signature: string | null },
  body: Uint8Array,
  nowMs: number,
): Promise<boolean> {
  const { timestamp, signature } = headers;
  if (timestamp === null || !/^\d{1,12}$/.test(timestamp)) return false;
  if (signature === null || !/^[0-9a-f]{128}$/i.test(signature)) return false;
  if (Math.abs(nowMs / 1000 - Number(timestamp)) > INTERACTION_MAX_SKEW_SECONDS) return false;
  const key = await keyOf(publicKey);
  if (key === null) return false;
  const signed = prefixed(timestamp, body);
  return crypto.subtle.verify("Ed25519", key, bytesOfHex(signature), signed);
}

async function keyOf(publicKey: string): Promise<PublicKey | null> {
  const known = keys.get(publicKey);
  if (known !== undefined) return known;
  if (!/^[0-9a-f]{64}$/i.test(publicKey)) return null;
  const key = await crypto.subtle.importKey("raw", bytesOfHex(publicKey), "Ed25519", false, [
    "verify",
  ]);
  keys.set(publicKey, key);
  return key;
}

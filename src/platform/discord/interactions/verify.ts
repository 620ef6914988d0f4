import { INTERACTION_MAX_SKEW_SECONDS } from "../../../protocol/limits.ts";

/** Header with the signature over timestamp and body, 128 hexadecimal digits. */
export const INTERACTION_SIGNATURE_HEADER = "X-Signature-Ed25519";
/** Header with the time of the interaction, seconds since 1970. */
export const INTERACTION_TIMESTAMP_HEADER = "X-Signature-Timestamp";

/** The type of a key is named differently by workerd and by Node: it is what `importKey` gives. */
type PublicKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

/** A process knows one key, while it is exchanged two: each is imported once. */
const keys = new Map<string, PublicKey>();

const encoder = new TextEncoder();

/**
 * Whether Discord signed this request: Ed25519 over the timestamp and the raw body (§B), within
 * {@link INTERACTION_MAX_SKEW_SECONDS} of now, so that nothing old can be sent again. Never throws on
 * bad headers or a key that is none.
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
  const signed = signedBytes(timestamp, body);
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

function signedBytes(timestamp: string, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const prefix = encoder.encode(timestamp);
  const bytes = new Uint8Array(prefix.length + body.length);
  bytes.set(prefix);
  bytes.set(body, prefix.length);
  return bytes;
}

function bytesOfHex(hex: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(hex.length / 2);
  for (let at = 0; at < bytes.length; at += 1) {
    bytes[at] = Number.parseInt(hex.slice(at * 2, at * 2 + 2), 16);
  }
  return bytes;
}

import { hexOf } from "../../../protocol/bytes.ts";
import { decodeBase64 } from "../base64.ts";

/** Bytes of a public key, of Ed25519 and X25519 alike. */
const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;

/** What an account signs in with, in base64. The challenge is the client's own (sync.md §2.1). */
export type SignIn = {
  readonly publicKey: string;
  readonly challenge: string;
  readonly signature: string;
};

/** A public key in base64, as lower-case hex; null: it is malformed, or has another length than 32 bytes. */
export function publicKeyHex(text: string): string | null {
  const bytes = decodeBase64(text);
  return bytes?.byteLength === KEY_BYTES ? hexOf(bytes) : null;
}

/**
 * Checks a detached Ed25519 signature of the challenge (sync.md §2.1).
 * @returns the public key as lower-case hex; null: something is malformed, or the signature is not of this key
 */
export async function signerOf(signIn: SignIn): Promise<string | null> {
  const publicKey = decodeBase64(signIn.publicKey);
  const challenge = decodeBase64(signIn.challenge);
  const signature = decodeBase64(signIn.signature);
  if (publicKey?.byteLength !== KEY_BYTES || challenge === null) return null;
  if (signature?.byteLength !== SIGNATURE_BYTES) return null;
  const isValid = await isSignedBy(publicKey, challenge, signature);
  return isValid ? hexOf(publicKey) : null;
}

async function isSignedBy(
  publicKey: Uint8Array<ArrayBuffer>,
  challenge: Uint8Array<ArrayBuffer>,
  signature: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  try {
    const key = await crypto.subtle.importKey("raw", publicKey, "Ed25519", false, ["verify"]);
    return await crypto.subtle.verify("Ed25519", key, signature, challenge);
  } catch {
    // Some runtimes throw for 32 bytes that are no point of the curve.
    return false;
  }
}

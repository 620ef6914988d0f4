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

/**
 * Coordinates of the points of small order, also in encodings that are too large: y of Ed25519 and u of X25519, little
 * endian as in keys. Who has such a key needs no secret: everybody can sign for it (RFC 8032 §5.1.7 multiplies by it),
 * and everybody knows the result of an agreement with it (RFC 7748 §6.1). Clients that make keys never get one.
 */
const ON_BOTH_CURVES = [
  // 0, 1, p - 1, p, p + 1
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];
const OF_ED25519: ReadonlySet<string> = new Set([
  ...ON_BOTH_CURVES,
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
]);
const OF_X25519: ReadonlySet<string> = new Set([
  ...ON_BOTH_CURVES,
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
]);

/** Whether a key is one of these. Its highest bit is a sign in Ed25519, and means nothing in X25519. */
function isOfSmallOrder(key: Uint8Array, known: ReadonlySet<string>): boolean {
  const coordinate = Uint8Array.from(key);
  coordinate[KEY_BYTES - 1] = (key[KEY_BYTES - 1] ?? 0) & 0x7f;
  return known.has(hexOf(coordinate));
}

/**
 * A public key of X25519 in base64, as lower-case hex.
 * @returns null: it is malformed, has another length than 32 bytes, or is of small order
 */
export function publicKeyHex(text: string): string | null {
  const bytes = decodeBase64(text);
  if (bytes?.byteLength !== KEY_BYTES || isOfSmallOrder(bytes, OF_X25519)) return null;
  return hexOf(bytes);
}

/**
 * Checks a detached Ed25519 signature of the challenge (sync.md §2.1).
 * @returns the public key as lower-case hex; null: something is malformed, the signature is not of this key, or the
 * key is of small order
 */
export async function signerOf(signIn: SignIn): Promise<string | null> {
  const publicKey = decodeBase64(signIn.publicKey);
  const challenge = decodeBase64(signIn.challenge);
  const signature = decodeBase64(signIn.signature);
  if (publicKey?.byteLength !== KEY_BYTES || challenge === null) return null;
  if (signature?.byteLength !== SIGNATURE_BYTES) return null;
  if (isOfSmallOrder(publicKey, OF_ED25519)) return null;
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

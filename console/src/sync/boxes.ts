import { hsalsa, xsalsa20poly1305 } from "@noble/ciphers/salsa.js";
import { type BoxKeys, newBoxKeys } from "./account-keys.ts";
import { type Bytes, joined } from "./base64.ts";

/** Bytes of a key, public or not. */
export const KEY_BYTES = 32;
/** Bytes of a nonce, which stands before what it was used for. */
const NONCE_BYTES = 24;

/** Encrypts with a key of 32 bytes: nonce and NaCl's secretbox (sync.md §2.5). */
export function sealSecretbox(plain: Bytes, key: Bytes): Bytes {
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  return joined(nonce, xsalsa20poly1305(key, nonce).encrypt(plain));
}

/** Decrypts {@link sealSecretbox}; null: it was encrypted with another key, or is damaged. */
export function openSecretbox(sealed: Bytes, key: Bytes): Bytes | null {
  try {
    const nonce = sealed.subarray(0, NONCE_BYTES);
    return new Uint8Array(xsalsa20poly1305(key, nonce).decrypt(sealed.subarray(NONCE_BYTES)));
  } catch {
    return null;
  }
}

/**
 * Encrypts for the owner of a public key: the public key of a new pair, and NaCl's box (sync.md §2.3).
 * @returns null: nobody can have that public key
 */
export async function sealBox(plain: Bytes, recipient: Bytes): Promise<Bytes | null> {
  const own = await newBoxKeys();
  const key = await sharedKey(own.privateKey, recipient);
  return key === null ? null : joined(own.publicKey, sealSecretbox(plain, key));
}

/** Decrypts {@link sealBox}; null: it was encrypted for somebody else, or is damaged. */
export async function openBox(sealed: Bytes, { privateKey }: BoxKeys): Promise<Bytes | null> {
  const key = await sharedKey(privateKey, sealed.slice(0, KEY_BYTES));
  return key === null ? null : openSecretbox(sealed.slice(KEY_BYTES), key);
}

/** "expand 32-byte k", as words. */
const SIGMA = new Uint32Array(new TextEncoder().encode("expand 32-byte k").buffer);

/** What both sides of a box can compute: X25519, then HSalsa20 with zeros. */
async function sharedKey(privateKey: CryptoKey, publicKey: Bytes): Promise<Bytes | null> {
  try {
    const peer = await crypto.subtle.importKey("raw", publicKey, "X25519", false, []);
    const algorithm = { name: "X25519", public: peer };
    const shared = await crypto.subtle.deriveBits(algorithm, privateKey, KEY_BYTES * 8);
    const key = new Uint8Array(KEY_BYTES);
    hsalsa(SIGMA, new Uint32Array(shared), new Uint32Array(4), new Uint32Array(key.buffer));
    return key;
  } catch {
    // Of another length, or a point that would make the key known to everybody.
    return null;
  }
}

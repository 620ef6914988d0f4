import { xsalsa20poly1305 } from "@noble/ciphers/salsa.js";
import { derivedSeed } from "../../platform/derived-key.ts";
import { err, ok, type Result } from "../../platform/result.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Bytes of a nonce of secretbox, which stands before the text. */
const NONCE_BYTES = 24;

type Bytes = Uint8Array<ArrayBuffer>;

/** Keys that were derived, oldest first. There is one for each path. */
const keys = new Map<string, Bytes>();
const KEYS_MAX = 1_000;

/**
 * Encrypts a text for one place in an account, so that it can be read nowhere else (NaCl's secretbox, sync.md §2.6).
 * @param path what the text is, for example `["user", "<id>", "vendors", "openai", "token"]`
 * @returns base64 of the nonce and the encrypted text
 */
export async function sealText(
  secret: string,
  path: readonly string[],
  text: string,
): Promise<string> {
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const sealed = xsalsa20poly1305(await keyFor(secret, path), nonce).encrypt(encoder.encode(text));
  return Buffer.concat([nonce, sealed]).toString("base64");
}

/** Decrypts {@link sealText}. `unreadable`: it was encrypted for another place, by another secret, or is damaged. */
export async function openText(
  secret: string,
  path: readonly string[],
  sealed: string,
): Promise<Result<string, "unreadable">> {
  const bytes = new Uint8Array(Buffer.from(sealed, "base64"));
  if (bytes.length < NONCE_BYTES) return err("unreadable");
  const box = xsalsa20poly1305(await keyFor(secret, path), bytes.subarray(0, NONCE_BYTES));
  try {
    return ok(decoder.decode(box.decrypt(bytes.subarray(NONCE_BYTES))));
  } catch {
    return err("unreadable");
  }
}

/** A key for each path: HKDF of the secret, then of that with the path (RFC 5869). */
async function keyFor(secret: string, path: readonly string[]): Promise<Bytes> {
  // As JSON, so that no part of a path can pass for two.
  const place = JSON.stringify(path);
  const name = `${secret} ${place}`;
  const known = keys.get(name);
  if (known !== undefined) return known;
  const master = await derivedSeed(secret, "guildhub sync storage v1");
  const key = await derivedSeed(master, place);
  const [oldest] = keys.keys();
  if (keys.size >= KEYS_MAX && oldest !== undefined) keys.delete(oldest);
  keys.set(name, key);
  return key;
}

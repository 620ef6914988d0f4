import { type Bytes, bytesOfBase64 } from "./base64.ts";

/** Bytes of an account's secret. */
export const SECRET_BYTES = 32;

/** RFC 4648 §6. */
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/** Characters of a group of the code. */
const GROUP = 5;
/** Characters of 32 bytes: the last one has 4 bits that belong to no byte. */
const CODE_LENGTH = 52;

/** Digits that the alphabet does not have, and the letters that people mean by them. */
const MISREAD: Readonly<Record<string, string>> = { "0": "O", "1": "I", "8": "B", "9": "G" };

/** A secret as the backup code of Happy's app: base32 in groups of five. */
export function backupCodeOf(secret: Bytes): string {
  let code = "";
  let held = 0;
  let bits = 0;
  for (const byte of secret) {
    held = ((held << 8) | byte) & 0xfff;
    bits += 8;
    for (; bits >= 5; bits -= 5) code += ALPHABET[(held >> (bits - 5)) & 31] ?? "";
  }
  if (bits > 0) code += ALPHABET[(held << (5 - bits)) & 31] ?? "";
  const groups = Array.from({ length: Math.ceil(code.length / GROUP) }, (_, n) =>
    code.slice(n * GROUP, (n + 1) * GROUP),
  );
  return groups.join("-");
}

/**
 * The secret in what a person pastes: a backup code, however it is grouped and written, or base64 as in a file of
 * Happy's client.
 * @returns null: it is neither, or a character is wrong or missing
 */
export function secretIn(text: string): Bytes | null {
  const pasted = text.trim();
  if (/^[\w+/-]{43}=?$/.test(pasted)) {
    const bytes = bytesOfBase64(pasted);
    return bytes?.length === SECRET_BYTES ? bytes : null;
  }
  const code = pasted
    .toUpperCase()
    .replaceAll(/[\s-]/g, "")
    .replaceAll(/[0189]/g, (digit) => MISREAD[digit] ?? digit);
  return code.length === CODE_LENGTH ? bytesOfBase32(code) : null;
}

function bytesOfBase32(code: string): Bytes | null {
  const bytes = new Uint8Array(SECRET_BYTES);
  let at = 0;
  let held = 0;
  let bits = 0;
  for (const letter of code) {
    const value = ALPHABET.indexOf(letter);
    if (value === -1) return null;
    held = ((held << 5) | value) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at] = (held >> bits) & 0xff;
    at += 1;
  }
  // A correct code ends with zeros, so a wrong last character is noticed.
  return (held & ((1 << bits) - 1)) === 0 ? bytes : null;
}

import { base64Of, type Bytes, bytesOfBase64, joined } from "./base64.ts";

/** A private key in PKCS#8 is this and its 32 bytes (RFC 8410 §7). */
const PKCS8 = {
  Ed25519: "302e020100300506032b657004220420",
  X25519: "302e020100300506032b656e04220420",
} as const;

/** A pair of keys for boxes. */
export type BoxKeys = { readonly publicKey: Bytes; readonly privateKey: CryptoKey };

/** The keys of an account, all derived from its secret (sync.md §2.5). They stay on this page. */
export type AccountKeys = {
  readonly secret: Bytes;
  /** Names the account: Ed25519, base64. */
  readonly publicKey: string;
  readonly sign: (challenge: Bytes) => Promise<Bytes>;
  /** What newer clients encrypt their keys for. */
  readonly content: BoxKeys;
};

/** Whether this browser can do what an account needs. It cannot on a page without https. */
export async function canMakeKeys(): Promise<boolean> {
  try {
    await keysOf(new Uint8Array(32));
    return true;
  } catch {
    return false;
  }
}

/** Derives the keys of an account. @param secret 32 bytes. Rejects in a browser without {@link canMakeKeys} */
export async function keysOf(secret: Bytes): Promise<AccountKeys> {
  const signing = await importKey("Ed25519", secret, ["sign"]);
  return {
    secret,
    publicKey: base64Of(await publicPartOf(signing)),
    sign: async (challenge) =>
      new Uint8Array(await crypto.subtle.sign("Ed25519", signing, challenge)),
    content: await contentKeysOf(secret),
  };
}

/** A new pair for one box. */
export async function newBoxKeys(): Promise<BoxKeys> {
  return boxKeysOf(crypto.getRandomValues(new Uint8Array(32)));
}

/** The pair of a private key of 32 bytes. */
export async function boxKeysOf(bytes: Bytes): Promise<BoxKeys> {
  const privateKey = await importKey("X25519", bytes, ["deriveBits"]);
  return { privateKey, publicKey: await publicPartOf(privateKey) };
}

const encoder = new TextEncoder();

/** Happy's clients take this branch of a tree of keys, and hash it as libsodium does with the seed of a pair. */
async function contentKeysOf(secret: Bytes): Promise<BoxKeys> {
  const root = await hmac(encoder.encode("Happy EnCoder Master Seed"), secret);
  const branch = joined(new Uint8Array([0]), encoder.encode("content"));
  const child = await hmac(root.slice(32), branch);
  const hash = await crypto.subtle.digest("SHA-512", child.slice(0, 32));
  return boxKeysOf(new Uint8Array(hash.slice(0, 32)));
}

async function hmac(key: Bytes, data: Bytes): Promise<Bytes> {
  const algorithm = { name: "HMAC", hash: "SHA-512" };
  const imported = await crypto.subtle.importKey("raw", key, algorithm, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, data));
}

function importKey(
  algorithm: keyof typeof PKCS8,
  bytes: Bytes,
  uses: readonly KeyUsage[],
): Promise<CryptoKey> {
  const head = Uint8Array.from(PKCS8[algorithm].match(/../g) ?? [], (hex) =>
    Number.parseInt(hex, 16),
  );
  // Extractable, because that is the only way to its public part.
  return crypto.subtle.importKey("pkcs8", joined(head, bytes), algorithm, true, [...uses]);
}

async function publicPartOf(key: CryptoKey): Promise<Bytes> {
  const { x = "" } = await crypto.subtle.exportKey("jwk", key);
  return bytesOfBase64(x) ?? new Uint8Array();
}

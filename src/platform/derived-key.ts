const encoder = new TextEncoder();

/** What a derived key may be for. */
const USES = {
  encrypt: { algorithm: { name: "AES-GCM", length: 256 }, usages: ["encrypt", "decrypt"] },
  sign: { algorithm: { name: "HMAC", hash: "SHA-256", length: 256 }, usages: ["sign", "verify"] },
} as const;

/** workerd and Node name the type of a key differently. */
type DerivedKey = Awaited<ReturnType<typeof crypto.subtle.deriveKey>>;

/** Each key is derived once. There are few, because a process has two secrets and a handful of purposes. */
const keys = new Map<string, DerivedKey>();

/**
 * A key that is derived from one of the server's secrets for one purpose, so that a signature or token of one
 * kind can never be used as another (HKDF, RFC 5869 §3.2).
 * @param purpose the HKDF info; another purpose gives another key
 */
export async function derivedKey(
  secret: string,
  purpose: string,
  use: keyof typeof USES,
): Promise<DerivedKey> {
  const name = JSON.stringify([use, purpose, secret]);
  const known = keys.get(name);
  if (known !== undefined) return known;
  const { algorithm, usages } = USES[use];
  const material = await materialOf(secret, "deriveKey");
  const key = await crypto.subtle.deriveKey(hkdf(purpose), material, algorithm, false, [...usages]);
  keys.set(name, key);
  return key;
}

/** 32 bytes that are derived in the same way, for a key that WebCrypto cannot derive itself, or for more of them. */
export async function derivedSeed(
  secret: string | Uint8Array<ArrayBuffer>,
  purpose: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const material = await materialOf(secret, "deriveBits");
  return new Uint8Array(await crypto.subtle.deriveBits(hkdf(purpose), material, 256));
}

function materialOf(
  secret: string | Uint8Array<ArrayBuffer>,
  usage: "deriveKey" | "deriveBits",
): Promise<DerivedKey> {
  const bytes = typeof secret === "string" ? encoder.encode(secret) : secret;
  return crypto.subtle.importKey("raw", bytes, "HKDF", false, [usage]);
}

const hkdf = (purpose: string) => ({
  name: "HKDF",
  hash: "SHA-256",
  salt: new Uint8Array(),
  info: encoder.encode(purpose),
});

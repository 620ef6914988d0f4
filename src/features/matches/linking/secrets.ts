import { base64url } from "jose";

const encoder = new TextEncoder();

/** The HKDF info, which separates this key from those of other purposes (RFC 5869 §3.2). */
const PURPOSE = encoder.encode("guildhub: PKCE verifiers of FACEIT");

/** 32 random bytes as base64url, 43 characters. */
export function newSecret(): string {
  return base64url.encode(crypto.getRandomValues(new Uint8Array(32)));
}

/** Whether a text has the form of {@link newSecret}. */
export function isSecret(text: string | undefined): text is string {
  return text !== undefined && /^[\w-]{43}$/.test(text);
}

/** SHA-256 as base64url: the stored form of a secret, and the S256 challenge of a verifier (RFC 7636 §4.2). */
export async function sha256(text: string): Promise<string> {
  return base64url.encode(
    new Uint8Array(await crypto.subtle.digest("SHA-256", encoder.encode(text))),
  );
}

/**
 * Derives the PKCE verifier from the state whenever it is needed, so that none is stored (§B): an HMAC of the
 * state, with a key derived from the server's secret for this purpose only.
 */
export function verifiersOf(serverSecret: string): (state: string) => Promise<string> {
  return async (state) => {
    const key = await verifierKey(serverSecret);
    const mac = await crypto.subtle.sign("HMAC", key, encoder.encode(state));
    return base64url.encode(new Uint8Array(mac));
  };
}

/** Workerd and Node name this type differently. */
type HmacKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

async function verifierKey(serverSecret: string): Promise<HmacKey> {
  const secret = await crypto.subtle.importKey("raw", encoder.encode(serverSecret), "HKDF", false, [
    "deriveKey",
  ]);
  return crypto.subtle.deriveKey(
    { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info: PURPOSE },
    secret,
    { name: "HMAC", hash: "SHA-256", length: 256 },
    false,
    ["sign"],
  );
}

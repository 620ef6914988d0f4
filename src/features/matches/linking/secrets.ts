import { base64url } from "jose";
import { derivedKey } from "../../../platform/derived-key.ts";
import { sha256 } from "../../../protocol/bytes.ts";

const PURPOSE = "guildhub: PKCE verifiers of FACEIT";

/** 32 random bytes as base64url, 43 characters. */
export function newSecret(): string {
  return base64url.encode(crypto.getRandomValues(new Uint8Array(32)));
}

/** Whether a text has the form of {@link newSecret}. */
export function isSecret(text: string | undefined): text is string {
  return text !== undefined && /^[\w-]{43}$/.test(text);
}

/** SHA-256 as base64url: the stored form of a secret, and the S256 challenge of a verifier (RFC 7636 §4.2). */
export async function hashOf(text: string): Promise<string> {
  return base64url.encode(await sha256(text));
}

/**
 * Derives the PKCE verifier from the state whenever it is needed, so that none is stored (§B): an HMAC of the
 * state, with a key derived from the server's secret for this purpose only.
 */
export function verifiersOf(serverSecret: string): (state: string) => Promise<string> {
  return async (state) => {
    const key = await derivedKey(serverSecret, PURPOSE, "sign");
    const mac = await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(state));
    return base64url.encode(new Uint8Array(mac));
  };
}

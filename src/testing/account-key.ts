import type { SignIn } from "../features/sync/auth/account-keys.ts";

/** Bytes as base64 with padding. */
export function base64Of(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

/** Random bytes as base64: a key, or a text that only clients can read. */
export function randomBase64(length: number): string {
  return base64Of(crypto.getRandomValues(new Uint8Array(length)));
}

/** The key of an account, as a client of sync keeps it. */
export type AccountKey = {
  /** In base64. */
  readonly publicKey: string;
  /** Signs a challenge: with it the account signs in. */
  readonly signs: (challenge?: Uint8Array<ArrayBuffer>) => Promise<SignIn>;
};

/** Creates the key of a new account. */
export async function newAccountKey(): Promise<AccountKey> {
  const pair = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
  if (!("privateKey" in pair)) throw new Error("Ed25519 keys come in pairs");
  const raw = await crypto.subtle.exportKey("raw", pair.publicKey);
  if (!(raw instanceof ArrayBuffer)) throw new Error("a raw key is bytes");
  const publicKey = base64Of(new Uint8Array(raw));
  return {
    publicKey,
    async signs(challenge = crypto.getRandomValues(new Uint8Array(32))) {
      const signature = await crypto.subtle.sign("Ed25519", pair.privateKey, challenge);
      return {
        publicKey,
        challenge: base64Of(challenge),
        signature: base64Of(new Uint8Array(signature)),
      };
    },
  };
}

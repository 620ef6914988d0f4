import { exportJWK, generateKeyPair, SignJWT } from "jose";

/** Issuer, audience and key address of the tests (`vitest.config.ts`). */
export const TEST_ISSUER = "https://idp.test";
export const TEST_AUDIENCE = "guildhub";
export const TEST_JWKS_URL = "https://idp.test/jwks";

/** An identity provider for tests: a key, its public half as JWKS, and tokens signed with it. */
export type TestProvider = {
  readonly jwks: { readonly keys: readonly object[] };
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  /** A token for `sub`. A claim that is undefined is left out, for tests of tokens without it. */
  mint(
    claims: { readonly sub: string | undefined; readonly [claim: string]: unknown },
    header?: { readonly [member: string]: unknown },
  ): Promise<string>;
};

/** Creates a provider with its own key. */
export async function testProvider(kid = "key-1", alg = "ES256"): Promise<TestProvider> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid, alg, use: "sig" };
  return {
    jwks: { keys: [jwk] },
    privateKey,
    publicKey,
    mint: (claims, header) => {
      const all = {
        iss: TEST_ISSUER,
        aud: TEST_AUDIENCE,
        exp: Math.floor(Date.now() / 1000) + 3600,
        ...claims,
      };
      const present = Object.fromEntries(
        Object.entries(all).filter(([, value]) => value !== undefined),
      );
      return new SignJWT(present)
        .setProtectedHeader({ alg, kid, typ: "at+jwt", ...header })
        .sign(privateKey);
    },
  };
}

import { z } from "zod";
import { digestOf } from "../../../platform/auth/verified-tokens.ts";
import { err, ok, type Result } from "../../../platform/result.ts";
import { SYNC_TOKEN_REFRESH_MS } from "../../../protocol/limits.ts";
import { signClaims, verifyClaims } from "./issuer.ts";
import { TokenCache, type TokenOwner, type VerifiedOwner } from "./token-cache.ts";

const ISSUER = "handy";

/** `exp` of a token that never expires, seconds: the end of the year 9999. */
export const NEVER_EXPIRES = 253_402_300_799;

/** The claims of a token, as Happy servers name them. */
const Claims = z
  .object({
    user: z.string().min(1).max(128),
    epoch: z.number().int().min(0),
    exp: z.number().int().default(NEVER_EXPIRES),
    extras: z.object({ session: z.string().optional() }).default({}),
  })
  .transform(({ user, epoch, exp, extras: { session } }): VerifiedOwner => {
    return { account: user, epoch, exp, ...(session === undefined ? {} : { session }) };
  });

/** {@link accountTokens} */
export type Tokens = ReturnType<typeof accountTokens>;

/**
 * Makes and checks the tokens of accounts: signed texts, so that D1 keeps none of them (sync.md §2.2). They check
 * everything but whether the epoch was revoked, which only D1 and the account's hub know. Times are milliseconds.
 * @param masterSecret with another secret all tokens are invalid
 * @param ttlSeconds how long new tokens are valid; null: for ever
 */
export function accountTokens(masterSecret: string, ttlSeconds: number | null) {
  const cache = new TokenCache();

  async function ownerOf(
    token: string,
    now: number,
    graceMs: number,
  ): Promise<Result<VerifiedOwner, "invalid" | "expired">> {
    const claims = await verifyClaims(masterSecret, ISSUER, token, now, graceMs);
    if (!claims.ok) return claims;
    const owner = Claims.safeParse(claims.value);
    return owner.success ? ok(owner.data) : err("invalid");
  }

  return {
    async create(owner: TokenOwner, now: number): Promise<string> {
      const { account, epoch, session } = owner;
      const iat = Math.floor(now / 1000);
      const exp = ttlSeconds === null ? {} : { exp: iat + ttlSeconds };
      const extras = session === undefined ? {} : { extras: { session } };
      const claims = { user: account, epoch, ...extras };
      const token = await signClaims(masterSecret, ISSUER, claims, { iat, ...exp });
      const digest = await digestOf(token);
      if (digest !== null) cache.add(digest, { exp: NEVER_EXPIRES, ...owner, ...exp }, now);
      return token;
    },

    async verify(token: string, now: number): Promise<Result<VerifiedOwner, "invalid">> {
      const digest = await digestOf(token);
      const known = digest === null ? undefined : cache.get(digest, now);
      if (known !== undefined) return ok(known);
      const owner = await ownerOf(token, now, 0);
      if (!owner.ok) return err("invalid");
      if (digest !== null) cache.add(digest, owner.value, now);
      return owner;
    },

    /** The same, but a token counts for {@link SYNC_TOKEN_REFRESH_MS} after it has expired. */
    verifyForRefresh: (token: string, now: number) => ownerOf(token, now, SYNC_TOKEN_REFRESH_MS),

    /** Forgets that a token was verified: it is verified anew when it is next seen. */
    async invalidate(token: string): Promise<void> {
      const digest = await digestOf(token);
      if (digest !== null) cache.invalidate(digest);
    },

    /** The same for all tokens of an account. */
    invalidateAccount: (account: string) => cache.invalidateAccount(account),

    /** How many verified tokens are remembered, and since when the oldest is; null: there is none. */
    stats: () => cache.stats(),
  };
}

import { z } from "zod";
import { SYNC_EPHEMERAL_TOKEN_MS } from "../../../protocol/limits.ts";
import { signClaims, verifyClaims } from "./issuer.ts";

const ISSUER = "github-happy";

const Claims = z.object({ user: z.string().min(1), purpose: z.string(), exp: z.number() });

/**
 * A token that says nothing but "this account began that". It goes through a browser and other servers, so it lasts
 * for minutes and is no token of an account (sync.md §2.2).
 * @param purpose what it is for, such as `github-oauth-state`
 * @param now milliseconds
 */
export function ephemeralToken(
  masterSecret: string,
  account: string,
  purpose: string,
  now: number,
): Promise<string> {
  const iat = Math.floor(now / 1000);
  const exp = iat + SYNC_EPHEMERAL_TOKEN_MS / 1000;
  return signClaims(masterSecret, ISSUER, { user: account, purpose }, { iat, exp });
}

/** The account of such a token; null: it is invalid, expired, or for another purpose. */
export async function accountOfEphemeral(
  masterSecret: string,
  token: string,
  purpose: string,
  now: number,
): Promise<string | null> {
  const claims = await verifyClaims(masterSecret, ISSUER, token, now);
  const parsed = claims.ok ? Claims.safeParse(claims.value) : null;
  return parsed?.success === true && parsed.data.purpose === purpose ? parsed.data.user : null;
}

import { errors, type JWTPayload, jwtVerify, SignJWT } from "jose";
import { derivedSeed } from "../../../platform/derived-key.ts";
import { err, ok, type Result } from "../../../platform/result.ts";
import { bytesOfHex } from "../../../protocol/bytes.ts";
import { SYNC_TOKEN_MAX_LENGTH } from "../../../protocol/limits.ts";

/** A kind of tokens: `handy` for accounts, `github-happy` for one purpose each. Each has a key of its own. */
type Issuer = "handy" | "github-happy";

const ALGORITHM = "EdDSA";
const TYPE = "JWT";

/** The PKCS#8 frame around the seed of an Ed25519 key (RFC 8410 §7): WebCrypto imports no bare seed. */
const PKCS8_HEAD = bytesOfHex("302e020100300506032b657004220420");

type IssuerKeys = { readonly signs: CryptoKey; readonly verifies: CryptoKey };

/** Derived once each. No promise is kept: in workerd the request that began it might be cancelled. */
const keys = new Map<string, IssuerKeys>();

/** The keys of an issuer: the same for the same secret, so that tokens outlive restarts (sync.md §2.2). */
async function keysOf(secret: string, issuer: Issuer): Promise<IssuerKeys> {
  const name = JSON.stringify([issuer, secret]);
  const known = keys.get(name);
  if (known !== undefined) return known;
  const seed = await derivedSeed(secret, `guildhub: tokens of ${issuer}`);
  const pkcs8 = new Uint8Array([...PKCS8_HEAD, ...seed]);
  const signs = await crypto.subtle.importKey("pkcs8", pkcs8, "Ed25519", false, ["sign"]);
  const made = { signs, verifies: await publicKeyOf(pkcs8) };
  keys.set(name, made);
  return made;
}

/** WebCrypto gives the public half of a private key only as a part of its JWK. */
async function publicKeyOf(pkcs8: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  const readable = await crypto.subtle.importKey("pkcs8", pkcs8, "Ed25519", true, ["sign"]);
  const {
    d: _,
    key_ops: __,
    ...jwk
  } = (await crypto.subtle.exportKey("jwk", readable)) as JsonWebKey;
  return crypto.subtle.importKey("jwk", jwk, "Ed25519", false, ["verify"]);
}

/** Signs claims. @param times whole seconds since 1970; without `exp` the token is valid for ever */
export async function signClaims(
  secret: string,
  issuer: Issuer,
  claims: JWTPayload,
  times: { readonly iat: number; readonly exp?: number },
): Promise<string> {
  const { signs } = await keysOf(secret, issuer);
  return new SignJWT({ ...claims, ...times })
    .setProtectedHeader({ alg: ALGORITHM, typ: TYPE })
    .setIssuer(issuer)
    .sign(signs);
}

/**
 * The claims of a token of this issuer. Algorithm, key and issuer are ours, whatever the token says (sync.md §2.2).
 * @param now milliseconds
 * @param graceMs how long after its expiry a token still counts, milliseconds
 * @returns `expired` only for a token that was once valid
 */
export async function verifyClaims(
  secret: string,
  issuer: Issuer,
  token: string,
  now: number,
  graceMs = 0,
): Promise<Result<JWTPayload, "invalid" | "expired">> {
  if (token.length > SYNC_TOKEN_MAX_LENGTH) return err("invalid");
  const { verifies } = await keysOf(secret, issuer);
  try {
    const { payload } = await jwtVerify(token, verifies, {
      algorithms: [ALGORITHM],
      issuer,
      typ: TYPE,
      currentDate: new Date(now),
      clockTolerance: graceMs / 1000,
    });
    return ok(payload);
  } catch (error) {
    if (error instanceof errors.JWTExpired) return err("expired");
    if (error instanceof errors.JOSEError) return err("invalid");
    throw error;
  }
}

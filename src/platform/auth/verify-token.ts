import {
  decodeProtectedHeader,
  errors,
  jwtVerify,
  type JWTPayload,
  type JWTVerifyGetKey,
} from "jose";
import { z } from "zod";
import { configOf, type Env } from "../../env.ts";
import { JWT_CLOCK_SKEW_SECONDS } from "../../protocol/limits.ts";
import { systemClock } from "../clock.ts";
import { err, ok, type Result } from "../result.ts";
import type { Principal } from "./principal.ts";
import { ProviderKeys } from "./provider-keys.ts";

/** Why a token was not taken. What of it a client may know is decided in `require-auth.ts`. */
export type TokenFailure =
  | { readonly reason: "malformed" }
  | { readonly reason: "unsupported"; readonly what: "algorithm" | "type" | "embedded_key" }
  | { readonly reason: "unknown_key" }
  | { readonly reason: "bad_signature" }
  | { readonly reason: "expired" }
  | { readonly reason: "bad_claim"; readonly claim: string }
  | { readonly reason: "keys_unavailable" };

/** Asymmetric only (RFC 8725 §3.1): with a shared-key algorithm the public key would be the secret. */
const ALGORITHMS = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
];

/** RFC 9068 §2.1 and RFC 7519 §5.1; compared without `application/` and case (RFC 7515 §4.1.9). */
const TYPES: ReadonlySet<string> = new Set(["jwt", "at+jwt"]);

/** Members that would let a token bring its own key (RFC 8725 §3.10). */
const KEY_MEMBERS = ["jku", "jwk", "x5u", "x5c"] as const;

const Claims = z.object({
  sub: z.string().min(1).max(255),
  exp: z.number(),
  iat: z.number().optional(),
  guilds: z.array(z.string().min(1).max(64)).max(1_000).optional(),
  scope: z.string().optional(),
  discord_id: z.string().min(1).max(64).optional(),
});

/** Verifies an app JWT (rooms.md §1). */
export async function verifyToken(
  env: Env,
  token: string,
): Promise<Result<Principal, TokenFailure>> {
  const header = checkHeader(token);
  if (!header.ok) return header;
  const { jwt } = configOf(env);
  const provider = new ProviderKeys(env, jwt.jwksUrl, systemClock);
  const keys = await provider.current();
  if (keys === null) return err({ reason: "keys_unavailable" });
  const first = await verifyWith(env, token, keys);
  if (first.ok || first.error.reason !== "unknown_key") return first;
  const newer = await provider.afterUnknownKey();
  return newer === null ? first : verifyWith(env, token, newer);
}

function checkHeader(token: string): Result<null, TokenFailure> {
  let header: ReturnType<typeof decodeProtectedHeader>;
  try {
    header = decodeProtectedHeader(token);
  } catch {
    return err({ reason: "malformed" });
  }
  if (!ALGORITHMS.includes(header.alg ?? ""))
    return err({ reason: "unsupported", what: "algorithm" });
  const type = header.typ?.toLowerCase().replace(/^application\//, "");
  if (header.typ !== undefined && !TYPES.has(type ?? "")) {
    return err({ reason: "unsupported", what: "type" });
  }
  if (KEY_MEMBERS.some((member) => header[member] !== undefined)) {
    return err({ reason: "unsupported", what: "embedded_key" });
  }
  return ok(null);
}

async function verifyWith(
  env: Env,
  token: string,
  keys: JWTVerifyGetKey,
): Promise<Result<Principal, TokenFailure>> {
  const { jwt } = configOf(env);
  try {
    const { payload } = await jwtVerify(token, keys, {
      issuer: jwt.issuer,
      audience: jwt.audience,
      algorithms: ALGORITHMS,
      clockTolerance: JWT_CLOCK_SKEW_SECONDS,
      requiredClaims: ["exp", "sub"],
      currentDate: new Date(systemClock()),
    });
    return principalFrom(payload);
  } catch (error) {
    return err(failureFrom(error));
  }
}

function principalFrom(payload: JWTPayload): Result<Principal, TokenFailure> {
  const claims = Claims.safeParse(payload);
  if (!claims.success) {
    return err({ reason: "bad_claim", claim: String(claims.error.issues[0]?.path[0] ?? "sub") });
  }
  const { sub, exp, iat, guilds, scope, discord_id: discordId } = claims.data;
  return ok({
    sub,
    exp,
    scopes: scope?.split(" ").filter((one) => one !== "") ?? [],
    ...(iat === undefined ? {} : { iat }),
    ...(guilds === undefined ? {} : { guilds }),
    ...(discordId === undefined ? {} : { discordId }),
  });
}

function failureFrom(error: unknown): TokenFailure {
  if (error instanceof errors.JWTExpired) return { reason: "expired" };
  if (error instanceof errors.JWTClaimValidationFailed) {
    return { reason: "bad_claim", claim: error.claim };
  }
  if (error instanceof errors.JWKSNoMatchingKey) return { reason: "unknown_key" };
  if (error instanceof errors.JWSSignatureVerificationFailed) return { reason: "bad_signature" };
  if (error instanceof errors.JWKSMultipleMatchingKeys) return { reason: "unknown_key" };
  if (error instanceof errors.JOSEError) return { reason: "malformed" };
  throw error;
}

import { decodeProtectedHeader, errors, jwtVerify, type JWTPayload } from "jose";
import { z } from "zod";
import { DiscordId } from "../../protocol/discord-id.ts";
import { JWT_CLOCK_SKEW_SECONDS } from "../../protocol/limits.ts";
import { systemClock } from "../clock.ts";
import { platformConfigOf } from "../config.ts";
import type { PlatformEnv } from "../env.ts";
import { log } from "../log.ts";
import { err, ok, type Result } from "../result.ts";
import { ALGORITHMS, type KeyChoice, type KeySet } from "./key-set.ts";
import type { Principal } from "./principal.ts";
import { ProviderKeys } from "./provider-keys.ts";
import { digestOf, VerifiedTokens } from "./verified-tokens.ts";

/** Why a token was refused. `require-auth.ts` decides what the client is told. */
export type TokenFailure =
  | { readonly reason: "malformed" }
  | { readonly reason: "unsupported"; readonly what: "algorithm" | "type" | "embedded_key" }
  | { readonly reason: "unknown_key" }
  | { readonly reason: "bad_signature" }
  | { readonly reason: "expired" }
  | { readonly reason: "bad_claim"; readonly claim: string }
  | { readonly reason: "keys_unavailable" };

/** Accepted `typ` (RFC 9068 §2.1, RFC 7519 §5.1); compared without `application/` and case (RFC 7515 §4.1.9). */
const TYPES: ReadonlySet<string> = new Set(["jwt", "at+jwt"]);

/** Members that would let a token bring its own key (RFC 8725 §3.10). */
const KEY_MEMBERS = ["jku", "jwk", "x5u", "x5c"] as const;

/** The protected header (RFC 7515 §4.1). */
const Header = z.looseObject({
  alg: z.string(),
  typ: z.string().optional(),
  kid: z.string().optional(),
});

/** Scopes as providers write them: names separated by spaces (RFC 8693 §4.2), or a list of names. */
const Scopes = z
  .union([z.string(), z.array(z.string())])
  .optional()
  .transform((scopes = []) => [scopes].flat().flatMap((names) => names.split(" ")))
  .transform((names) => names.filter((name) => name !== ""));

const Claims = z.object({
  sub: z.string().min(1).max(255),
  /** RFC 7519 §2 allows fractions of a second; frames say whole seconds. */
  exp: z.number().transform(Math.floor),
  iat: z.number().optional(),
  /** A name that is no id is ignored: it would become the name of a hub. */
  guilds: z
    .array(z.string().min(1).max(64))
    .max(1_000)
    .transform((names) => names.filter((name) => DiscordId.safeParse(name).success))
    .optional(),
  scope: Scopes,
  /** The name of the same claim at Okta and Entra. */
  scp: Scopes,
  discord_id: DiscordId.optional(),
});

/** Verifies an app JWT (rooms.md §1). Never throws for a bad token or bad keys of the provider. */
export async function verifyToken(
  env: PlatformEnv,
  token: string,
): Promise<Result<Principal, TokenFailure>> {
  const { jwt } = platformConfigOf(env);
  const provider = new ProviderKeys(env, jwt.jwksUrl, systemClock);
  const digest = await digestOf(token);
  const keys = await provider.current();
  const tokens = verifiedFor(jwt);
  const known = digest === null || keys === null ? null : tokens.get(digest, keys, systemClock());
  if (known !== null && known !== undefined) return ok(known);
  const header = readHeader(token);
  if (!header.ok) return header;
  if (keys === null) return err({ reason: "keys_unavailable" });
  const verified = async (by: KeySet): Promise<Result<Principal, TokenFailure>> => {
    const result = await verifyWith(env, token, header.value, by);
    if (result.ok && digest !== null) tokens.add(digest, by, result.value);
    return result;
  };
  const first = await verified(keys);
  if (first.ok || first.error.reason !== "unknown_key") return first;
  const newer = await provider.otherThan(keys);
  return newer === null ? first : verified(newer);
}

/** The verified tokens of each configuration: another issuer or audience may accept other tokens. */
const tokensOf = new WeakMap<object, VerifiedTokens>();

function verifiedFor(jwt: object): VerifiedTokens {
  const before = tokensOf.get(jwt);
  if (before !== undefined) return before;
  const tokens = new VerifiedTokens();
  tokensOf.set(jwt, tokens);
  return tokens;
}

function readHeader(token: string): Result<KeyChoice, TokenFailure> {
  let json: unknown;
  try {
    json = decodeProtectedHeader(token);
  } catch {
    return err({ reason: "malformed" });
  }
  const header = Header.safeParse(json);
  if (!header.success) return err({ reason: "malformed" });
  const { alg, typ, kid } = header.data;
  if (!ALGORITHMS.includes(alg)) return err({ reason: "unsupported", what: "algorithm" });
  if (typ !== undefined && !TYPES.has(typ.toLowerCase().replace(/^application\//, ""))) {
    return err({ reason: "unsupported", what: "type" });
  }
  if (KEY_MEMBERS.some((member) => header.data[member] !== undefined)) {
    return err({ reason: "unsupported", what: "embedded_key" });
  }
  return ok({ alg, kid });
}

/** The key that verifies decides. */
async function verifyWith(
  env: PlatformEnv,
  token: string,
  choice: KeyChoice,
  keys: KeySet,
): Promise<Result<Principal, TokenFailure>> {
  let failure: TokenFailure = { reason: "unknown_key" };
  for await (const key of keys.candidates(choice)) {
    const verified = await verifyBy(env, token, key);
    if (verified.ok) return verified;
    if (verified.error.reason === "unknown_key") continue;
    if (verified.error.reason !== "bad_signature") return verified;
    // A token without a key id may be signed with a key that is too new to be in the set.
    if (choice.kid !== undefined) failure = verified.error;
  }
  return err(failure);
}

async function verifyBy(
  env: PlatformEnv,
  token: string,
  key: CryptoKey,
): Promise<Result<Principal, TokenFailure>> {
  const { jwt } = platformConfigOf(env);
  try {
    const { payload } = await jwtVerify(token, key, {
      issuer: jwt.issuer,
      audience: jwt.audience,
      algorithms: [...ALGORITHMS],
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
  const { sub, exp, iat, guilds, scope, scp, discord_id: discordId } = claims.data;
  return ok({
    sub,
    exp,
    scopes: [...new Set([...scope, ...scp])],
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
  if (error instanceof errors.JWSSignatureVerificationFailed) return { reason: "bad_signature" };
  if (error instanceof errors.JOSEError) return { reason: "malformed" };
  // The key could be imported but not used: for example RSA with fewer than 2048 bits (RFC 7518 §3.3).
  log("warn", "auth.key_unusable", { error });
  return { reason: "unknown_key" };
}

import { randomUUID } from "node:crypto";
import { SignJWT, type JWK } from "jose";
import { z } from "zod";
import { err, ok, type Result } from "../../src/platform/result.ts";
import { problemsOf } from "../doubles/control.ts";

/** Body of `POST /dev/token`. */
const DevTokenRequest = z.strictObject({
  sub: z.string().min(1),
  guilds: z.array(z.string()).readonly().optional(),
  scope: z.string().optional(),
  discord_id: z.string().optional(),
  /** Seconds. Zero or less creates an expired token. */
  expiresIn: z.number().int().default(3600),
  /** Overrides claims; null removes one. A test can try wrong claims under a valid signature. */
  claims: z.record(z.string(), z.unknown()).default({}),
  /** The same for the protected header. `alg` cannot be changed: the key decides it. */
  header: z.record(z.string(), z.unknown()).default({}),
});

type TokenSigner = {
  readonly issuer: string;
  readonly audience: string;
  readonly key: JWK;
  readonly nowMs: () => number;
};

/**
 * Creates an access token for a script, signed with the provider's own key.
 * @returns the token, or an error text about the request
 */
export async function mintDevToken(
  signer: TokenSigner,
  body: unknown,
): Promise<Result<string, string>> {
  const parsed = DevTokenRequest.safeParse(body);
  if (!parsed.success) return err(problemsOf(parsed.error));
  const { sub, guilds, scope, discord_id, expiresIn, claims, header } = parsed.data;
  const now = Math.floor(signer.nowMs() / 1000);
  const payload = override(
    {
      iss: signer.issuer,
      aud: signer.audience,
      sub,
      iat: now,
      exp: now + expiresIn,
      jti: randomUUID(),
      client_id: "dev-token",
      guilds,
      scope,
      discord_id,
    },
    claims,
  );
  const alg = signer.key.alg ?? "RS256";
  const protectedHeader = override({ alg, kid: signer.key.kid, typ: "at+jwt" }, header);
  if (protectedHeader["alg"] !== alg) {
    return err(`header.alg: the provider signs with ${alg} only`);
  }
  try {
    const signing = new SignJWT(payload).setProtectedHeader({ ...protectedHeader, alg });
    return ok(await signing.sign(signer.key));
  } catch (error) {
    return err(error instanceof Error ? error.message : String(error));
  }
}

function override(
  base: Readonly<Record<string, unknown>>,
  changes: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const entries = Object.entries({ ...base, ...changes });
  return Object.fromEntries(entries.filter(([, value]) => value !== null && value !== undefined));
}

/** The options of a token besides its `sub`. */
export type TokenOptions = Omit<z.input<typeof DevTokenRequest>, "sub">;

const Answer = z.object({
  access_token: z.string().optional(),
  error_description: z.string().optional(),
});

/**
 * Gets an access token for the Worker from the local identity provider, without its sign-in form.
 * @param double where the provider listens
 * @throws a TypeError when nothing answers there, or an Error with the provider's error text
 */
export async function devToken(
  { url }: { readonly url: string },
  sub: string,
  options: TokenOptions = {},
): Promise<string> {
  const response = await fetch(`${url}/dev/token`, {
    method: "POST",
    body: JSON.stringify({ sub, ...options }),
  });
  const answer = Answer.parse(await response.json());
  if (answer.access_token === undefined) {
    throw new Error(answer.error_description ?? "The answer has no token.");
  }
  return answer.access_token;
}

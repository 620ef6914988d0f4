import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { PRIMARY_GUILD } from "../discord/seed.ts";
import { answerBy, serveDouble } from "../doubles/server.ts";

/** An OpenID provider that costs almost no CPU: keys on loopback, and tokens that were signed in advance. */
export type Identity = {
  readonly issuer: string;
  readonly audience: string;
  readonly jwksUrl: string;
  /** A token of the `index`th user; every user has a name of their own. */
  readonly tokenOf: (index: number) => string;
  /** A token of any user, signed now. @param lifetime such as `1h`, the default */
  readonly token: (subject: string, claims?: Claims, lifetime?: string) => Promise<string>;
  readonly close: () => Promise<void>;
};

type Claims = Readonly<Record<string, unknown>>;

const AUDIENCE = "guildhub";
const KEY_ID = "test";

/** Starts the provider and signs `users` tokens that live for an hour. */
export async function startIdentity(users: number): Promise<Identity> {
  const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
  const keys = {
    keys: [{ ...(await exportJWK(publicKey)), kid: KEY_ID, alg: "ES256", use: "sig" }],
  };
  const { url: issuer, close } = await serveDouble({ port: 0, host: "127.0.0.1" }, () => ({
    request: answerBy({ fetch: () => Response.json(keys) }),
  }));
  const sign = (subject: string, claims: Claims = {}, lifetime = "1h"): Promise<string> =>
    new SignJWT({ ...claims })
      .setProtectedHeader({ alg: "ES256", kid: KEY_ID, typ: "at+jwt" })
      .setIssuer(issuer)
      .setAudience(AUDIENCE)
      .setSubject(subject)
      .setIssuedAt()
      .setExpirationTime(lifetime)
      .sign(privateKey);
  const tokens = await Promise.all(
    Array.from({ length: users }, (_, index) => sign(`user-${index}`)),
  );
  return {
    issuer,
    audience: AUDIENCE,
    jwksUrl: `${issuer}/jwks`,
    token: sign,
    tokenOf: (index) => {
      const token = tokens[index];
      if (token === undefined) throw new Error(`no token for user ${index}`);
      return token;
    },
    close,
  };
}

/** Variables of a Worker that uses this provider, and never calls Discord. */
export function workerVariables(
  { issuer, audience, jwksUrl }: Identity,
  secret: string,
): Readonly<Record<string, string>> {
  return {
    PRIMARY_GUILD_ID: PRIMARY_GUILD,
    HUB_SECRET: secret,
    DISCORD_BOT_TOKEN: `no-bot-${secret}`,
    JWT_ISSUER: issuer,
    JWT_AUDIENCE: audience,
    JWT_PUBLIC_JWK_URL: jwksUrl,
    WEB_ORIGIN: "http://127.0.0.1:8787",
  };
}

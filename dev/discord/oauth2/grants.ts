import { randomBytes } from "node:crypto";
import type { Clock } from "../../../src/platform/clock.ts";
import { err, ok, type Result } from "../../../src/platform/result.ts";

/** How long a code may wait for its exchange, milliseconds. */
export const CODE_LIFETIME_MS = 60_000;

/** How long an access token is good, seconds: 7 days. */
const TOKEN_LIFETIME_SECONDS = 604_800;

/** The one scope that is modelled: who the user is. */
export const SCOPE = "identify";

/** What a code is exchanged for (RFC 6749 §5.1). */
interface TokenAnswer {
  readonly token_type: "Bearer";
  readonly access_token: string;
  readonly expires_in: number;
  readonly refresh_token: string;
  readonly scope: typeof SCOPE;
}

interface Code {
  readonly userId: string;
  readonly redirectUri: string;
  readonly expiresAt: number;
}

interface Token {
  readonly userId: string;
  readonly refreshToken: string;
  readonly expiresAt: number;
}

/** What users have allowed the application. A restart of the local Discord forgets it. */
export class Grants {
  readonly #clock: Clock;
  readonly #codes = new Map<string, Code>();
  readonly #tokens = new Map<string, Token>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A code for the redirect: single use, and only together with the same `redirect_uri`. */
  issueCode(userId: string, redirectUri: string): string {
    this.#forgetOld(this.#codes);
    const code = randomBytes(15).toString("base64url");
    const expiresAt = this.#clock() + CODE_LIFETIME_MS;
    this.#codes.set(code, { userId, redirectUri, expiresAt });
    return code;
  }

  /** Uses up a code. Fails with the name of the parameter that is wrong. */
  exchange(code: string, redirectUri: string): Result<TokenAnswer, "code" | "redirect_uri"> {
    this.#forgetOld(this.#codes);
    const found = this.#codes.get(code);
    if (found === undefined) return err("code");
    this.#codes.delete(code);
    if (found.redirectUri !== redirectUri) return err("redirect_uri");
    this.#forgetOld(this.#tokens);
    const accessToken = randomBytes(22).toString("base64url");
    const refreshToken = randomBytes(22).toString("base64url");
    this.#tokens.set(accessToken, {
      userId: found.userId,
      refreshToken,
      expiresAt: this.#clock() + TOKEN_LIFETIME_SECONDS * 1_000,
    });
    return ok({
      token_type: "Bearer",
      access_token: accessToken,
      expires_in: TOKEN_LIFETIME_SECONDS,
      refresh_token: refreshToken,
      scope: SCOPE,
    });
  }

  /** Whose access token an `Authorization` header carries, or null. */
  userOf(authorization: string | undefined): string | null {
    this.#forgetOld(this.#tokens);
    const token = /^Bearer (\S+)$/.exec(authorization ?? "")?.[1] ?? "";
    return this.#tokens.get(token)?.userId ?? null;
  }

  /** Ends what an access or refresh token allows; one that is not known is no error (RFC 7009 §2.2). */
  revoke(token: string): void {
    for (const [accessToken, { refreshToken }] of this.#tokens) {
      if (token === accessToken || token === refreshToken) this.#tokens.delete(accessToken);
    }
  }

  #forgetOld(entries: Map<string, { readonly expiresAt: number }>): void {
    const now = this.#clock();
    for (const [key, { expiresAt }] of entries) {
      if (expiresAt <= now) entries.delete(key);
    }
  }
}

import { createHash, randomBytes } from "node:crypto";
import type { Clock } from "../../src/platform/clock.ts";

const CODE_LIFETIME_MS = 60_000;
const TOKEN_LIFETIME_MS = 24 * 60 * 60 * 1_000;

/** What a person agreed to. */
export interface Grant {
  readonly playerId: string;
  readonly scope: ReadonlySet<string>;
}

interface CodeRecord extends Grant {
  readonly redirectUri: string;
  /** PKCE, RFC 7636: base64url(SHA-256(verifier)). */
  readonly challenge: string;
  readonly expiresAt: number;
}

/** Authorization codes and access tokens, in memory: nobody needs them for longer than a minute. */
export class Grants {
  readonly #clock: Clock;
  readonly #codes = new Map<string, CodeRecord>();
  readonly #tokens = new Map<string, Grant & { readonly expiresAt: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @returns a code for one exchange within a minute */
  authorize(grant: Grant & { readonly redirectUri: string; readonly challenge: string }): string {
    const code = randomBytes(32).toString("base64url");
    this.#codes.set(code, { ...grant, expiresAt: this.#clock() + CODE_LIFETIME_MS });
    return code;
  }

  /** Uses a code up, whether it fits or not. @returns null: it is no good, for whatever reason */
  exchange(code: string, verifier: string, redirectUri: string): Grant | null {
    const record = this.#codes.get(code);
    this.#codes.delete(code);
    if (record === undefined || record.expiresAt <= this.#clock()) return null;
    const challenge = createHash("sha256").update(verifier).digest("base64url");
    if (challenge !== record.challenge || redirectUri !== record.redirectUri) return null;
    return { playerId: record.playerId, scope: record.scope };
  }

  /** An access token, good for `expiresIn` seconds. */
  issue({ playerId, scope }: Grant): { readonly token: string; readonly expiresIn: number } {
    const token = randomBytes(32).toString("base64url");
    this.#tokens.set(token, { playerId, scope, expiresAt: this.#clock() + TOKEN_LIFETIME_MS });
    return { token, expiresIn: TOKEN_LIFETIME_MS / 1_000 };
  }

  /** Null: nobody was given this token, or it is too old. */
  ofToken(token: string): Grant | null {
    const grant = this.#tokens.get(token);
    return grant === undefined || grant.expiresAt <= this.#clock() ? null : grant;
  }
}

import { sha256 } from "../../protocol/bytes.ts";
import type { KeySet } from "./key-set.ts";
import type { Principal } from "./principal.ts";

/** So many verified tokens are kept by an isolate. */
export const VERIFIED_TOKENS_MAX = 4_000;
/** Longer tokens are verified each time: what is kept of them could fill the memory of an isolate. */
export const VERIFIED_TOKEN_MAX_CHARS = 2_048;

/**
 * The tokens that an isolate has verified, by their SHA-256, so that a client that comes back does not cost another
 * verification. A token is never taken after its `exp`, and all are forgotten when the provider's keys change.
 */
export class VerifiedTokens {
  /** The oldest first. */
  readonly #principals = new Map<string, Principal>();
  /** The keys that verified them. */
  #keys: KeySet | null = null;

  /** @param now milliseconds since 1970. @returns undefined: it has to be verified */
  get(digest: string, keys: KeySet, now: number): Principal | undefined {
    if (keys !== this.#keys) return undefined;
    const principal = this.#principals.get(digest);
    return principal !== undefined && principal.exp * 1000 > now ? principal : undefined;
  }

  /** Keeps a token that these keys verified. */
  add(digest: string, keys: KeySet, principal: Principal): void {
    if (keys !== this.#keys) {
      this.#principals.clear();
      this.#keys = keys;
    }
    this.#principals.delete(digest);
    this.#principals.set(digest, principal);
    const [oldest] = this.#principals.keys();
    if (this.#principals.size > VERIFIED_TOKENS_MAX && oldest !== undefined) {
      this.#principals.delete(oldest);
    }
  }
}

/** What a token is known by, so that the token itself is not kept; null: it is too long to be kept at all. */
export async function digestOf(token: string): Promise<string | null> {
  if (token.length > VERIFIED_TOKEN_MAX_CHARS) return null;
  return String.fromCharCode(...(await sha256(token)));
}

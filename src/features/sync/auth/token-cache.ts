import { SYNC_TOKENS_CACHED_MAX, SYNC_TOKENS_CACHED_MS } from "../../../protocol/limits.ts";
import type { Caller } from "../hub-commands.ts";

/** The person or device that a token was made for. */
export type TokenOwner = Caller & {
  /** The pairing that it came from; absent: the account's own key. */
  readonly session?: string;
};

/** The owner of a token that was verified, and when it expires, seconds since 1970. */
export type VerifiedOwner = TokenOwner & { readonly exp: number };

type Entry = { readonly owner: VerifiedOwner; readonly cachedAt: number };

/**
 * The tokens that an isolate has verified, by their digest (sync.md §2.2). It spares the verification and nothing
 * else: who takes an owner from here still compares the epoch with D1 or the account's hub.
 */
export class TokenCache {
  /** The oldest first. */
  readonly #entries = new Map<string, Entry>();

  /** @param now milliseconds. @returns undefined: it has to be verified */
  get(digest: string, now: number): VerifiedOwner | undefined {
    const entry = this.#entries.get(digest);
    if (entry === undefined || isOld(entry, now)) return undefined;
    return entry.owner.exp * 1000 > now ? entry.owner : undefined;
  }

  /** Remembers a token that was verified now. */
  add(digest: string, owner: VerifiedOwner, now: number): void {
    this.#entries.delete(digest);
    this.#entries.set(digest, { owner, cachedAt: now });
    for (const [oldest, entry] of this.#entries) {
      if (this.#entries.size <= SYNC_TOKENS_CACHED_MAX && !isOld(entry, now)) break;
      this.#entries.delete(oldest);
    }
  }

  /** Forgets one token. */
  invalidate(digest: string): void {
    this.#entries.delete(digest);
  }

  /** Forgets all tokens of an account. */
  invalidateAccount(account: string): void {
    for (const [digest, { owner }] of this.#entries) {
      if (owner.account === account) this.#entries.delete(digest);
    }
  }

  /** How many tokens are remembered, and since when the oldest is, milliseconds; null: there is none. */
  stats(): { readonly size: number; readonly oldestEntry: number | null } {
    const [oldest] = this.#entries.values();
    return { size: this.#entries.size, oldestEntry: oldest?.cachedAt ?? null };
  }
}

function isOld({ cachedAt }: Entry, now: number): boolean {
  return now - cachedAt >= SYNC_TOKENS_CACHED_MS;
}

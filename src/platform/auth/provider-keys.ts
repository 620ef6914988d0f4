import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from "jose";
import { z } from "zod";
import type { Env } from "../../env.ts";
import { JWKS_REFETCH_COOLDOWN_MS } from "../../protocol/limits.ts";
import { log } from "../log.ts";

const FETCH_TIMEOUT_MS = 5_000;
const JWKS_MAX_BYTES = 256 * 1024;
/** Keys are asked for again after this time even when all tokens fit, so that withdrawn ones go. */
const JWKS_MAX_AGE_MS = 60 * 60 * 1000;

const KeySet = z.object({ keys: z.array(z.looseObject({ kty: z.string() })).min(1) });

type Known = {
  readonly keys: JSONWebKeySet;
  /** When the provider was last asked, whether it answered or not, milliseconds. */
  readonly askedAt: number;
};

/** Of this isolate. A new one starts from the copy in D1. */
const known = new Map<string, Known>();

/**
 * The provider's public keys (rooms.md §1): in memory, behind it the last good copy in D1, so that a
 * provider that is down logs nobody out, also not after a restart of ours.
 */
export class ProviderKeys {
  readonly #env: Pick<Env, "DB">;
  readonly #url: string;
  readonly #now: () => number;

  constructor(env: Pick<Env, "DB">, url: string, now: () => number) {
    this.#env = env;
    this.#url = url;
    this.#now = now;
  }

  /** Keys to verify with; null: the provider has never answered. */
  async current(): Promise<JWTVerifyGetKey | null> {
    const remembered = known.get(this.#url) ?? (await this.#fromDatabase());
    if (remembered !== null && this.#now() - remembered.askedAt < JWKS_MAX_AGE_MS) {
      return createLocalJWKSet(remembered.keys);
    }
    const fresh = await this.#ask(remembered);
    return fresh === null ? null : createLocalJWKSet(fresh.keys);
  }

  /** Keys asked for anew because a token named an unknown one; null: too soon, or nothing new. */
  async afterUnknownKey(): Promise<JWTVerifyGetKey | null> {
    const remembered = known.get(this.#url) ?? null;
    if (remembered !== null && this.#now() - remembered.askedAt < JWKS_REFETCH_COOLDOWN_MS)
      return null;
    const fresh = await this.#ask(remembered);
    return fresh === null || fresh.keys === remembered?.keys ? null : createLocalJWKSet(fresh.keys);
  }

  async #fromDatabase(): Promise<Known | null> {
    const row = await this.#env.DB.prepare("SELECT jwks, asked_at FROM provider_keys WHERE url = ?")
      .bind(this.#url)
      .first<{ jwks: string; asked_at: number }>();
    if (row === null) return null;
    const remembered = { keys: JSON.parse(row.jwks) as JSONWebKeySet, askedAt: row.asked_at };
    known.set(this.#url, remembered);
    return remembered;
  }

  /** Asks the provider; when it does not answer, what was known goes on working. */
  async #ask(remembered: Known | null): Promise<Known | null> {
    const askedAt = this.#now();
    const keys = await fetchKeys(this.#url);
    if (keys === null) {
      if (remembered === null) return null;
      const kept = { ...remembered, askedAt };
      known.set(this.#url, kept);
      return kept;
    }
    const fresh = { keys, askedAt };
    known.set(this.#url, fresh);
    await this.#env.DB.prepare(
      "INSERT INTO provider_keys (url, jwks, asked_at) VALUES (?, ?, ?) ON CONFLICT (url) DO UPDATE SET jwks = excluded.jwks, asked_at = excluded.asked_at",
    )
      .bind(this.#url, JSON.stringify(keys), askedAt)
      .run();
    return fresh;
  }
}

/** Forgets what this isolate knows: what a restart does. For tests. */
export function forgetProviderKeys(): void {
  known.clear();
}

async function fetchKeys(url: string): Promise<JSONWebKeySet | null> {
  try {
    const response = await fetch(url, {
      headers: { Accept: "application/json" },
      redirect: "manual",
      signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
    });
    if (!response.ok) throw new Error(`the provider answered ${response.status}`);
    const text = await response.text();
    if (text.length > JWKS_MAX_BYTES) throw new Error("the key set is too large");
    return KeySet.parse(JSON.parse(text)) as JSONWebKeySet;
  } catch (error) {
    log("warn", "auth.keys_unavailable", { url, error });
    return null;
  }
}

import { importJWK } from "jose";
import { z } from "zod";
import { JWT_KEY_CANDIDATES_MAX } from "../../protocol/limits.ts";
import { log } from "../log.ts";
import { parseJson } from "../../protocol/outbound.ts";

const SHARED = {
  kid: z.string().exactOptional(),
  alg: z.string().exactOptional(),
  use: z.string().exactOptional(),
  key_ops: z.array(z.string()).exactOptional(),
};

/** The members that are read of a key. Private members are dropped. */
const Jwk = z.discriminatedUnion("kty", [
  z.object({ kty: z.literal("RSA"), n: z.string(), e: z.string(), ...SHARED }),
  z.object({ kty: z.literal("EC"), crv: z.string(), x: z.string(), y: z.string(), ...SHARED }),
  z.object({ kty: z.literal("OKP"), crv: z.string(), x: z.string(), ...SHARED }),
]);
type Jwk = z.infer<typeof Jwk>;

const Document = z.object({ keys: z.array(z.unknown()) });

/**
 * Signature algorithms of tokens, and the key that each takes (RFC 7518 §3.1, RFC 8037, RFC 9864).
 * Asymmetric only (RFC 8725 §3.1): with a shared-key algorithm the public key would be the secret.
 */
const KEY_OF_ALGORITHM: Readonly<Record<string, { readonly kty: Jwk["kty"]; crv?: string }>> = {
  RS256: { kty: "RSA" },
  RS384: { kty: "RSA" },
  RS512: { kty: "RSA" },
  PS256: { kty: "RSA" },
  PS384: { kty: "RSA" },
  PS512: { kty: "RSA" },
  ES256: { kty: "EC", crv: "P-256" },
  ES384: { kty: "EC", crv: "P-384" },
  ES512: { kty: "EC", crv: "P-521" },
  EdDSA: { kty: "OKP", crv: "Ed25519" },
  Ed25519: { kty: "OKP", crv: "Ed25519" },
};

/** Algorithms that a token may be signed with. */
export const ALGORITHMS: readonly string[] = Object.keys(KEY_OF_ALGORITHM);

/** What a token's header says about the key that signed it. */
export type KeyChoice = { readonly alg: string; readonly kid?: string | undefined };

/** One key, and its import for each algorithm that was tried; null: the key cannot be used with it. */
type Entry = { readonly jwk: Jwk; readonly imported: Map<string, CryptoKey | null> };

/** The public keys of an identity provider. Entries that cannot be used are ignored (RFC 7517 §5). */
export class KeySet {
  /** The usable entries as a JSON Web Key Set, to store. */
  readonly text: string;
  readonly #entries: readonly Entry[];

  private constructor(jwks: readonly Jwk[]) {
    this.text = JSON.stringify({ keys: jwks });
    this.#entries = jwks.map((jwk) => ({ jwk, imported: new Map() }));
  }

  /** @returns null when the text is no key set, or has no entry that can be used */
  static parse(text: string): KeySet | null {
    const document = Document.safeParse(parseJson(text));
    if (!document.success) return null;
    const jwks = document.data.keys.flatMap((key) => {
      const jwk = Jwk.safeParse(key);
      return jwk.success ? [jwk.data] : [];
    });
    return jwks.length === 0 ? null : new KeySet(jwks);
  }

  /**
   * Keys that may have signed such a token: those with its `kid`. For a token without `kid`, all keys that fit
   * its algorithm (RFC 7515 §4.1.4), at most {@link JWT_KEY_CANDIDATES_MAX}.
   */
  async *candidates(choice: KeyChoice): AsyncGenerator<CryptoKey> {
    let given = 0;
    for (const entry of this.#entries) {
      if (!fits(entry.jwk, choice)) continue;
      const key = await importOf(entry, choice.alg);
      if (key === null) continue;
      if (given === JWT_KEY_CANDIDATES_MAX) return;
      given += 1;
      yield key;
    }
  }
}

function fits(jwk: Jwk, { alg, kid }: KeyChoice): boolean {
  const wanted = KEY_OF_ALGORITHM[alg];
  return (
    jwk.kty === wanted?.kty &&
    (wanted.crv === undefined || ("crv" in jwk && jwk.crv === wanted.crv)) &&
    (kid === undefined || jwk.kid === kid) &&
    (jwk.alg === undefined || jwk.alg === alg) &&
    (jwk.use === undefined || jwk.use === "sig") &&
    (jwk.key_ops === undefined || jwk.key_ops.includes("verify"))
  );
}

async function importOf({ jwk, imported }: Entry, alg: string): Promise<CryptoKey | null> {
  const known = imported.get(alg);
  if (known !== undefined) return known;
  let key: CryptoKey | null = null;
  try {
    const made = await importJWK(jwk, alg);
    if (!(made instanceof Uint8Array)) key = made;
  } catch (error) {
    log("warn", "auth.key_unusable", { kid: jwk.kid, alg, error });
  }
  imported.set(alg, key);
  return key;
}

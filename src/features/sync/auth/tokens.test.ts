import { base64url, decodeJwt, decodeProtectedHeader, importJWK, SignJWT } from "jose";
import { describe, expect, it } from "vitest";
import { derivedSeed } from "../../../platform/derived-key.ts";
import {
  SYNC_EPHEMERAL_TOKEN_MS,
  SYNC_TOKEN_MAX_LENGTH,
  SYNC_TOKEN_REFRESH_MS,
  SYNC_TOKENS_CACHED_MAX,
  SYNC_TOKENS_CACHED_MS,
} from "../../../protocol/limits.ts";
import { accountOfEphemeral, ephemeralToken } from "./ephemeral-tokens.ts";
import { TokenCache, type VerifiedOwner } from "./token-cache.ts";
import { accountTokens, NEVER_EXPIRES } from "./tokens.ts";

const SECRET = "test-sync-secret-0123456789-0123456789";
const OTHER = "other-sync-secret-0123456789-0123456789";
const NOW = 1_800_000_000_000;
const DAY_S = 86_400;

const ANN = { account: "01ANN", epoch: 3 };
const invalid = { ok: false, error: "invalid" };

/** A new instance has verified nothing yet: what another one made is not taken from its memory. */
const fresh = (secret = SECRET, ttl: number | null = null) => accountTokens(secret, ttl);

/** The key of an issuer, derived as in the product, to make tokens that the product would not make. */
async function keyOf(issuer: string): Promise<{ d: string; x: string }> {
  const { createPrivateKey } = await import("node:crypto");
  const seed = await derivedSeed(SECRET, `guildhub: tokens of ${issuer}`);
  const head = Buffer.from("302e020100300506032b657004220420", "hex");
  const der = Buffer.concat([head, seed]);
  const { d = "", x = "" } = createPrivateKey({ key: der, format: "der", type: "pkcs8" }).export({
    format: "jwk",
  });
  return { d, x };
}

/** A token with the product's key. A member that is undefined is left out. */
async function forged(
  header: { alg?: string; typ?: string | undefined; crit?: string[]; x?: number } = {},
  claims: Record<string, unknown> = {},
): Promise<string> {
  const jwk = await keyOf("handy");
  const key = await importJWK({ kty: "OKP", crv: "Ed25519", ...jwk }, "EdDSA");
  const { alg = "EdDSA", ...more } = header;
  return new SignJWT({ user: "01ANN", epoch: 3, iss: "handy", ...claims })
    .setProtectedHeader({ alg, typ: "JWT", ...more } as { alg: string })
    .sign(key, { crit: { x: true } });
}

describe("a token of an account (sync.md §2.2)", () => {
  it("names its account, epoch and pairing, and never expires by itself", async () => {
    const token = await fresh().create({ ...ANN, session: "01PAIR" }, NOW);
    expect(decodeProtectedHeader(token)).toEqual({ alg: "EdDSA", typ: "JWT" });
    expect(decodeJwt(token)).toEqual({
      iss: "handy",
      user: "01ANN",
      epoch: 3,
      iat: NOW / 1000,
      extras: { session: "01PAIR" },
    });
    const later = NOW + 100 * 365 * DAY_S * 1000;
    const owner = { ...ANN, session: "01PAIR", exp: NEVER_EXPIRES };
    expect(await fresh().verify(token, later)).toEqual({ ok: true, value: owner });
  });

  it("has no extras when it came from the account's own key", async () => {
    const token = await fresh().create(ANN, NOW);
    expect(decodeJwt(token)).not.toHaveProperty("extras");
    const owner = { ...ANN, exp: NEVER_EXPIRES };
    expect(await fresh().verify(token, NOW)).toEqual({ ok: true, value: owner });
  });

  it("stays valid when the server starts anew, and not with another secret", async () => {
    const token = await fresh().create(ANN, NOW);
    expect(await fresh(SECRET).verify(token, NOW)).toMatchObject({ ok: true });
    expect(await fresh(OTHER).verify(token, NOW)).toEqual(invalid);
  });

  it("expires after the time that is set, also one that was verified before", async () => {
    const tokens = fresh(SECRET, DAY_S);
    const token = await tokens.create(ANN, NOW);
    const end = NOW + DAY_S * 1000;
    const owner = { ...ANN, exp: end / 1000 };
    for (const one of [tokens, fresh()]) {
      expect(await one.verify(token, end - 1)).toEqual({ ok: true, value: owner });
      expect(await one.verify(token, end)).toEqual(invalid);
    }
  });

  it("can be exchanged for a time after it has expired", async () => {
    const token = await fresh(SECRET, DAY_S).create(ANN, NOW);
    const end = NOW + DAY_S * 1000 + SYNC_TOKEN_REFRESH_MS;
    expect(await fresh().verifyForRefresh(token, end - 1)).toMatchObject({ ok: true });
    expect(await fresh().verifyForRefresh(token, end)).toEqual({ ok: false, error: "expired" });
    expect(await fresh(OTHER).verifyForRefresh(token, end)).toEqual(invalid);
  });

  it("is what the known key signs, and this is what the tests below change", async () => {
    expect(await fresh().verify(await forged(), NOW)).toMatchObject({ ok: true, value: ANN });
  });

  it.each([
    ["another issuer", {}, { iss: "github-happy" }],
    ["no issuer", {}, { iss: undefined }],
    ["another name of the same algorithm", { alg: "Ed25519" }, {}],
    ["another type", { typ: "at+jwt" }, {}],
    ["no type", { typ: undefined }, {}],
    ["an extension that must be understood", { crit: ["x"], x: 1 }, {}],
    ["no account", {}, { user: undefined }],
    ["an account that is no text", {}, { user: 1 }],
    ["no epoch", {}, { epoch: undefined }],
    ["an epoch that is a text", {}, { epoch: "3" }],
    ["an expiry that is a text", {}, { exp: "never" }],
  ])("is refused with %s", async (_, header, claims) => {
    const token = await forged(header, claims);
    expect(await fresh().verify(token, NOW)).toEqual(invalid);
  });

  it("is refused unsigned, and with a MAC whose key anybody knows (RFC 8725 §2.1)", async () => {
    const [, body = "", signature = ""] = (await forged()).split(".");
    const head = (header: object): string => base64url.encode(JSON.stringify(header));
    const none = head({ alg: "none", typ: "JWT" });
    const { x } = await keyOf("handy");
    const mac = async (key: string): Promise<string> =>
      new SignJWT(decodeJwt(await forged()))
        .setProtectedHeader({ alg: "HS256", typ: "JWT" })
        .sign(new TextEncoder().encode(key));
    const tokens = [
      `${none}.${body}.`,
      `${none}.${body}.${signature}`,
      `${head({ alg: "EdDSA", typ: "JWT" })}.${body}.`,
      await mac(x),
      await mac(SECRET),
    ];
    for (const token of tokens) expect(await fresh().verify(token, NOW)).toEqual(invalid);
  });

  it("is refused when one character of it was changed", async () => {
    const token = await forged();
    for (let at = 0; at < token.length - 1; at += 7) {
      const changed = token.slice(0, at) + (token[at] === "A" ? "B" : "A") + token.slice(at + 1);
      expect(await fresh().verify(changed, NOW)).toEqual(invalid);
    }
  });

  it("is refused when it is none, or too long", async () => {
    const long = await forged({}, { more: "x".repeat(SYNC_TOKEN_MAX_LENGTH) });
    for (const token of ["", ".", "..", "a.b.c", "\u0000", long]) {
      expect(await fresh().verify(token, NOW)).toEqual(invalid);
      expect(await fresh().verifyForRefresh(token, NOW)).toEqual(invalid);
    }
  });
});

describe("a token of one purpose (sync.md §2.2)", () => {
  const PURPOSE = "github-oauth-state";

  it("gives back its account, for this purpose and for five minutes", async () => {
    const token = await ephemeralToken(SECRET, "01ANN", PURPOSE, NOW);
    const end = NOW + SYNC_EPHEMERAL_TOKEN_MS;
    expect(await accountOfEphemeral(SECRET, token, PURPOSE, end - 1)).toBe("01ANN");
    expect(await accountOfEphemeral(SECRET, token, PURPOSE, end)).toBeNull();
    expect(await accountOfEphemeral(SECRET, token, "another", NOW)).toBeNull();
    expect(await accountOfEphemeral(OTHER, token, PURPOSE, NOW)).toBeNull();
    expect(await accountOfEphemeral(SECRET, "", PURPOSE, NOW)).toBeNull();
  });

  it("is no token of an account, and a token of an account has no purpose", async () => {
    const ephemeral = await ephemeralToken(SECRET, "01ANN", PURPOSE, NOW);
    expect(await fresh().verify(ephemeral, NOW)).toEqual(invalid);
    expect(await fresh().verifyForRefresh(ephemeral, NOW)).toEqual(invalid);
    const account = await fresh(SECRET, 60).create(ANN, NOW);
    expect(await accountOfEphemeral(SECRET, account, PURPOSE, NOW)).toBeNull();
    const both = await forged({}, { purpose: PURPOSE, exp: NOW / 1000 + 60 });
    expect(await accountOfEphemeral(SECRET, both, PURPOSE, NOW)).toBeNull();
  });
});

describe("the tokens that are remembered as verified (sync.md §2.2)", () => {
  const owner = (account: string, exp = NEVER_EXPIRES): VerifiedOwner => {
    return { account, epoch: 0, exp };
  };

  it("are filled by making and by verifying, and can be forgotten", async () => {
    const tokens = fresh();
    expect(tokens.stats()).toEqual({ size: 0, oldestEntry: null });
    const made = await tokens.create(ANN, NOW);
    const foreign = await fresh().create({ account: "01BOB", epoch: 0 }, NOW);
    await tokens.verify(foreign, NOW + 5);
    await tokens.verify("no token", NOW + 5);
    expect(tokens.stats()).toEqual({ size: 2, oldestEntry: NOW });
    await tokens.invalidate(made);
    expect(tokens.stats()).toEqual({ size: 1, oldestEntry: NOW + 5 });
    tokens.invalidateAccount("01BOB");
    expect(tokens.stats().size).toBe(0);
    expect(await tokens.verify(made, NOW)).toMatchObject({ ok: true, value: ANN });
  });

  it("are forgotten after ten minutes, and after their expiry", () => {
    const cache = new TokenCache();
    cache.add("a", owner("01ANN"), NOW);
    cache.add("b", owner("01BOB", NOW / 1000 + 1), NOW);
    expect(cache.get("a", NOW + SYNC_TOKENS_CACHED_MS - 1)).toEqual(owner("01ANN"));
    expect(cache.get("a", NOW + SYNC_TOKENS_CACHED_MS)).toBeUndefined();
    expect(cache.get("b", NOW + 999)).toBeDefined();
    expect(cache.get("b", NOW + 1_000)).toBeUndefined();
    cache.add("c", owner("01EVE"), NOW + SYNC_TOKENS_CACHED_MS);
    expect(cache.stats().size).toBe(1);
  });

  it("are bounded: the one that was added first goes", () => {
    const cache = new TokenCache();
    for (let at = 0; at < SYNC_TOKENS_CACHED_MAX; at += 1) cache.add(String(at), owner("a"), NOW);
    cache.add("0", owner("a"), NOW);
    cache.add("one more", owner("a"), NOW);
    expect(cache.stats().size).toBe(SYNC_TOKENS_CACHED_MAX);
    expect(cache.get("1", NOW)).toBeUndefined();
    expect(cache.get("0", NOW)).toBeDefined();
  });

  it("forget one account alone", () => {
    const cache = new TokenCache();
    cache.add("a", owner("01ANN"), NOW);
    cache.add("b", owner("01BOB"), NOW);
    cache.invalidateAccount("01ANN");
    expect(cache.get("a", NOW)).toBeUndefined();
    expect(cache.get("b", NOW)).toBeDefined();
  });
});

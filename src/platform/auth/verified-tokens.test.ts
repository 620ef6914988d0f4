import { describe, expect, test } from "vitest";
import { KeySet } from "./key-set.ts";
import type { Principal } from "./principal.ts";
import {
  digestOf,
  VERIFIED_TOKEN_MAX_CHARS,
  VERIFIED_TOKENS_MAX,
  VerifiedTokens,
} from "./verified-tokens.ts";

const alice: Principal = { sub: "alice", exp: 100, scopes: [] };

function keySet(): KeySet {
  const keys = KeySet.parse('{"keys":[{"kty":"OKP","crv":"Ed25519","x":"x"}]}');
  if (keys === null) throw new Error("the key set must be readable");
  return keys;
}

describe("verified tokens", () => {
  test("are known until they expire", () => {
    const [tokens, keys] = [new VerifiedTokens(), keySet()];
    expect(tokens.get("a", keys, 0)).toBeUndefined();
    tokens.add("a", keys, alice);
    expect(tokens.get("a", keys, 99_999)).toBe(alice);
    expect(tokens.get("a", keys, 100_000)).toBeUndefined();
    expect(tokens.get("b", keys, 0)).toBeUndefined();
  });

  test("are forgotten with the keys that verified them, also if the same keys return", () => {
    const [tokens, before, after] = [new VerifiedTokens(), keySet(), keySet()];
    tokens.add("a", before, alice);
    expect(tokens.get("a", after, 0)).toBeUndefined();
    tokens.add("b", after, alice);
    expect(tokens.get("a", before, 0)).toBeUndefined();
    tokens.add("c", before, alice);
    expect(tokens.get("a", before, 0)).toBeUndefined();
  });

  test("are a limited number, and the oldest goes first", () => {
    const [tokens, keys] = [new VerifiedTokens(), keySet()];
    for (let i = 0; i <= VERIFIED_TOKENS_MAX; i += 1) tokens.add(`${i}`, keys, alice);
    expect(tokens.get("0", keys, 0)).toBeUndefined();
    expect(tokens.get("1", keys, 0)).toBe(alice);
  });

  test("are known by a digest, and long ones are not kept", async () => {
    const longest = "a".repeat(VERIFIED_TOKEN_MAX_CHARS);
    expect(await digestOf(longest)).toHaveLength(32);
    expect(await digestOf(longest)).not.toBe(await digestOf(`b${longest.slice(1)}`));
    expect(await digestOf(`${longest}a`)).toBeNull();
  });
});

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { base64Of, newAccountKey } from "../../../testing/account-key.ts";
import { publicKeyHex, signerOf } from "./account-keys.ts";

/** The third test of RFC 8032 §7.1. */
const KNOWN = {
  publicKey: "/FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCU=",
  challenge: "r4I=",
  signature:
    "YpHWV97sJAJIJ+acOr4BowzlSKKEdDpEXjaA19taw6wY/5tTjRbykK5n92CYTcZZSnwV6XFu0o3AJ77O6h7ECg==",
};
const KNOWN_HEX = "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025";

const bytes = (length: number): string => base64Of(new Uint8Array(length).fill(7));

describe("the signature of an account (sync.md §2.1)", () => {
  it("is accepted, and gives the key as lower-case hex", async () => {
    expect(await signerOf(KNOWN)).toBe(KNOWN_HEX);
  });

  it("may be of a challenge of any length", async () => {
    const key = await newAccountKey();
    for (const length of [1, 32, 10_000]) {
      const signIn = await key.signs(new Uint8Array(length));
      expect(await signerOf(signIn)).toBe(publicKeyHex(key.publicKey));
    }
  });

  it.each([
    ["another key", { publicKey: "PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=" }],
    ["another challenge", { challenge: "r4M=" }],
    ["a changed signature", { signature: KNOWN.signature.replace("Y", "Z") }],
    ["a key of 31 bytes", { publicKey: bytes(31) }],
    ["a key of 33 bytes", { publicKey: bytes(33) }],
    ["no key", { publicKey: "" }],
    ["a key that is no point", { publicKey: base64Of(new Uint8Array(32).fill(255)) }],
    ["a signature of 63 bytes", { signature: bytes(63) }],
    ["a signature of 65 bytes", { signature: bytes(65) }],
    ["a signature of zeros", { signature: base64Of(new Uint8Array(64)) }],
    ["a key in base64url", { publicKey: KNOWN.publicKey.replaceAll("/", "_") }],
    ["a signature in base64url", { signature: KNOWN.signature.replaceAll("/", "_") }],
    ["a key without padding", { publicKey: KNOWN.publicKey.replace("=", "") }],
    ["a challenge without padding", { challenge: "r4I" }],
    ["a challenge that is no base64", { challenge: "é" }],
  ])("is refused with %s", async (_, change) => {
    expect(await signerOf({ ...KNOWN, ...change })).toBeNull();
  });

  it("never throws, whatever is sent", async () => {
    const text = fc.oneof(
      fc.string(),
      fc.uint8Array({ minLength: 30, maxLength: 66 }).map((some) => base64Of(some)),
      fc.constantFrom(...Object.values(KNOWN)),
    );
    const signIns = fc.record({ publicKey: text, challenge: text, signature: text });
    await fc.assert(
      fc.asyncProperty(signIns, async (signIn) => {
        const signer = await signerOf(signIn);
        if (signer !== null) expect(signIn).toEqual(KNOWN);
      }),
    );
  });
});

describe("a public key", () => {
  it("has 32 bytes in base64, and is written in lower-case hex", () => {
    expect(publicKeyHex(KNOWN.publicKey)).toBe(KNOWN_HEX);
    for (const wrong of [bytes(31), bytes(33), "", "x", KNOWN_HEX]) {
      expect(publicKeyHex(wrong)).toBeNull();
    }
  });
});

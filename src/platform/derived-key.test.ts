import { describe, expect, it } from "vitest";
import { hexOf } from "../protocol/bytes.ts";
import { derivedKey, derivedSeed } from "./derived-key.ts";

const text = new TextEncoder().encode("text");

async function mac(secret: string, purpose: string): Promise<string> {
  const key = await derivedKey(secret, purpose, "sign");
  return hexOf(new Uint8Array(await crypto.subtle.sign("HMAC", key, text)));
}

describe("a derived key", () => {
  it("is the same for the same secret and purpose, and differs for any other", async () => {
    const macs = [
      await mac("secret", "first"),
      await mac("secret", "second"),
      await mac("other", "first"),
    ];
    expect(new Set(macs).size).toBe(3);
    expect(await mac("secret", "first")).toBe(macs[0]);
  });

  it("equals the result of HKDF and HMAC (RFC 5869, RFC 2104)", async () => {
    const { createHmac, hkdfSync } = await import("node:crypto");
    const key = Buffer.from(hkdfSync("sha256", "secret", "", "first", 32));
    const expected = createHmac("sha256", key).update("text").digest("hex");
    expect(await mac("secret", "first")).toBe(expected);
  });

  it("comes from the same derivation when it is a seed", async () => {
    const { hkdfSync } = await import("node:crypto");
    const expected = Buffer.from(hkdfSync("sha256", "secret", "", "first", 32)).toString("hex");
    expect(hexOf(await derivedSeed("secret", "first"))).toBe(expected);
    expect(hexOf(await derivedSeed("secret", "second"))).not.toBe(expected);
  });

  it("can be used only for its purpose, and cannot be exported", async () => {
    const [sign, encrypt] = [
      await derivedKey("secret", "first", "sign"),
      await derivedKey("secret", "first", "encrypt"),
    ];
    const iv = new Uint8Array(12);
    await expect(crypto.subtle.encrypt({ name: "AES-GCM", iv }, sign, text)).rejects.toThrow();
    await expect(crypto.subtle.sign("HMAC", encrypt, text)).rejects.toThrow();
    await expect(crypto.subtle.exportKey("raw", sign)).rejects.toThrow();
  });
});

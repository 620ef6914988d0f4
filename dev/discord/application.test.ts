import { sign } from "node:crypto";
import { describe, expect, it } from "vitest";
import { localApplication } from "./application.ts";

describe("the local Discord's application", () => {
  it("signs so that WebCrypto verifies it with the Worker's public key", async () => {
    const { privateKey, publicKeyHex } = localApplication("a-bot-token");
    const body = new TextEncoder().encode('1700000000{"type":1}');
    const key = await crypto.subtle.importKey(
      "raw",
      Buffer.from(publicKeyHex, "hex"),
      "Ed25519",
      false,
      ["verify"],
    );
    const signature = sign(null, body, privateKey);
    expect(await crypto.subtle.verify("Ed25519", key, signature, body)).toBe(true);
    body[0] = 0;
    expect(await crypto.subtle.verify("Ed25519", key, signature, body)).toBe(false);
  });

  it("is the same for the same token, and differs for another token", () => {
    const valuesOf = ({ id, publicKeyHex, clientSecret }: ReturnType<typeof localApplication>) =>
      JSON.stringify({ id, publicKeyHex, clientSecret });
    expect(valuesOf(localApplication("one"))).toBe(valuesOf(localApplication("one")));
    expect(localApplication("two").publicKeyHex).not.toBe(localApplication("one").publicKeyHex);
    expect(localApplication("two").clientSecret).not.toBe(localApplication("one").clientSecret);
    expect(localApplication("one").publicKeyHex).toMatch(/^[0-9a-f]{64}$/);
  });
});

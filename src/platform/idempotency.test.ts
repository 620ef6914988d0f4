import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { IDEMPOTENCY_KEY_MAX_LENGTH } from "../protocol/limits.ts";
import { fingerprintOf, readIdempotencyKey } from "./idempotency.ts";

describe("the key of a request", () => {
  it.each(["Idempotency-Key", "X-Idempotency-Key"])("is read from %s", (name) => {
    expect(readIdempotencyKey(new Headers({ [name]: "k-1" }))).toEqual({ ok: true, value: "k-1" });
  });

  it("is optional", () => {
    expect(readIdempotencyKey(new Headers())).toEqual({ ok: true, value: null });
  });

  it("may have as many characters as the limit, and not one more", () => {
    const longest = "k".repeat(IDEMPOTENCY_KEY_MAX_LENGTH);
    expect(readIdempotencyKey(new Headers({ "Idempotency-Key": longest })).ok).toBe(true);
    expect(readIdempotencyKey(new Headers({ "Idempotency-Key": `${longest}k` })).ok).toBe(false);
    expect(readIdempotencyKey(new Headers({ "X-Idempotency-Key": "" })).ok).toBe(false);
  });
});

describe("the fingerprint of a request", () => {
  it("does not depend on the order of members", async () => {
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.string(), fc.jsonValue()), async (body) => {
        const reversed = Object.fromEntries(Object.entries(body).toReversed());
        expect(await fingerprintOf("POST", "/x", reversed)).toBe(
          await fingerprintOf("POST", "/x", body),
        );
      }),
    );
  });

  it("depends on the method, the path and every value", async () => {
    const prints = await Promise.all([
      fingerprintOf("POST", "/x", { a: 1 }),
      fingerprintOf("PUT", "/x", { a: 1 }),
      fingerprintOf("POST", "/y", { a: 1 }),
      fingerprintOf("POST", "/x", { a: "1" }),
      fingerprintOf("POST", "/x", { a: [1] }),
      fingerprintOf("POST", "/x", {}),
    ]);
    expect(new Set(prints).size).toBe(prints.length);
  });
});

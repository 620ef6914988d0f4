import { expect, it } from "vitest";
import { SIGNATURES_MAX } from "./limits.ts";
import { SIGNATURE_HEADER, signBody, TIMESTAMP_HEADER, verifyBody } from "./signed-events.ts";

it("only so many signatures of a header are looked at", async () => {
  const secret = "signed-events-test-secret-0123456789";
  const [body, now] = [new TextEncoder().encode("{}"), 1_795_226_000_000];
  const headers = await signBody([secret], body, now);
  const verified = (before: number) => {
    const others = Array.from({ length: before }, () => `sha256=${"0".repeat(64)}`);
    const signature = [...others, headers[SIGNATURE_HEADER]].join(",");
    const timestamp = headers[TIMESTAMP_HEADER] ?? null;
    return verifyBody([secret], { timestamp, signature }, body, now);
  };
  expect(await verified(SIGNATURES_MAX - 1)).toBe(true);
  expect(await verified(SIGNATURES_MAX)).toBe(false);
});

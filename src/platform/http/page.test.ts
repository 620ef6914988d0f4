import { describe, expect, it } from "vitest";
import { pagePolicy } from "./page.ts";

const ISSUER = "https://issuer.test/realm";

function directive(
  name: string,
  page = "https://page.test/",
  partners: readonly string[] = [],
): string {
  const rows = pagePolicy({ issuer: ISSUER, origins: partners }, new URL(page)).split("; ");
  return rows.find((row) => row.startsWith(`${name} `)) ?? "";
}

describe("the page's policy", () => {
  it("allows sign-in, the stream and the page's own scripts, and no framing", () => {
    expect(directive("connect-src")).toContain("wss://page.test");
    expect(directive("form-action")).toBe("form-action 'self' https://issuer.test");
    expect(directive("script-src")).toBe("script-src 'self'");
    expect(directive("frame-ancestors")).toBe("frame-ancestors 'none'");
  });

  it("allows Scalar's inline styles on the API page only", () => {
    expect(directive("style-src")).toBe("style-src 'self'");
    const docs = directive("style-src", "https://page.test/docs");
    expect(docs).toBe("style-src 'self' 'unsafe-inline'");
    expect(directive("script-src", "https://page.test/docs")).toBe("script-src 'self'");
  });

  it("allows requests to the origins that the areas name", () => {
    const sources = directive("connect-src", "http://127.0.0.1:8787/", ["http://127.0.0.1:8791"]);
    expect(sources.split(" ")).toContain("http://127.0.0.1:8791");
  });

  it.each([
    ["no area has a part of the page", null],
    ["nobody signs in at a provider", { issuer: null, origins: [] }],
  ])("names no other host when %s", (_, partners) => {
    const policy = pagePolicy(partners, new URL("https://page.test/docs"));
    expect(policy).toContain("form-action 'self'; ");
    expect(policy).toContain("connect-src 'self' wss://page.test; ");
  });
});

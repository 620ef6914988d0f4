import { describe, expect, it } from "vitest";
import { pagePolicy } from "./page.ts";

const PRODUCTION = {
  jwt: { issuer: "https://issuer.test/realm", audience: "a", jwksUrl: "https://issuer.test/keys" },
  discordApiUrl: "https://discord.test/api/v10",
  faceit: { apiUrl: "https://faceit.test/data/v4" },
};

function directive(name: string, config: typeof PRODUCTION, page = "https://page.test/"): string {
  const rows = pagePolicy(config, new URL(page)).split("; ");
  return rows.find((row) => row.startsWith(`${name} `)) ?? "";
}

describe("the page's policy", () => {
  it("lets it sign in and stream, run its own scripts only, and be framed by nobody", () => {
    expect(directive("connect-src", PRODUCTION)).toContain("wss://page.test");
    expect(directive("form-action", PRODUCTION)).toBe("form-action 'self' https://issuer.test");
    expect(directive("script-src", PRODUCTION)).toBe("script-src 'self'");
    expect(directive("frame-ancestors", PRODUCTION)).toBe("frame-ancestors 'none'");
  });

  it("lets the API page alone have styles that Scalar puts in", () => {
    expect(directive("style-src", PRODUCTION)).toBe("style-src 'self'");
    const docs = directive("style-src", PRODUCTION, "https://page.test/docs");
    expect(docs).toBe("style-src 'self' 'unsafe-inline'");
    expect(directive("script-src", PRODUCTION, "https://page.test/docs")).toBe("script-src 'self'");
  });

  it("lets it steer a FACEIT of this machine, and names the real one nowhere", () => {
    const local = { ...PRODUCTION, faceit: { apiUrl: "http://127.0.0.1:8791/data/v4" } };
    const sources = directive("connect-src", local, "http://127.0.0.1:8787/").split(" ");
    expect(sources).toContain("http://127.0.0.1:8791");
    expect(pagePolicy(PRODUCTION, new URL("https://page.test/"))).not.toContain("faceit");
  });
});

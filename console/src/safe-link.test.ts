import { describe, expect, it } from "vitest";
import { httpsLink, localLink } from "./safe-link.ts";

describe("an address from outside", () => {
  it("may become a link when it is https", () => {
    const url = "https://www.faceit.com/en/cs2/room/1-7c1f0a52";
    expect(httpsLink(url)).toBe(url);
    expect(localLink(url)).toBe(url);
  });

  it.each([
    "javascript:alert(1)",
    " javascript:alert(1)",
    "JAVASCRIPT://https://faceit.com/%0aalert(1)",
    "data:text/html,hi",
    "http://www.faceit.com/en",
    "http://127.0.0.1.evil.test/",
    "https://faceit.com@evil.test/",
    "//www.faceit.com/en",
    "/en/cs2",
    "",
  ])("may not: %s", (url) => {
    expect(httpsLink(url)).toBeNull();
    expect(localLink(url)).toBeNull();
  });

  it("is null without one", () => {
    expect(httpsLink(null)).toBeNull();
  });

  it("of this machine is a link only for the local services", () => {
    const url = "http://127.0.0.1:8787/faceit/link?state=abc";
    expect(localLink(url)).toBe(url);
    expect(localLink("http://localhost:8787/")).toBe("http://localhost:8787/");
    expect(httpsLink(url)).toBeNull();
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openText, sealText } from "./sealed-text.ts";

const SECRET = "a-secret-of-a-test-0123456789-0123456789";
const PATH = ["user", "u1", "vendors", "openai", "token"];

describe("sync.md §2.6 a sealed text", () => {
  it("is read in its place, whatever it says", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "grapheme" }), async (text) => {
        const sealed = await sealText(SECRET, PATH, text);
        expect(await openText(SECRET, PATH, sealed)).toEqual({ ok: true, value: text });
      }),
      { numRuns: 50 },
    );
  });

  it("that an earlier version has sealed is still read", async () => {
    const sealed = "GSZV7s22Z+wPycVybzSAYOO5x0OT/COp5Fkns0I2qMbmWyCT6QH6nwfb5A1JBlqr3w==";
    expect(await openText(SECRET, PATH, sealed)).toEqual({ ok: true, value: "sk-secret" });
  });

  it("is another one each time", async () => {
    expect(await sealText(SECRET, PATH, "t")).not.toBe(await sealText(SECRET, PATH, "t"));
  });

  it.each([
    ["another account's place", SECRET, ["user", "u2", "vendors", "openai", "token"]],
    [
      "a path whose parts are put together otherwise",
      SECRET,
      ["user/u1", "vendors", "openai", "token"],
    ],
    ["another secret", `${SECRET}x`, PATH],
  ])("is not read in %s", async (_what, secret, path) => {
    const sealed = await sealText(SECRET, PATH, "t");
    expect(await openText(secret, path, sealed)).toEqual({ ok: false, error: "unreadable" });
  });

  it.each(["", "AAAA", "?"])("is refused when it is damaged: %j", async (text) => {
    expect(await openText(SECRET, PATH, text)).toEqual({ ok: false, error: "unreadable" });
  });

  it("is refused when one bit has changed", async () => {
    const bytes = Buffer.from(await sealText(SECRET, PATH, "t"), "base64");
    bytes.writeUInt8((bytes.at(-1) ?? 0) ^ 1, bytes.length - 1);
    const text = bytes.toString("base64");
    expect(await openText(SECRET, PATH, text)).toEqual({ ok: false, error: "unreadable" });
  });
});

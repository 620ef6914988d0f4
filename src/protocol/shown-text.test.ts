import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { shownText } from "./shown-text.ts";

const SCOTLAND = "🏴\u{E0067}\u{E0062}\u{E0073}\u{E0063}\u{E0074}\u{E007F}";

describe("a text from outside", () => {
  it.each<[string, unknown, string]>([
    ["is one line", "a\n\u0000b\u2028c\t", "a b c"],
    ["loses direction marks, and is not split by them", "a\u202Eb\u200Fc\u2066d", "abcd"],
    ["loses invisible marks", "\uFEFFa\u200Bb\u00ADc\u2060", "abc"],
    ["keeps an emoji that is joined from several", "👩‍💻 dev", "👩‍💻 dev"],
    ["keeps words with joiners", "می\u200Cخواهم क्\u200Dष", "می\u200Cخواهم क्\u200Dष"],
    ["keeps the flag of a region", `${SCOTLAND} Ada`, `${SCOTLAND} Ada`],
    ["loses hidden tags", "a\u{E0067}\u{E0062}\u{E007F}", "a"],
    ["is empty when only joiners are left", "\u200D \u200C\u200D\u202E", ""],
    ["is empty when no character is visible", "\u3164\u2800\uFE0F", ""],
    ["is well-formed", "a\uD83Db \uDE00", "a\uFFFDb \uFFFD"],
    ["joins no surrogates that a mark kept apart", "\uD83D\u200B\uDE00", "\uFFFD\uFFFD"],
    ["is empty when the value is no text", 7, ""],
  ])("%s", (_, text, shown) => {
    expect(shownText(text, 100)).toBe(shown);
  });

  it("is cut to the maximum, never inside a character", () => {
    expect(shownText("x".repeat(101), 100)).toHaveLength(100);
    expect(shownText("x".repeat(100), 100)).toHaveLength(100);
    expect(shownText(`${"x".repeat(99)}😀`, 100)).toBe("x".repeat(99));
    expect(shownText(`${"x".repeat(92)}${SCOTLAND}`, 100)).toBe(`${"x".repeat(92)}🏴`);
    expect(shownText(`${"x".repeat(99)} y`, 100)).toBe("x".repeat(99));
    expect(shownText(`${"\u200D".repeat(100)}y`, 100)).toBe("");
  });

  it("stays the same when it is cleaned again", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.integer({ min: 1, max: 20 }), (text, max) => {
        const shown = shownText(text, max);
        expect(shownText(shown, max)).toBe(shown);
      }),
    );
  });
});

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { beginsAs, isShown, typeOf } from "./file-type.ts";
import { rangeOf } from "./serve-file.ts";

const bytes = (text: string): Uint8Array => Uint8Array.from(text, (one) => one.codePointAt(0) ?? 0);

describe("the type of a file", () => {
  it.each([
    ["image/png", "\u0089PNG\r\n\u001A\nrest"],
    ["image/jpeg", "\u00FF\u00D8\u00FF\u00E0"],
    ["image/gif", "GIF89a"],
    ["image/webp", "RIFF\u0001\u0002\u0003\u0004WEBPVP8 "],
    ["application/pdf", "%PDF-1.7"],
    ["audio/ogg", "OggS"],
    ["image/svg+xml", '<?xml version="1.0"?>\n<!-- a -- b -->\n<!DOCTYPE svg>\n<svg xmlns="x">'],
    ["image/svg+xml", "<svg/>"],
    ["text/plain", "<script>alert(1)</script>"],
  ])("%s: the file begins as its type does", (type, text) => {
    expect(beginsAs(type, bytes(text))).toBe(true);
  });

  it.each([
    ["image/png", "<html>"],
    ["image/png", "\u0089PNG\r\n\u001A"],
    ["image/jpeg", ""],
    ["image/webp", "RIFF\u0001\u0002\u0003\u0004WAVE"],
    ["image/svg+xml", "<html><svg></svg></html>"],
    ["image/svg+xml", "<svgx>"],
    ["image/svg+xml", `<!--${" ".repeat(2_000)}--><svg>`],
  ])("%s does not begin like %j", (type, text) => {
    expect(beginsAs(type, bytes(text))).toBe(false);
  });

  it("is read without parameters, and is application/octet-stream when it cannot be parsed", () => {
    expect(typeOf("Image/PNG; charset=x")).toBe("image/png");
    for (const field of [undefined, null, "", "png", "a/b/c", "text/html\r\nX: y", "text/ht ml"]) {
      expect(typeOf(field)).toBe("application/octet-stream");
    }
  });

  it("may be shown by a browser only when it can contain no script", () => {
    const shown = ["image/png", "image/jpeg", "image/gif", "image/webp"];
    for (const type of shown) expect(isShown(type)).toBe(true);
    for (const type of ["image/svg+xml", "text/html", "application/pdf", "text/xml"]) {
      expect(isShown(type)).toBe(false);
    }
  });
});

describe("a range (RFC 9110 §14)", () => {
  it.each([
    ["bytes=0-0", { offset: 0, length: 1 }],
    ["bytes=2-5", { offset: 2, length: 4 }],
    ["bytes=7-", { offset: 7, length: 3 }],
    ["bytes=0-999", { offset: 0, length: 10 }],
    ["bytes=-3", { offset: 7, length: 3 }],
    ["bytes=-999", { offset: 0, length: 10 }],
    ["bytes=10-", "none"],
    ["bytes=10-12", "none"],
    ["bytes=-0", "none"],
    ["bytes=5-2", "whole"],
    ["bytes=0-1,3-4", "whole"],
    ["lines=0-1", "whole"],
    ["bytes=-", "whole"],
    ["bytes=a-b", "whole"],
    [null, "whole"],
  ])("%s of ten bytes", (field, expected) => {
    expect(rangeOf(field, 10)).toEqual(expected);
  });

  it("never leaves the file", () => {
    const number = fc.option(fc.nat({ max: 200 }), { nil: "" });
    fc.assert(
      fc.property(number, number, fc.nat({ max: 100 }), (first, last, size) => {
        const range = rangeOf(`bytes=${first}-${last}`, size);
        if (typeof range === "string") return;
        expect(range.offset).toBeGreaterThanOrEqual(0);
        expect(range.length).toBeGreaterThan(0);
        expect(range.offset + range.length).toBeLessThanOrEqual(size);
      }),
    );
  });
});

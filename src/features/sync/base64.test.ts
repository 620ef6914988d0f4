import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeBase64, isBase64 } from "./base64.ts";

const encode = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
const characters = (text: string): string[] => text.split("");

describe("base64 (RFC 4648 §4)", () => {
  it("gives back the bytes of every encoded text", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(decodeBase64(encode(bytes))).toEqual(Uint8Array.from(bytes));
      }),
    );
  });

  it("accepts no text that an encoder would not write", () => {
    const alphabet = fc.constantFrom(...characters("ABQgwEz059+/=-_ \n\u0000é"));
    fc.assert(
      fc.property(fc.string({ unit: alphabet, maxLength: 12 }), (text) => {
        const bytes = decodeBase64(text);
        if (bytes !== null) expect(encode(bytes)).toBe(text);
        expect(isBase64(text)).toBe(bytes !== null);
      }),
      { numRuns: 2_000 },
    );
  });

  it("refuses one changed character outside of the alphabet, wherever it is", () => {
    const text = fc.uint8Array({ minLength: 1, maxLength: 60 }).map(encode);
    fc.assert(
      fc.property(
        text,
        fc.nat(),
        fc.constantFrom(...characters("-_ \t\n.,~%ÿ")),
        (good, at, bad) => {
          const place = at % good.length;
          expect(isBase64(good.slice(0, place) + bad + good.slice(place + 1))).toBe(false);
        },
      ),
    );
  });

  it.each([
    ["without padding", "AAA"],
    ["with too much padding", "AAAA===="],
    ["with padding in the middle", "AA==AAAA"],
    ["of base64url", "__-_"],
    ["with a line feed at its end", "AAAA\n"],
    ["with bits that belong to no byte", "AB=="],
    ["of padding alone", "===="],
  ])("refuses a text %s", (_, text) => {
    expect(decodeBase64(text)).toBeNull();
  });

  it("takes no longer than linear time", () => {
    expect(isBase64(`${"A".repeat(4_000_000)}!AAA`)).toBe(false);
  });
});

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesOfHex, hexOf, isLongerThan, prefixed, sha256 } from "./bytes.ts";

describe("bytes", () => {
  it("stay the same when they are converted to hexadecimal digits and back", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(hexOf(bytes)).toBe(Buffer.from(bytes).toString("hex"));
        expect([...bytesOfHex(hexOf(bytes))]).toEqual([...bytes]);
        expect([...bytesOfHex(hexOf(bytes).toUpperCase())]).toEqual([...bytes]);
      }),
    );
  });

  it("can be prefixed with a text in UTF-8", () => {
    expect([...prefixed("é.", Uint8Array.of(0, 255))]).toEqual([0xc3, 0xa9, 0x2e, 0, 255]);
    expect(prefixed("", new Uint8Array())).toHaveLength(0);
  });

  it("of a text are counted as UTF-8", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.nat(64), (text, most) => {
        expect(isLongerThan(text, most)).toBe(Buffer.byteLength(text) > most);
      }),
    );
  });

  it("have a digest (FIPS 180-4, the message abc)", async () => {
    expect(hexOf(await sha256("abc"))).toBe(
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
  });
});

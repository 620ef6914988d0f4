import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { isDeeperThan, type JsonSize, overSize } from "./json-size.ts";
import { FRAME_DEPTH_MAX } from "./limits.ts";

const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
const NO_LIMIT: JsonSize = { depth: Infinity, parts: Infinity, length: Infinity };

function depthOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

/** Values of lists and objects, and the outermost one. */
function valuesOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 1;
  return Object.values(value).reduce((sum: number, inner) => sum + valuesOf(inner), 1);
}

/** The lowest limit that a text is within. */
function measured(json: string, name: keyof JsonSize): number {
  let low = 0;
  let high = json.length;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (overSize(json, { ...NO_LIMIT, [name]: middle }) === null) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The same JSON with all characters of strings as escapes. */
function escaped(json: string): string {
  const hex = (text: string): string =>
    [...Array(text.length).keys()]
      .map((at) => `\\u${text.charCodeAt(at).toString(16).padStart(4, "0")}`)
      .join("");
  return json.replaceAll(
    /"(?:[^"\\]|\\.)*"/g,
    (string) => `"${hex(JSON.parse(string) as string)}"`,
  );
}

test("a text is as deep as its value, whatever its strings contain", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.nat(6), (value, most) => {
      const padded = `${JSON.stringify(value)}       `;
      expect(isDeeperThan(padded, most)).toBe(depthOf(value) > most);
    }),
  );
  expect(isDeeperThan('["[[[[\\"[[[["]', 1)).toBe(false);
});

test("one level more than the limit is too deep, and broken text is no failure", () => {
  expect(isDeeperThan(nested(FRAME_DEPTH_MAX), FRAME_DEPTH_MAX)).toBe(false);
  expect(isDeeperThan(nested(FRAME_DEPTH_MAX + 1), FRAME_DEPTH_MAX)).toBe(true);
  expect(isDeeperThan(`${"]".repeat(9)}"${"[".repeat(9)}\\`, 3)).toBe(false);
});

describe("the size of a JSON text", () => {
  const json = fc.json({ maxDepth: 4 });

  it("is the same however it is written, and never more than what is written of its value", () => {
    fc.assert(
      fc.property(json, (text) => {
        const value: unknown = JSON.parse(text);
        const short = JSON.stringify(value);
        for (const way of [short, JSON.stringify(value, null, "\t"), escaped(short)]) {
          expect(measured(way, "depth")).toBe(depthOf(value));
          expect(measured(way, "length")).toBe(measured(short, "length"));
        }
        expect(measured(short, "length")).toBeLessThanOrEqual(short.length);
      }),
    );
  });

  it("is no smaller than the number of its values", () => {
    fc.assert(
      fc.property(json, (text) => {
        const value: unknown = JSON.parse(text);
        expect(valuesOf(value)).toBeLessThanOrEqual(measured(text, "parts") + 1);
        expect(valuesOf(value)).toBeLessThanOrEqual(measured(text, "length"));
      }),
    );
  });

  it.each([
    ["0", { depth: 0, parts: 0, length: 1 }],
    ["-1.50e+10", { depth: 0, parts: 0, length: 1 }],
    ['""', { depth: 0, parts: 0, length: 2 }],
    ['"abc"', { depth: 0, parts: 0, length: 5 }],
    [String.raw`"\u0061\n\"\\"`, { depth: 0, parts: 0, length: 6 }],
    [String.raw`["\\","\"]["]`, { depth: 1, parts: 2, length: 11 }],
    [" [ true , null ] ", { depth: 1, parts: 2, length: 5 }],
    ['{"a":{"b":[]}}', { depth: 3, parts: 3, length: 14 }],
  ])("of %s is counted", (text, size) => {
    const names = ["depth", "parts", "length"] as const;
    expect(Object.fromEntries(names.map((name) => [name, measured(text, name)]))).toEqual(size);
  });

  it("ends with the text, also where a string or an escape does not", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...String.raw`" \ u [ ] { } , : 1 a`.split(" "), " ") }),
        (text) => {
          expect(overSize(text, NO_LIMIT)).toBeNull();
          expect(measured(text, "length")).toBeLessThanOrEqual(text.length + 1);
        },
      ),
    );
  });
});

import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import * as limits from "../../src/protocol/limits.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const NAMES = Object.keys(limits);
const isTest = (file: string): boolean => file.endsWith(".test.ts");
/** The list itself and its documentation. */
const ABOUT = ["src/protocol/limits.ts", "src/platform/http/limit-reference.ts"];

/** Names that no file has as a word. */
function absentFrom(sources: readonly string[], names: readonly string[]): string[] {
  const words = new Set(sources.flatMap((source) => source.match(/\b[A-Z][A-Z_]+\b/g) ?? []));
  return names.filter((name) => !words.has(name));
}

describe("every limit (src/protocol/limits.ts)", () => {
  const product: string[] = [];
  const tests: string[] = [];

  beforeAll(async () => {
    for (const area of ["src", "gateway-worker", "console/src"]) {
      for (const name of await readdir(path.join(ROOT, area), { recursive: true })) {
        const file = `${area}/${name}`;
        if (!/\.tsx?$/.test(file) || /node_modules|^src\/testing/.test(file)) continue;
        if (ABOUT.includes(file)) continue;
        const source = await readFile(path.join(ROOT, file), "utf8");
        (isTest(file) ? tests : product).push(source);
      }
    }
  });

  it("limits something", () => {
    expect(absentFrom(product, NAMES)).toEqual([]);
    expect(absentFrom(["SOME_MAX + 1", "SOME_MAX_BYTES"], ["SOME", "SOME_MAX"])).toEqual(["SOME"]);
  });

  it("is named by a test, but for what holds when a parameter is absent", () => {
    const tested = NAMES.filter((name) => !name.endsWith("_DEFAULT"));
    expect(absentFrom(tests, tested)).toEqual([]);
  });

  it("of bytes has its unit in docs/limits.md", async () => {
    const page = await readFile(path.join(ROOT, "docs/limits.md"), "utf8");
    const rows = page.split("\n").filter((line) => /^\| `\w+_BYTES/.test(line));
    expect(rows.length).toBeGreaterThan(10);
    expect(rows.filter((row) => !/ (?:bytes|[KM]iB) \|/.test(row))).toEqual([]);
  });
});

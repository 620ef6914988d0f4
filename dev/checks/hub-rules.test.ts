import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";

const ROOT = path.resolve(import.meta.dirname, "../..");

/** The rules that quoted texts name: a title may have a line of its own. Comments count for nothing. */
function rulesInTitles(source: string): string[] {
  return source
    .split("\n")
    .filter((line) => !/^\s*(?:\/\/|\/?\*)/.test(line))
    .flatMap((line) => line.match(/(["'`])(?:(?!\1).)*\1/g) ?? [])
    .flatMap((text) => text.match(/\bHUB-\d+\b/g) ?? []);
}

describe("every rule of a hub (src/hub/SPEC.md)", () => {
  it("is in the title of a test beside the code, and titles name no other rule", async () => {
    const spec = await readFile(path.join(ROOT, "src/hub/SPEC.md"), "utf8");
    const rules = new Set(spec.match(/(?<=^- \*\*)HUB-\d+\b/gm));
    expect(rules.size).toBeGreaterThan(20);
    const files = await readdir(path.join(ROOT, "src"), { recursive: true });
    // Suites that run with several implementations are no test files themselves.
    const tests = files.filter((name) => /\.test\.ts$|^testing\/[\w-]+-suite\.ts$/.test(name));
    const sources = await Promise.all(
      tests.map((name) => readFile(path.join(ROOT, "src", name), "utf8")),
    );
    const named = new Set(sources.flatMap(rulesInTitles));
    expect([...rules].filter((rule) => !named.has(rule))).toEqual([]);
    expect([...named].filter((rule) => !rules.has(rule))).toEqual([]);
  });

  it("counts only where it is in a title", () => {
    expect(rulesInTitles(`test("HUB-1 HUB-2 one's", () => {\n  'HUB-3 %s', // HUB-4`)).toEqual([
      "HUB-1",
      "HUB-2",
      "HUB-3",
    ]);
    expect(rulesInTitles('// "HUB-1"\n/** "HUB-2" */\n * "HUB-3"\nconst n = 4; // HUB-4')).toEqual(
      [],
    );
  });
});

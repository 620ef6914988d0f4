import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { expect, it } from "vitest";

const ROOT = path.resolve(import.meta.dirname, "../..");

/** Calls of Vitest's waits without a deadline. They give up after a second, which a busy machine exceeds. */
function hastyWaits(source: string): string[] {
  return [...source.matchAll(/\bvi\.wait(?:For|Until)\(/g)].flatMap(({ index }) => {
    const call = callAt(source, index);
    return /\bSOON\b|\btimeout:/.test(call) ? [] : [call];
  });
}

/** The text of the call that begins here, to its closing bracket. */
function callAt(source: string, start: number): string {
  let depth = 0;
  for (let at = source.indexOf("(", start); at < source.length; at += 1) {
    if (source[at] === "(") depth += 1;
    if (source[at] === ")") depth -= 1;
    if (depth === 0) return source.slice(start, at + 1);
  }
  return source.slice(start);
}

it("every wait of a test has a deadline that suits a busy machine (src/testing/soon.ts)", async () => {
  const areas = ["src", "gateway-worker", "console/src", "dev", "e2e", "bench"];
  const found = await Promise.all(
    areas.map(async (area) => {
      const names = await readdir(path.join(ROOT, area), { recursive: true });
      return names.map((name) => `${area}/${name}`);
    }),
  );
  const files = found
    .flat()
    .filter((file) => /\.tsx?$/.test(file) && !/node_modules|waits\.test/.test(file));
  const sources = await Promise.all(files.map((file) => readFile(path.join(ROOT, file), "utf8")));
  const hasty = files.flatMap((file, n) =>
    hastyWaits(sources[n] ?? "").map((call) => `${file}: ${call}`),
  );
  expect(hasty).toEqual([]);
  expect(hastyWaits("await vi.waitUntil(() => (a(), b), { interval: 5 });")).toHaveLength(1);
  expect(hastyWaits("await vi.waitFor(() => a(), SOON);")).toEqual([]);
});

import { readFile } from "node:fs/promises";
import path from "node:path";
import { expect, it } from "vitest";
import * as limits from "../../src/protocol/limits.ts";

const PAGE = path.resolve(import.meta.dirname, "../../docs/limits.md");

it("docs/limits.md has every limit with its value", async () => {
  const page = await readFile(PAGE, "utf8");
  const rows = [...page.matchAll(/^\| `([A-Z_]+)`\s*\| (\d+)\s*\|/gm)];
  const told = Object.fromEntries(rows.map(([, name = "", value]) => [name, Number(value)]));
  expect(told).toEqual({ ...limits });
});

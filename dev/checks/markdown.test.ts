/** The targets of the documents exist: files, headings, and the tests of every guarantee. */
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";

const ROOT = path.resolve(import.meta.dirname, "../..");
const LONGEST_ROW = 500;
const LEFT_OUT = /(?:^|\/)(?:node_modules|dist|\.[a-z]+)(?:\/|$)/;

type Page = { readonly file: string; readonly text: string };
let pages: readonly Page[];

beforeAll(async () => {
  const entries = await readdir(ROOT, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(".md"))
    .map((entry) => path.relative(ROOT, path.join(entry.parentPath, entry.name)))
    .filter((file) => !LEFT_OUT.test(file));
  pages = await Promise.all(
    files.map(async (file) => ({ file, text: await readFile(path.join(ROOT, file), "utf8") })),
  );
});

const escaped = (text: string): string => text.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`);
const withoutCode = (text: string): string => text.replaceAll(/^ *```[\s\S]*?^ *```$/gm, "");

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(text: string): ReadonlySet<string> {
  const headings = withoutCode(text).matchAll(/^#{1,6} (.+)$/gm);
  return new Set(
    [...headings].map(([, heading = ""]) =>
      heading
        .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}

it("links lead to files and headings that exist", async () => {
  expect(pages.length).toBeGreaterThan(20);
  const broken: string[] = [];
  for (const { file, text } of pages) {
    for (const [, target = ""] of withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [where = "", anchor] = target.split("#");
      const to = where === "" ? file : path.join(path.dirname(file), where);
      const there = await readFile(path.join(ROOT, to), "utf8").catch((error: unknown) =>
        Object(error).code === "EISDIR" ? "" : undefined,
      );
      if (there === undefined) broken.push(`${file}: ${target}`);
      else if (anchor !== undefined && !anchorsOf(there).has(anchor)) {
        broken.push(`${file}: ${target}: no such heading`);
      }
    }
  }
  expect(broken).toEqual([]);
});

it("table rows fit into an editor: long sentences are a list", () => {
  const long = pages.flatMap(({ file, text }) =>
    text
      .split("\n")
      .flatMap((line, index) =>
        /^\s*\|/.test(line) && line.length > LONGEST_ROW ? [`${file}:${index + 1}`] : [],
      ),
  );
  expect(long).toEqual([]);
});

describe("docs/guarantees.md", () => {
  const titles = new Map<string, readonly string[]>();

  /** Every text of a test file that can be a title, in order. */
  async function titlesIn(file: string): Promise<readonly string[]> {
    const known = titles.get(file);
    if (known !== undefined) return known;
    const text = await readFile(path.join(ROOT, file), "utf8");
    const found = [...text.matchAll(/"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`/g)].map(
      ([, double, backtick]) => (double ?? backtick ?? "").replaceAll("\\", ""),
    );
    titles.set(file, found);
    return found;
  }

  it("names an existing test for each guarantee", async () => {
    const text = pages.find(({ file }) => file === "docs/guarantees.md")?.text ?? "";
    const guarantees = text.split(/^- /m).slice(1);
    expect(guarantees.length).toBeGreaterThan(20);
    const problems: string[] = [];
    for (const guarantee of guarantees) {
      const [about = ""] = guarantee.split("\n");
      const tests = [...guarantee.matchAll(/\[`[^`]+`\]\(\.\.\/([^)]+\.test\.ts)\)([^[]*)/g)];
      if (tests.length === 0) problems.push(`no test: ${about}`);
      for (const [, file = "", names = ""] of tests) {
        const known = await titlesIn(file);
        for (const [, name = ""] of names.replaceAll(/\s+/g, " ").matchAll(/_([^_]+)_/g)) {
          // An ellipsis stands for any text that a title leaves out.
          const parts = name.split("…").map((part) => escaped(part.trim()));
          const pattern = new RegExp(`^${parts.join(".*")}$`);
          if (!known.some((title) => pattern.test(title))) problems.push(`${file}: ${name}`);
        }
      }
    }
    expect(problems).toEqual([]);
  });
});

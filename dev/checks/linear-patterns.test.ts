import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it, test } from "vitest";
import { parseSync } from "vite";

const ROOT = path.resolve(import.meta.dirname, "../..");

/** These files read only text of this repository or its developer, never external input. */
const READ_OUR_OWN = [
  "dev/stack",
  "dev/bundle-size.ts",
  "dev/workerd/",
  "dev/sdk/",
  "dev/bootstrap.mjs",
];

/** A repeat with at most this many extra choices counts as constant. */
const SHORT = 64;

/** At most this many ways through the short repeats and alternatives of a pattern count as constant. */
const CHOICES_MAX = 4_096;

type Pattern = { readonly where: string; readonly source: string; readonly flags: string };

/**
 * Why a pattern may take more than linear time; null: it is linear. The check is sufficient, not necessary: a
 * linear pattern has at most one long repeat, of a single character class, and either
 * - begins with `^`, so it is tried once, and the repeat has at most as many lengths as the text; or
 * - ends with the repeat. Nothing after the repeat can fail, so a try takes constant time or is the match, and the
 *   next try begins after it.
 */
function whyNotLinear(source: string, flags: string): string | null {
  const groups: { alternatives: number; product: number; hasLong: boolean; looks: boolean }[] = [];
  let present = { alternatives: 0, product: 1, hasLong: false, looks: false };
  const long: { readonly end: number; readonly captured: boolean; readonly looked: boolean }[] = [];
  let hasBackreference = false;
  let hasTopAlternatives = false;
  let at = 0;
  while (at < source.length) {
    let atom: { readonly choices: number; readonly hasLong: boolean; readonly isOne: boolean } = {
      choices: 1,
      hasLong: false,
      isOne: true,
    };
    const [char = ""] = source.slice(at);
    if (char === "(") {
      const [head = "("] = /^\((?:\?(?:[:=!]|<[=!]|<\w{1,60}>))?/.exec(source.slice(at)) ?? [];
      groups.push(present);
      present = { alternatives: 0, product: 1, hasLong: false, looks: /[=!]$/.test(head) };
      at += head.length;
      continue;
    }
    if (char === "|") {
      hasTopAlternatives ||= groups.length === 0;
      present = { ...present, alternatives: present.alternatives + present.product, product: 1 };
      at += 1;
      continue;
    }
    if (char === ")") {
      const { alternatives, product, hasLong } = present;
      atom = { choices: alternatives + product, hasLong, isOne: false };
      present = groups.pop() ?? present;
      at += 1;
    } else if (char === "[") {
      at = endOfClass(source, at);
    } else if (char === "\\") {
      const [escape = "\\"] =
        /^\\(?:[pPu]\{[^}]{1,60}\}|u[0-9a-f]{4}|x[0-9a-f]{2}|c[a-z]|k<\w{1,60}>|\d{1,3}|.)/i.exec(
          source.slice(at),
        ) ?? [];
      hasBackreference ||= /^\\(?:[1-9]|k<)/.test(escape);
      at += escape.length;
    } else at += 1;
    const [repeat = "", low = "1", comma, high] =
      /^(?:[*+?]|\{(\d{1,6})(,?)(\d{0,6})\})\??/.exec(source.slice(at)) ?? [];
    at += repeat.length;
    const [min, max] = boundsOf(repeat, low, comma, high);
    const isLong = max - min > SHORT;
    if (isLong && !atom.isOne) return "a long repeat of a group";
    if (atom.hasLong && max > 1) return "a repeat in a repeat";
    if (isLong) {
      const all = [...groups, present];
      const looked = all.some(({ looks }) => looks);
      long.push({ end: at, captured: groups.length > 0, looked });
    }
    present.hasLong ||= isLong || atom.hasLong;
    present.product *= atom.choices ** Math.min(max, SHORT) * (isLong ? 1 : max - min + 1);
  }
  if (present.alternatives + present.product > CHOICES_MAX) return "too many choices";
  const [only, ...others] = long;
  if (only === undefined) return null;
  if (others.length > 0) return "several long repeats";
  if (only.looked) return "a long repeat in a lookaround";
  if (only.captured && hasBackreference) return "a long repeat with a backreference";
  const isTriedOnce = source.startsWith("^") && !flags.includes("m") && !hasTopAlternatives;
  const isLast = /^\){0,9}$/.test(source.slice(only.end));
  return isTriedOnce || isLast ? null : "a long repeat before an end that may fail, at every start";
}

function boundsOf(
  repeat: string,
  low: string,
  comma: string | undefined,
  high: string | undefined,
): readonly [number, number] {
  switch (repeat[0]) {
    case undefined:
      return [1, 1];
    case "*":
      return [0, Infinity];
    case "+":
      return [1, Infinity];
    case "?":
      return [0, 1];
    default:
      if (comma !== ",") return [Number(low), Number(low)];
      return [Number(low), high === "" ? Infinity : Number(high)];
  }
}

/** Index after the character class that begins at `start`. */
function endOfClass(source: string, start: number): number {
  for (let at = start + 1; at < source.length; at += 1) {
    if (source[at] === "\\") at += 1;
    else if (source[at] === "]") return at + 1;
  }
  throw new Error(`a class without an end: ${source}`);
}

/** Every pattern in a file, found in its syntax tree. */
async function patternsIn(file: string): Promise<Pattern[]> {
  const text = await readFile(path.join(ROOT, file), "utf8");
  const found: Pattern[] = [];
  const visit = (node: unknown): void => {
    if (typeof node !== "object" || node === null) return;
    if ("regex" in node && "start" in node) {
      const { pattern, flags } = node.regex as { pattern: string; flags: string };
      const line = text.slice(0, Number(node.start)).split("\n").length;
      found.push({ where: `${file}:${line}`, source: pattern, flags });
    }
    if ("callee" in node && (node.callee as { name?: unknown }).name === "RegExp") {
      found.push({ where: `${file}: RegExp(…)`, source: madeSource(node), flags: "" });
    }
    for (const inner of Object.values(node)) visit(inner);
  };
  visit(parseSync(file, text).program);
  return found;
}

/** Source of `RegExp(…)`. A template may insert only one of our limits. */
function madeSource(call: object): string {
  const { arguments: [first] = [] } = call as {
    arguments?: { type: string; quasis?: { value: { cooked: string } }[] }[];
  };
  const { quasis } = first ?? {};
  return quasis === undefined ? "(made)+" : quasis.map(({ value }) => value.cooked).join("64");
}

async function sourceFiles(): Promise<string[]> {
  const folders = ["src", "gateway-worker", "console/src", "dev"];
  const lists = await Promise.all(
    folders.map(async (folder) =>
      (await readdir(path.join(ROOT, folder), { recursive: true }))
        .filter((file) => /\.(?:tsx?|mjs)$/.test(file) && !/\.test\.tsx?$/.test(file))
        .map((file) => `${folder}/${file}`),
    ),
  );
  return lists.flat().filter((file) => !READ_OUR_OWN.some((own) => file.startsWith(own)));
}

test("every pattern that reads external text runs in linear time", async () => {
  const patterns = (await Promise.all((await sourceFiles()).map(patternsIn))).flat();
  expect(patterns.length).toBeGreaterThan(80);
  const doubtful = patterns.flatMap(({ where, source, flags }) => {
    const why = whyNotLinear(source, flags);
    return why === null ? [] : [`${where}: /${source}/${flags}: ${why}`];
  });
  expect(doubtful).toEqual([]);
});

describe("the check of patterns", () => {
  it.each([
    [/\beyJ[\w-]{6,}(?:\.[\w-]*){2,4}/g, "a repeat in a repeat"],
    [/\/+$/, "a long repeat before an end that may fail, at every start"],
    [/^a+$/m, "a long repeat before an end that may fail, at every start"],
    [/^x|a+$/, "a long repeat before an end that may fail, at every start"],
    [/a[^b]{3,900}b/, "a long repeat before an end that may fail, at every start"],
    [/^(?:a+)+$/, "a long repeat of a group"],
    [/^(?:a|a)*$/, "a long repeat of a group"],
    [/^\s*x\s*$/, "several long repeats"],
    [/a{0,99}a{0,99}/, "several long repeats"],
    [/(?=a+)/g, "a long repeat in a lookaround"],
    [/^(a*)\1$/, "a long repeat with a backreference"],
    [/(?:a?){9}(?:b?){9}/, "too many choices"],
  ])("rejects %s", (pattern, why) => {
    expect(whyNotLinear(pattern.source, pattern.flags)).toBe(why);
  });

  it.each([
    /^[\w-]{1,64}$/,
    /^(?!ff)[0-9a-f]{2}-(?!0{16})[0-9a-f]{16}(-.*)?$/,
    /[\w.-]+/g,
    /\b(?:Bot|Basic) {1,9}[\w.~+/=-]{8,}/gi,
    /^(.)\1*$/,
    /[\]\\[]x\[a+/,
    /\p{L}{2}\u0041{1,3}|b/u,
  ])("lets %s pass", (pattern) => {
    expect(whyNotLinear(pattern.source, pattern.flags)).toBeNull();
  });
});

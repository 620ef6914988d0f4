// The size of the Worker's bundle, part by part, and the budget of each part. `npm run check` enforces them.

/** The members of esbuild's metafile that are used here. */
export type Metafile = {
  readonly inputs: Readonly<
    Record<string, { readonly imports: readonly { readonly original?: string }[] }>
  >;
  readonly outputs: Readonly<
    Record<
      string,
      { readonly inputs: Readonly<Record<string, { readonly bytesInOutput: number }>> }
    >
  >;
};

/** Budget of the whole Worker, KiB of gzip. With all five areas it will be 450. */
export const WORKER_MAX_KIB = 316;

/** Budget of each part, KiB of gzip. Their sum is a little more than the whole, because not all grow at once. */
const PART_MAX_KIB: Readonly<Record<string, number>> = {
  libraries: 127,
  protocol: 14,
  platform: 30,
  hub: 46,
  gateway: 8,
  rooms: 16,
  matches: 32,
  sync: 62,
  entry: 5,
};

/**
 * The import that `[alias]` of wrangler.toml replaces, and the package it is meant for. The alias matches the text
 * of an import only, whichever file contains it.
 */
const REPLACED = { import: "../locales/index.js", of: "node_modules/zod/" };

/** The part of the bundle that a file belongs to. A new area is a part of its own. */
function partOf(file: string): string {
  if (file.includes("node_modules/")) return "libraries";
  const area = /^(?:src\/features\/([^/]+)\/|drizzle\/([^/]+)\.ts$)/.exec(file);
  if (area !== null) return area[1] ?? area[2] ?? "entry";
  return /^src\/(protocol|platform|hub|gateway)\//.exec(file)?.[1] ?? "entry";
}

/**
 * Measures a bundle.
 * @param gzipBytes of the whole bundle. A part gets its share by its bytes before compression, so that the parts
 * add up to the whole.
 * @returns a line for each part, and the problems
 */
export function lookAtBundle(
  { inputs, outputs }: Metafile,
  gzipBytes: number,
  budgets = PART_MAX_KIB,
): { readonly lines: readonly string[]; readonly problems: readonly string[] } {
  const bytes = new Map<string, number>(Object.keys(budgets).map((part) => [part, 0]));
  let all = 0;
  for (const output of Object.values(outputs)) {
    for (const [file, { bytesInOutput }] of Object.entries(output.inputs)) {
      const part = partOf(file);
      bytes.set(part, (bytes.get(part) ?? 0) + bytesInOutput);
      all += bytesInOutput;
    }
  }
  const problems = Object.entries(inputs)
    .filter(([file, { imports }]) => {
      const isReplaced = imports.some(({ original }) => original === REPLACED.import);
      return isReplaced && !file.includes(REPLACED.of);
    })
    .map(([file]) => `${file} imports ${REPLACED.import}, which [alias] replaces: narrow it.`);
  if (all === 0) problems.push("The bundle is empty.");
  const lines: string[] = [];
  const weigh = (part: string, kib: number, most: number | undefined): void => {
    lines.push(`${part.padEnd(10)}${kib.toFixed(1).padStart(6)} of ${most ?? "?"} KiB`);
    if (most === undefined) problems.push(`${part} has no budget: give it one in this list.`);
    else if (kib > most) problems.push(`${part} has ${kib.toFixed(1)} KiB; at most ${most}.`);
  };
  const gzipKib = gzipBytes / 1024;
  for (const [part, size] of bytes) weigh(part, (gzipKib * size) / (all || 1), budgets[part]);
  weigh("whole", gzipKib, WORKER_MAX_KIB);
  return { lines, problems };
}

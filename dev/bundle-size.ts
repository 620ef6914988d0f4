// What the Worker weighs, part by part, and what each part may weigh. `npm run check` holds it.

/** What esbuild tells of a bundle, as far as it is read here. */
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

/** What the whole Worker may weigh, KiB of gzip. With all five areas it will be 450. */
export const WORKER_MAX_KIB = 230;

/** What each part may weigh, KiB of gzip. Together a little more than the whole: not all grow at once. */
const PART_MAX_KIB: Readonly<Record<string, number>> = {
  libraries: 118,
  protocol: 11,
  platform: 26,
  hub: 32,
  gateway: 8,
  rooms: 16,
  matches: 32,
  entry: 5,
};

/** What `[alias]` of wrangler.toml replaces, and whose it is: it goes by the text of an import alone. */
const REPLACED = { import: "../locales/index.js", of: "node_modules/zod/" };

/** The part that a file of the bundle belongs to; a new area is a part of its own. */
function partOf(file: string): string {
  if (file.includes("node_modules/")) return "libraries";
  const area = /^(?:src\/features\/([^/]+)\/|drizzle\/([^/]+)\.ts$)/.exec(file);
  if (area !== null) return area[1] ?? area[2] ?? "entry";
  return /^src\/(protocol|platform|hub|gateway)\//.exec(file)?.[1] ?? "entry";
}

/**
 * Looks at a bundle.
 * @param gzipBytes of the whole bundle. A part's is its share of the bytes before compression, so that
 * the parts add up to the whole.
 * @returns a line for each part, and what is wrong
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

import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const DOCUMENT = fileURLToPath(new URL("../../docs/benchmarks.md", import.meta.url));

/** Whose part of docs/benchmarks.md it is. */
type Section = "bench" | "matches" | "stalled" | "start";

/** The text with what stands between a section's markers replaced. @throws when a marker is missing */
export function replaceSection(text: string, section: Section, generated: string): string {
  const [startMark, endMark] = [`<!-- ${section}:start -->`, `<!-- ${section}:end -->`];
  const start = text.indexOf(startMark);
  const end = text.indexOf(endMark);
  if (start < 0 || end < start) throw new Error(`the document lacks ${startMark} and ${endMark}`);
  return `${text.slice(0, start + startMark.length)}\n\n${generated}\n\n${text.slice(end)}`;
}

/** Writes a section down. */
export async function writeSection(section: Section, generated: string): Promise<void> {
  await writeFile(DOCUMENT, replaceSection(await readFile(DOCUMENT, "utf8"), section, generated));
  console.log("\nwritten to docs/benchmarks.md");
}

import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";

/** Generated parts of a document, by the names in their markers. */
type Sections = Readonly<Record<string, string>>;

/** Replaces the text between `<!-- NAME:start -->` and `<!-- NAME:end -->`. @throws when a marker is missing */
export function fillSections(text: string, sections: Sections): string {
  let filled = text;
  for (const [name, content] of Object.entries(sections)) {
    const [startMark, endMark] = [`<!-- ${name}:start -->`, `<!-- ${name}:end -->`];
    const start = filled.indexOf(startMark);
    const end = filled.indexOf(endMark);
    if (start < 0 || end < start) throw new Error(`the document lacks ${startMark} and ${endMark}`);
    const before = filled.slice(0, start + startMark.length);
    filled = `${before}\n\n${content}\n\n${filled.slice(end)}`;
  }
  return filled;
}

/** Writes sections into a document. @param document its path in the repository */
export async function writeSections(document: string, sections: Sections): Promise<void> {
  const file = path.join(import.meta.dirname, "../..", document);
  await writeFile(file, fillSections(await readFile(file, "utf8"), sections));
  console.log(`\nwritten to ${document}`);
}

/**
 * Puts tables into a document: what stands between `<!-- simulate:NAME -->` and `<!-- /simulate -->`
 * is replaced. @throws when the document lacks one of them
 */
export function fillDocument(text: string, tables: Readonly<Record<string, string>>): string {
  let filled = text;
  for (const [name, content] of Object.entries(tables)) {
    const start = filled.indexOf(startMark(name));
    const end = filled.indexOf(END_MARK, start);
    if (start < 0 || end < 0) throw new Error(`the document has no place for ${name}`);
    const before = filled.slice(0, start + startMark(name).length);
    filled = `${before}\n\n${content}\n\n${filled.slice(end)}`;
  }
  return filled;
}

const END_MARK = "<!-- /simulate -->";

function startMark(name: string): string {
  return `<!-- simulate:${name} -->`;
}

/** How large a JSON text may be, counted on the text: its parser would already have built what is too large. */
export type JsonSize = {
  /** How deep lists and objects are nested. */
  readonly depth: number;
  /** Lists, objects, and what follows the first entry of each: no text has more than one more value than that. */
  readonly parts: number;
  /**
   * Characters that it has at least, however it is written: without white space, an escape and a number as one each.
   * So what `JSON.stringify` writes is never shorter, unless a name stands twice in one object.
   */
  readonly length: number;
};

/**
 * Whether arrays and objects of a JSON text are nested deeper than this. The parser takes any depth, but code that
 * walks through a value by recursion does not.
 */
export function isDeeperThan(json: string, most: number): boolean {
  if (json.length <= most) return false;
  return overSize(json, { depth: most, parts: Infinity, length: Infinity }) !== null;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;

/**
 * Which limit a JSON text is over; null: none. Linear, and no longer than it takes to find out: strings are skipped.
 * It need not be valid JSON, of which it says nothing.
 */
export function overSize(json: string, most: JsonSize): keyof JsonSize | null {
  let depth = 0;
  let parts = 0;
  let length = 0;
  const escapes = escapesOf(json);
  for (let at = 0; at < json.length; at += 1) {
    const code = json.charCodeAt(at);
    if (isSpace(code)) continue;
    length += 1;
    if (code === QUOTE) {
      const end = escapes.endOfString(at);
      length += end.characters + 1;
      at = end.at;
    } else if (code === 0x5b || code === 0x7b) {
      depth += 1;
      parts += 1;
      if (depth > most.depth) return "depth";
    } else if (code === 0x5d || code === 0x7d) {
      depth -= 1;
    } else if (code === COMMA) {
      parts += 1;
    } else if (code !== COLON) {
      while (isOfScalar(json.charCodeAt(at + 1))) at += 1;
    }
    if (parts > most.parts) return "parts";
    if (length > most.length) return "length";
  }
  return null;
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

/** Whether a number, `true`, `false` or `null` goes on with this. NaN, after the end of a text, is none. */
function isOfScalar(code: number): boolean {
  return (
    (code >= 0x30 && code <= 0x39) ||
    (code >= 0x61 && code <= 0x7a) ||
    code === 0x2e ||
    code === 0x2b ||
    code === 0x2d ||
    code === 0x45
  );
}

/** Finds the ends of strings by `indexOf`, which is far faster than a look at each character. */
function escapesOf(json: string) {
  /** The next backslash, which all strings before it need not look for again. */
  let escape = -1;
  const find = (text: string, from: number): number => {
    const at = json.indexOf(text, from);
    return at === -1 ? json.length : at;
  };
  return {
    /** @param quote where the string begins. @returns where its last quote is, and how many characters are between */
    endOfString(quote: number): { readonly at: number; readonly characters: number } {
      let saved = 0;
      let end = find('"', quote + 1);
      if (escape <= quote) escape = find("\\", quote + 1);
      while (escape < end) {
        const width = json[escape + 1] === "u" ? 6 : 2;
        saved += width - 1;
        const next = escape + width;
        if (end < next) end = find('"', next);
        escape = find("\\", next);
      }
      return { at: end, characters: Math.max(0, end - quote - 1 - saved) };
    },
  };
}

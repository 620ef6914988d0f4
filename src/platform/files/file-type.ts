/** Bytes at the beginning of a file that its type is checked by. */
const SNIFFED_BYTES = 1_024;

/** `?` in a signature: any byte. */
const ANY = 0x3f;

/** First bytes of the files of a type, one character for each byte; `?` is any byte. */
const SIGNATURES: Readonly<Record<string, readonly string[]>> = {
  "image/png": ["\u0089PNG\r\n\u001A\n"],
  "image/jpeg": ["\u00FF\u00D8\u00FF"],
  "image/gif": ["GIF87a", "GIF89a"],
  "image/webp": ["RIFF????WEBP"],
  "application/pdf": ["%PDF-"],
  "audio/mpeg": ["ID3", "\u00FF\u00FB", "\u00FF\u00F3", "\u00FF\u00F2"],
  "audio/ogg": ["OggS"],
  "audio/wav": ["RIFF????WAVE"],
};

/** Types that a browser may show, because they contain no scripts. */
const SHOWN: ReadonlySet<string> = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"]);

/** A part of a type's name (RFC 6838 §4.2). */
const TYPE_PART = /^[a-z0-9][\w!#$&^.+-]{0,126}$/;

/** The type of a `Content-Type` field, without parameters; `application/octet-stream` if it cannot be parsed. */
export function typeOf(field: string | null | undefined): string {
  const [text = ""] = (field ?? "").toLowerCase().split(";");
  const type = text.trim();
  const parts = type.split("/");
  const isType = parts.length === 2 && parts.every((part) => TYPE_PART.test(part));
  return isType ? type : "application/octet-stream";
}

/**
 * Whether a file begins as files of its declared type do. A type without a known signature, such as text, accepts
 * any content: files are served with headers that prevent scripts.
 * @param head the first 1,024 bytes or more, or the whole file
 */
export function beginsAs(type: string, head: Uint8Array): boolean {
  if (type === "image/svg+xml") {
    const text = new TextDecoder().decode(head.subarray(0, SNIFFED_BYTES));
    return /^<svg[\s/>]/.test(withoutProlog(text));
  }
  return SIGNATURES[type]?.some((signature) => startsWith(head, signature)) ?? true;
}

/** Whether a browser may show a file of this type, and not only save it. */
export function isShown(type: string): boolean {
  return SHOWN.has(type);
}

/** What may come before the root element of an XML document, as pairs of beginning and end. */
const PROLOG = [
  ["<?", "?>"],
  ["<!--", "-->"],
  ["<!DOCTYPE", ">"],
] as const;

/** An XML document from its root element on; empty if it has none. */
function withoutProlog(text: string): string {
  const rest = text.trimStart();
  const before = PROLOG.find(([start]) => rest.startsWith(start));
  if (before === undefined) return rest;
  const end = rest.indexOf(before[1]);
  return end === -1 ? "" : withoutProlog(rest.slice(end + before[1].length));
}

function startsWith(head: Uint8Array, signature: string): boolean {
  return Array.from(signature, (character) => character.codePointAt(0)).every(
    (byte, i) => byte === ANY || head[i] === byte,
  );
}

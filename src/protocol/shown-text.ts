/** Control characters and line ends. They become a space, so that words beside them stay apart. */
const BREAKS = /[\p{Cc}\p{Zl}\p{Zp}]+/gu;

/**
 * Invisible format characters, such as those that change the direction of text. Kept are the two joiners, which
 * shape emoji and Persian and Indic words, and up to six tag letters after a black flag, which make it the flag
 * of a region (UTS #51, emoji tag sequences).
 */
const MARKS =
  /(\u{1F3F4}[\u{E0030}-\u{E0039}\u{E0061}-\u{E007A}]{1,6}\u{E007F})|(?![\u200C\u200D])\p{Cf}/gu;

/** A visible character. U+2800, the empty Braille pattern, is not one. */
const SEEN = /[^\s\u2800\p{Default_Ignorable_Code_Point}]/u;

/**
 * Cleans a text from outside for display: well-formed, one line, without invisible characters, at most `max`
 * UTF-16 units; empty if nothing visible is left.
 */
export function shownText(value: unknown, max: number): string {
  if (typeof value !== "string") return "";
  const text = cleaned(value.toWellFormed());
  if (text.length <= max) return text;
  // The cut may fall into a surrogate pair, or into the tags of a flag.
  return cleaned(text.slice(0, max).replace(/[\uD800-\uDBFF]$/, ""));
}

function cleaned(text: string): string {
  const line = text.replaceAll(BREAKS, " ").replaceAll(MARKS, "$1").trim();
  return SEEN.test(line) ? line : "";
}

/** Controls and ends of lines: what is on both sides of them stays apart. */
const BREAKS = /[\p{Cc}\p{Zl}\p{Zp}]+/gu;

/**
 * Marks that have no shape, such as those that turn the direction of what follows. The two joiners are none
 * of them: they shape what is beside them, in emoji and in Persian and Indic words. Tags after a black flag
 * say whose it is, in at most six letters (UTS #51, emoji tag sequences).
 */
const MARKS =
  /(\u{1F3F4}[\u{E0030}-\u{E0039}\u{E0061}-\u{E007A}]{1,6}\u{E007F})|(?![\u200C\u200D])\p{Cf}/gu;

/** Something with a shape: U+2800 is an empty one. */
const SEEN = /[^\s\u2800\p{Default_Ignorable_Code_Point}]/u;

/**
 * A text from outside as it is shown: well-formed, one line, without marks that cannot be seen, at most
 * `max` UTF-16 units; empty when nothing of it can be seen.
 */
export function shownText(value: unknown, max: number): string {
  if (typeof value !== "string") return "";
  const text = cleaned(value.toWellFormed());
  if (text.length <= max) return text;
  // The cut may be in the middle of a character, or of a flag.
  return cleaned(text.slice(0, max).replace(/[\uD800-\uDBFF]$/, ""));
}

function cleaned(text: string): string {
  const line = text.replaceAll(BREAKS, " ").replaceAll(MARKS, "$1").trim();
  return SEEN.test(line) ? line : "";
}

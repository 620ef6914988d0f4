/** Characters that no name needs: controls, and marks that turn the direction of what follows. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu;

/** A text from outside as it is shown: one line, without what cannot be seen, at most `max` UTF-16 units. */
export function shownText(value: unknown, max: number): string {
  if (typeof value !== "string") return "";
  const text = value.replaceAll(UNSEEN, " ").trim();
  if (text.length <= max) return text;
  // Not in the middle of a character.
  return text.slice(0, max).replace(/[\uD800-\uDBFF]$/, "");
}

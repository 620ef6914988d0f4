/** What means something in Discord's Markdown; `@` and `<` also begin mentions. */
const MEANS_SOMETHING = /[\\*_~`|>#[\]()<@:.-]/g;

/** Nothing of these is seen, or it turns the text after it around. */
// oxlint-disable-next-line no-control-regex
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/**
 * A text that somebody else chose, such as a nickname, as Discord shows it letter for letter: no markup,
 * no mention, no link, no line of its own.
 */
export function escapeMarkdown(text: string): string {
  return text.replaceAll(UNSEEN, "").replaceAll(MEANS_SOMETHING, String.raw`\$&`);
}

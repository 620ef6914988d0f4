import { shownText } from "../../../protocol/shown-text.ts";

/** What means something in Discord's Markdown; `@` and `<` also begin mentions. */
const MEANS_SOMETHING = /[\\*_~`|>#[\]()<@:.-]/g;

/**
 * A text that somebody else chose, such as a nickname, as Discord shows it letter for letter: no markup,
 * no mention, no link, no line of its own.
 */
export function escapeMarkdown(text: string): string {
  return shownText(text, Number.POSITIVE_INFINITY).replaceAll(MEANS_SOMETHING, String.raw`\$&`);
}

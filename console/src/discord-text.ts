/** An escaped sign, a mention of a user, a time, or markup that only makes text stronger. */
const MARKUP = /\\([^\sA-Za-z0-9])|<@!?(\d{1,30})>|<t:(\d{1,11})(?::\w)?>|\*\*|`/g;

const DATE = new Intl.DateTimeFormat(undefined, { dateStyle: "long" });

/**
 * What people read of a message of the bot, as plain text: Discord's Markdown, as far as the bot
 * writes it.
 * @param nameOf what a user is called
 */
export function discordText(content: string, nameOf: (userId: string) => string): string {
  return content.replaceAll(
    MARKUP,
    (_all, sign: string | undefined, userId: string | undefined, seconds: string | undefined) => {
      if (sign !== undefined) return sign;
      if (userId !== undefined) return nameOf(userId);
      return seconds === undefined ? "" : DATE.format(Number(seconds) * 1_000);
    },
  );
}

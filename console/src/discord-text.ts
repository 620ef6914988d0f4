/** An escaped character, a mention of a user, a time, or markup that only adds emphasis. */
const MARKUP = /\\([^\sA-Za-z0-9])|<@!?(\d{1,30})>|<t:(\d{1,11})(?::\w)?>|\*\*|`/g;

const DATE = new Intl.DateTimeFormat(undefined, { dateStyle: "long" });

/**
 * A message of the bot as plain text: renders as much of Discord's Markdown as the bot uses.
 * @param nameOf the name of a user
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

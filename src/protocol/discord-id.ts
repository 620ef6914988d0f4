import { z } from "zod";

const PATTERN = /^(?!0\d{0,63}$)[\w-]{1,64}$/;

const FORM = z.string().regex(PATTERN, "an id has 1 to 64 letters, digits, - or _, and no 0 first");

/**
 * An id from Discord. Discord's ids are 64-bit numbers in decimal, but the contract's examples (`c1`, `u42`) are
 * not. So only what safety needs is checked: an id is safe in a URL path, and has no leading zero, because
 * Discord would read `012` and `12` as the same id.
 */
export const DiscordId = FORM.meta({
  description: "A Discord id",
  examples: ["123456789012345678"],
});

/** Whether a value is a {@link DiscordId}, without the cost of a schema. */
export function isDiscordId(value: unknown): value is string {
  return typeof value === "string" && PATTERN.test(value);
}

/**
 * The query parameter for the guild that a request is about. It has no example: the API page would send that with
 * every request whose sender leaves the parameter alone.
 */
export const AskedGuild = FORM.optional().meta({
  description:
    "The Discord id of a guild in the token's claim `guilds`; without this parameter, the primary guild. A token without that claim is for the primary guild only, and the parameter is ignored.",
});

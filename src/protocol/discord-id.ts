import { z } from "zod";

/**
 * An id from Discord. Discord's ids are 64-bit numbers in decimal, but the contract's examples (`c1`, `u42`) are
 * not. So only what safety needs is checked: an id is safe in a URL path, and has no leading zero, because
 * Discord would read `012` and `12` as the same id.
 */
export const DiscordId = z
  .string()
  .regex(/^(?!0\d{0,63}$)[\w-]{1,64}$/, "an id has 1 to 64 letters, digits, - or _, and no 0 first")
  .meta({ description: "A Discord id", examples: ["123456789012345678"] });

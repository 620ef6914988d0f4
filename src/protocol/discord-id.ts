import { z } from "zod";

/**
 * An id that Discord gave. Discord's are 64-bit numbers as decimal strings; the contract's own
 * examples (`c1`, `u42`) are not, so what is checked is what safety needs: it fits a URL path as it is, and
 * is no number with zeros before it, which Discord would read as another text's id.
 */
export const DiscordId = z
  .string()
  .regex(/^(?!0\d{0,63}$)[\w-]{1,64}$/, "an id has 1 to 64 letters, digits, - or _, and no 0 first")
  .meta({ description: "A Discord id", examples: ["123456789012345678"] });

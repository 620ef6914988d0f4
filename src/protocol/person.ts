import { z } from "zod";
import { PERSON_NAME_MAX_LENGTH } from "./limits.ts";
import { shownText } from "./shown-text.ts";

/** Discord's hash of a picture: 32 hexadecimal digits, after `a_` if it is animated. */
const AVATAR = /^(?:a_)?[0-9a-f]{1,64}$/;

const AVATAR_SIZE = 64;

/** A Discord user as the gateway-worker sends it with a voice state. */
export const DiscordUser = z.object({
  name: z
    .string()
    .transform((name) => shownText(name, PERSON_NAME_MAX_LENGTH))
    .refine((name) => name !== "", "a name has something that can be seen"),
  /** Discord's hash of the picture; null: none of their own. */
  avatar: z.string().regex(AVATAR).nullable(),
  bot: z.literal(true).exactOptional(),
});
export type DiscordUser = z.infer<typeof DiscordUser>;

/** What clients get of a user besides the id. */
export const Person = z.object({
  name: z.string().meta({ description: "As the guild sees it", examples: ["Ada"] }),
  avatarUrl: z.url().nullable().meta({ description: "A small picture at Discord; null: none" }),
});
export type Person = z.infer<typeof Person>;

/** A Discord user in the form for clients. */
export function shownPerson(userId: string, { name, avatar }: DiscordUser): Person {
  const avatarUrl =
    avatar === null
      ? null
      : `https://cdn.discordapp.com/avatars/${userId}/${avatar}.webp?size=${AVATAR_SIZE}`;
  return { name, avatarUrl };
}

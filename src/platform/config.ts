import { z } from "zod";
import { DiscordId } from "../protocol/discord-id.ts";
import { SecretValue } from "../protocol/secret.ts";
import { BaseUrl, defineConfig, HttpUrl } from "./variables.ts";

const Variables = z.object({
  DISCORD_BOT_TOKEN: SecretValue,
  DISCORD_API_URL: BaseUrl.default("https://discord.com/api/v10"),
  DISCORD_APPLICATION_ID: DiscordId.optional(),
  DISCORD_PUBLIC_KEY: z
    .string()
    .regex(/^[0-9a-f]{64}$/i, "the public key of the application has 64 hexadecimal digits")
    .optional(),
  DISCORD_CLIENT_SECRET: z.string().min(8).optional(),
  JWT_ISSUER: HttpUrl,
  JWT_AUDIENCE: z.string().min(1),
  JWT_PUBLIC_JWK_URL: HttpUrl,
  OIDC_CLIENT_ID: z.string().min(1).optional(),
  WEB_ORIGIN: z
    .string()
    .transform((list) => list.split(",").map((origin) => origin.trim()))
    .pipe(
      z.array(HttpUrl.refine((url) => new URL(url).origin === url, "an origin has no path")).min(1),
    ),
});

/** The variables of the platform: Discord and the identity provider, which every area needs. */
export const platformConfigOf = defineConfig(Variables, (vars) => ({
  discordBotToken: vars.DISCORD_BOT_TOKEN,
  /** Without a slash at the end. */
  discordApiUrl: vars.DISCORD_API_URL,
  /** The application of the bot: slash commands, and OAuth2 to find a person's Discord account. */
  discordApp: {
    id: vars.DISCORD_APPLICATION_ID,
    /** 64 hexadecimal digits; absent: `POST /interactions` is not configured. */
    publicKey: vars.DISCORD_PUBLIC_KEY,
    clientSecret: vars.DISCORD_CLIENT_SECRET,
    /** Where a person authorizes us to read their identity (OAuth2). */
    authorizeUrl: `${new URL(vars.DISCORD_API_URL).origin}/oauth2/authorize`,
  },
  jwt: {
    issuer: vars.JWT_ISSUER,
    audience: vars.JWT_AUDIENCE,
    jwksUrl: vars.JWT_PUBLIC_JWK_URL,
  },
  /** Client id of the page at the identity provider; absent: the page says that sign-in is not configured. */
  oidcClientId: vars.OIDC_CLIENT_ID,
  webOrigins: vars.WEB_ORIGIN,
}));

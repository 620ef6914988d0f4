import { z } from "zod";
import { DiscordId } from "./protocol/discord-id.ts";
import { SOCKETS_PER_HUB, SOCKETS_PER_OBJECT, SOCKETS_PER_RELAY } from "./protocol/limits.ts";
import { SecretValue } from "./protocol/secret.ts";

const HttpUrl = z.url({ protocol: /^https?$/, abort: true });

/** What wrangler.toml says for staging and production until somebody fills it in. */
const PLACEHOLDER = "replace-with-your";

const Variables = z.object({
  PRIMARY_GUILD_ID: DiscordId,
  HUB_SECRET: SecretValue,
  HUB_SECRET_PREVIOUS: SecretValue.optional(),
  DISCORD_BOT_TOKEN: SecretValue,
  DISCORD_API_URL: HttpUrl.default("https://discord.com/api/v10"),
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
  SOCKETS_PER_HUB: z.coerce.number().int().min(1).max(SOCKETS_PER_OBJECT).default(SOCKETS_PER_HUB),
  SOCKETS_PER_RELAY: z.coerce
    .number()
    .int()
    .min(1)
    .max(SOCKETS_PER_OBJECT)
    .default(SOCKETS_PER_RELAY),
  ROOM_NAME_PREFIX: z.string().min(1).max(80).default("spell-coven"),
  ROOM_IDLE_MINUTES: z.coerce.number().min(0).max(10_080).default(15),
});

/** The variables, parsed. */
export type Config = {
  readonly primaryGuildId: string;
  /** The present key first, then the previous one while it is rotated. */
  readonly hubSecrets: readonly [string, ...string[]];
  readonly discordBotToken: string;
  /** Without a slash at the end. */
  readonly discordApiUrl: string;
  readonly jwt: { readonly issuer: string; readonly audience: string; readonly jwksUrl: string };
  /** Client id of the page at the identity provider; absent: the page says that sign-in is not set up. */
  readonly oidcClientId: string | undefined;
  readonly webOrigins: readonly string[];
  /** Sockets that a hub holds before new clients go to relays, and that each relay holds. */
  readonly socketsPerHub: number;
  readonly socketsPerRelay: number;
  readonly roomNamePrefix: string;
  /** 0: rooms never end by themselves. */
  readonly roomIdleMs: number;
};

/** A variable is missing or malformed; the message names each. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/**
 * Parses the variables of the Worker. Also used by `npm start`, so that both refuse the same.
 * @throws ConfigError that names each variable which is missing or malformed
 */
export function parseConfig(variables: Readonly<Record<string, unknown>>): Config {
  // An empty line in a file of variables means that it is not set.
  const set = Object.entries(variables).filter(([, value]) => value !== "");
  const unfilled = set.filter(([, value]) => String(value).includes(PLACEHOLDER));
  if (unfilled.length > 0) {
    const names = unfilled.map(([name]) => name).join(", ");
    throw new ConfigError(`Configuration: ${names}: still the placeholder of wrangler.toml.`);
  }
  const parsed = Variables.safeParse(Object.fromEntries(set));
  if (!parsed.success) {
    const rows = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
    throw new ConfigError(`Configuration: ${rows.join("; ")}. See .dev.vars.example.`);
  }
  const vars = parsed.data;
  return {
    primaryGuildId: vars.PRIMARY_GUILD_ID,
    hubSecrets: [
      vars.HUB_SECRET,
      ...(vars.HUB_SECRET_PREVIOUS === undefined ? [] : [vars.HUB_SECRET_PREVIOUS]),
    ],
    discordBotToken: vars.DISCORD_BOT_TOKEN,
    discordApiUrl: vars.DISCORD_API_URL.replace(/\/+$/, ""),
    jwt: {
      issuer: vars.JWT_ISSUER,
      audience: vars.JWT_AUDIENCE,
      jwksUrl: vars.JWT_PUBLIC_JWK_URL,
    },
    oidcClientId: vars.OIDC_CLIENT_ID,
    webOrigins: vars.WEB_ORIGIN,
    socketsPerHub: vars.SOCKETS_PER_HUB,
    socketsPerRelay: vars.SOCKETS_PER_RELAY,
    roomNamePrefix: vars.ROOM_NAME_PREFIX,
    roomIdleMs: vars.ROOM_IDLE_MINUTES * 60_000,
  };
}

import { z } from "zod";
import { DiscordId } from "../src/protocol/discord-id.ts";
import { SecretValue } from "../src/protocol/secret.ts";

const HttpUrl = z.url({ protocol: /^https?$/, error: "must be an http or https address" });

/** The variables of rooms.md §6. */
const Variables = z
  .object({
    DISCORD_BOT_TOKEN: SecretValue,
    PRIMARY_GUILD_ID: DiscordId,
    HUB_ENDPOINT: HttpUrl,
    HUB_SECRET: SecretValue,
    HUB_SECRET_PREVIOUS: SecretValue.optional(),
    DISCORD_API_URL: HttpUrl.default("https://discord.com/api/v10"),
    DISCORD_COMPRESS: z
      .literal("zlib-stream", { error: "must be zlib-stream, or not be set" })
      .optional(),
    HOST: z.string().default("0.0.0.0"),
    PORT: z
      .string()
      .regex(/^\d{1,5}$/, "must be a port number")
      .transform(Number)
      .refine((port) => port <= 65_535, "must be a port number")
      .default(8790),
    STATE_DIR: z.string().default(".state/gateway-worker"),
  })
  .transform((vars) => ({
    discordBotToken: vars.DISCORD_BOT_TOKEN,
    primaryGuildId: vars.PRIMARY_GUILD_ID,
    hubEndpoint: vars.HUB_ENDPOINT,
    /** The current key, then during a rotation the previous one: each request is signed with both. */
    hubSecrets: [
      vars.HUB_SECRET,
      ...(vars.HUB_SECRET_PREVIOUS === undefined ? [] : [vars.HUB_SECRET_PREVIOUS]),
    ],
    /** Without a trailing slash. */
    discordApiUrl: vars.DISCORD_API_URL.replace(/\/{1,9}$/, ""),
    compress: vars.DISCORD_COMPRESS !== undefined,
    host: vars.HOST,
    /** 0 means any free port. */
    port: vars.PORT,
    stateDir: vars.STATE_DIR,
  }));

/** The parsed variables. */
export type Config = Readonly<z.output<typeof Variables>>;

/** The configuration, or a message that names each missing or malformed variable. */
export type ParsedConfig =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly message: string };

/** Parses the environment. An empty variable counts as not set: container hosts and `.env` files clear them so. */
export function parseConfig(
  environment: Readonly<Record<string, string | undefined>>,
): ParsedConfig {
  const present = Object.entries(environment).filter(([, value]) => value !== "");
  const parsed = Variables.safeParse(Object.fromEntries(present));
  if (!parsed.success) {
    const named = parsed.error.issues.map(({ path, message }) => {
      const name = path.join(".");
      return environment[name] === undefined || environment[name] === ""
        ? `${name} is missing`
        : `${name}: ${message}`;
    });
    return {
      ok: false,
      message: `Configuration: ${named.join("; ")}. gateway-worker/README.md explains each variable.`,
    };
  }
  return { ok: true, config: parsed.data };
}

import { z } from "zod";
import { DiscordId } from "./protocol/discord-id.ts";
import { FaceitId } from "./protocol/match.ts";
import { SOCKETS_PER_HUB, SOCKETS_PER_OBJECT, SOCKETS_PER_RELAY } from "./protocol/limits.ts";
import { SecretValue } from "./protocol/secret.ts";

const HttpUrl = z.url({ protocol: /^https?$/, abort: true });

const LOOPBACK: ReadonlySet<string> = new Set(["127.0.0.1", "localhost", "[::1]"]);

/** Where browsers are sent back to with a code: anybody on the way could read it over plain http. */
const ReturnUrl = HttpUrl.refine((text) => {
  const { protocol, hostname } = new URL(text);
  return protocol === "https:" || LOOPBACK.has(hostname);
}, "must be https, unless it is this machine");

/** What wrangler.toml says for staging and production until somebody fills it in. */
const PLACEHOLDER = "replace-with-your";

/** A list separated by commas. */
const List = z.string().transform((list) =>
  list
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== ""),
);

/** `<id>` or `<id>=<guild>` of an organizer, hub or championship, separated by commas. */
const Organizers = List.transform((items, context) =>
  items.flatMap((item) => {
    const [id = "", guildId] = item.split("=", 2);
    if (FaceitId.safeParse(id).success && DiscordId.optional().safeParse(guildId).success) {
      return [{ id, guildId: guildId ?? null }];
    }
    context.addIssue({ code: "custom", message: `"${item}" is neither <id> nor <id>=<guild id>` });
    return [];
  }),
);

/** `<id>` of something in the primary guild, or `<id>=<guild>`, separated by commas: one for each guild. */
const ByGuild = List.transform((items, context) => {
  const found = items.flatMap((item) => {
    const [id, guildId, ...more] = item.split("=");
    const isRead =
      DiscordId.safeParse(id).success &&
      DiscordId.optional().safeParse(guildId).success &&
      more.length === 0;
    if (isRead) return [{ id: id ?? "", guildId: guildId ?? null }];
    context.addIssue({ code: "custom", message: `"${item}" is neither <id> nor <id>=<guild id>` });
    return [];
  });
  // Nothing in Discord is in two guilds.
  if (new Set(found.map(({ id }) => id)).size < found.length) {
    context.addIssue({ code: "custom", message: "names the same id twice" });
  }
  return found;
});

const OnOff = z.enum(["on", "off"]).transform((value) => value === "on");

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
  DISCORD_APPLICATION_ID: DiscordId.optional(),
  DISCORD_PUBLIC_KEY: z
    .string()
    .regex(/^[0-9a-f]{64}$/i, "the public key of the application has 64 hexadecimal digits")
    .optional(),
  DISCORD_CLIENT_SECRET: z.string().min(8).optional(),
  FACEIT_WEBHOOK_SECRET: SecretValue.optional(),
  FACEIT_WEBHOOK_SECRET_PREVIOUS: SecretValue.optional(),
  FACEIT_WEBHOOK_HEADER: z
    .string()
    .regex(/^[\w-]{1,64}$/, "the name of a header")
    .default("X-Webhook-Secret"),
  FACEIT_WEBHOOK_QUERY: z
    .string()
    .regex(/^[\w-]{1,64}$/, "the name of a query parameter")
    .optional(),
  FACEIT_API_KEY: z.string().min(8).optional(),
  FACEIT_API_URL: HttpUrl.default("https://open.faceit.com/data/v4"),
  FACEIT_CLIENT_ID: z.string().min(1).optional(),
  FACEIT_CLIENT_SECRET: z.string().min(8).optional(),
  FACEIT_REDIRECT_URI: ReturnUrl.optional(),
  FACEIT_AUTH_URL: HttpUrl.default("https://accounts.faceit.com"),
  FACEIT_TOKEN_URL: HttpUrl.default("https://api.faceit.com/auth/v1/oauth/token"),
  FACEIT_USERINFO_URL: HttpUrl.default("https://api.faceit.com/auth/v1/resources/userinfo"),
  FACEIT_ORGANIZERS: Organizers.default([]),
  VC_CATEGORY_ID: ByGuild.default([]),
  LOBBY_VC_ID: ByGuild.default([]),
  MATCH_MOVE_FROM: z.enum(["lobby", "anywhere"]).optional(),
  MATCH_NOTICE_CHANNEL_ID: ByGuild.default([]),
  MATCH_STAFF_ROLE_ID: ByGuild.default([]),
  MATCH_GRACE_SECONDS: z.coerce.number().min(0).max(3_600).default(60),
  MATCH_SKIP_EMPTY_FACTIONS: OnOff.default(false),
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
  /** The application that the bot belongs to: slash commands, and who somebody is in Discord. */
  readonly discordApp: {
    readonly id: string | undefined;
    /** 64 hexadecimal digits; absent: `POST /interactions` is not set up. */
    readonly publicKey: string | undefined;
    readonly clientSecret: string | undefined;
    /** Where a person says who they are (OAuth2). */
    readonly authorizeUrl: string;
  };
  readonly faceit: FaceitConfig;
  readonly match: MatchConfig;
};

/** What talks to FACEIT. */
export type FaceitConfig = {
  /** The present secret first; empty: webhooks are not set up. */
  readonly webhookSecrets: readonly string[];
  readonly webhookHeader: string;
  /** Name of the query parameter that may carry the secret; absent: only the header may. */
  readonly webhookQuery: string | undefined;
  /** Key of the Data API; absent: rosters come from the webhooks themselves. */
  readonly apiKey: string | undefined;
  /** Without a slash at the end. */
  readonly apiUrl: string;
  /** Absent: nobody can link an account. */
  readonly oauth:
    | {
        readonly clientId: string;
        /** Absent: a public client. */
        readonly clientSecret: string | undefined;
        readonly redirectUri: string;
        readonly authorizeUrl: string;
        readonly tokenUrl: string;
        readonly userinfoUrl: string;
      }
    | undefined;
  /** Whose matches are ours, and in which guild (null: the primary one); empty: everybody's. */
  readonly organizers: readonly { readonly id: string; readonly guildId: string | null }[];
};

/** How matches are played out in Discord. {@link matchSettingsOf} reads it. */
export type MatchConfig = {
  /** Guilds that have something of their own. */
  readonly guilds: ReadonlyMap<string, MatchSettings>;
  readonly elsewhere: MatchSettings;
};

/** How matches are played out in one guild. */
export type MatchSettings = {
  readonly categoryId: string | undefined;
  readonly lobbyId: string | undefined;
  /** Whether players are moved from every voice channel or only from the lobby. */
  readonly moveFrom: "lobby" | "anywhere";
  /** Text channel for notices; absent: there are none. */
  readonly noticeChannelId: string | undefined;
  readonly staffRoleId: string | undefined;
  /** Channels stay this long after the end. */
  readonly graceMs: number;
  /** Whether a side without a linked player gets no channel. */
  readonly skipEmptyFactions: boolean;
};

/** The settings of a guild: what is another guild's never holds here. */
export function matchSettingsOf({ match }: Pick<Config, "match">, guildId: string): MatchSettings {
  return match.guilds.get(guildId) ?? match.elsewhere;
}

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
    discordApiUrl: vars.DISCORD_API_URL.replace(/\/{1,9}$/, ""),
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
    discordApp: {
      id: vars.DISCORD_APPLICATION_ID,
      publicKey: vars.DISCORD_PUBLIC_KEY,
      clientSecret: vars.DISCORD_CLIENT_SECRET,
      authorizeUrl: `${new URL(vars.DISCORD_API_URL).origin}/oauth2/authorize`,
    },
    faceit: faceitConfig(vars),
    match: matchConfig(vars),
  };
}

function faceitConfig(vars: z.output<typeof Variables>): FaceitConfig {
  const { FACEIT_CLIENT_ID: clientId, FACEIT_REDIRECT_URI: redirectUri } = vars;
  return {
    webhookSecrets: [vars.FACEIT_WEBHOOK_SECRET, vars.FACEIT_WEBHOOK_SECRET_PREVIOUS].flatMap(
      (secret) => secret ?? [],
    ),
    webhookHeader: vars.FACEIT_WEBHOOK_HEADER,
    webhookQuery: vars.FACEIT_WEBHOOK_QUERY,
    apiKey: vars.FACEIT_API_KEY,
    apiUrl: vars.FACEIT_API_URL.replace(/\/{1,9}$/, ""),
    oauth:
      clientId === undefined || redirectUri === undefined
        ? undefined
        : {
            clientId,
            clientSecret: vars.FACEIT_CLIENT_SECRET,
            redirectUri,
            authorizeUrl: vars.FACEIT_AUTH_URL,
            tokenUrl: vars.FACEIT_TOKEN_URL,
            userinfoUrl: vars.FACEIT_USERINFO_URL,
          },
    organizers: vars.FACEIT_ORGANIZERS,
  };
}

type GuildVariable =
  | "VC_CATEGORY_ID"
  | "LOBBY_VC_ID"
  | "MATCH_NOTICE_CHANNEL_ID"
  | "MATCH_STAFF_ROLE_ID";

function matchConfig(vars: z.output<typeof Variables>): MatchConfig {
  const byGuild = (name: GuildVariable): ReadonlyMap<string, string> => {
    const ids = vars[name].map(
      ({ id, guildId }) => [guildId ?? vars.PRIMARY_GUILD_ID, id] as const,
    );
    const found = new Map(ids);
    if (found.size === ids.length) return found;
    throw new ConfigError(
      `Configuration: ${name}: names two ids for one guild. See .dev.vars.example.`,
    );
  };
  const categories = byGuild("VC_CATEGORY_ID");
  const lobbies = byGuild("LOBBY_VC_ID");
  const notices = byGuild("MATCH_NOTICE_CHANNEL_ID");
  const roles = byGuild("MATCH_STAFF_ROLE_ID");
  /** @param guildId undefined: a guild that has nothing of its own */
  const settingsOf = (guildId: string | undefined): MatchSettings => {
    const idIn = (ids: ReadonlyMap<string, string>): string | undefined =>
      guildId === undefined ? undefined : ids.get(guildId);
    const lobbyId = idIn(lobbies);
    return {
      categoryId: idIn(categories),
      lobbyId,
      moveFrom: vars.MATCH_MOVE_FROM ?? (lobbyId === undefined ? "anywhere" : "lobby"),
      noticeChannelId: idIn(notices),
      staffRoleId: idIn(roles),
      graceMs: vars.MATCH_GRACE_SECONDS * 1_000,
      skipEmptyFactions: vars.MATCH_SKIP_EMPTY_FACTIONS,
    };
  };
  const guildIds = new Set([categories, lobbies, notices, roles].flatMap((ids) => [...ids.keys()]));
  return {
    guilds: new Map([...guildIds].map((guildId) => [guildId, settingsOf(guildId)])),
    elsewhere: settingsOf(undefined),
  };
}

import { z } from "zod";
import { guildConfigOf } from "../../hub/guild-config.ts";
import {
  type AreaConfig,
  BaseUrl,
  ByGuild,
  ConfigError,
  defineConfig,
  HttpUrl,
  List,
  OnOff,
  ReturnUrl,
} from "../../platform/variables.ts";
import { DiscordId } from "../../protocol/discord-id.ts";
import { FaceitId } from "../../protocol/match.ts";
import { SecretValue } from "../../protocol/secret.ts";

/** `<id>` or `<id>=<guild>` of an organizer, hub or championship, separated by commas. */
const Organizers = List.transform((items, context) =>
  items.flatMap((item) => {
    const [id = "", guildId, ...more] = item.split("=");
    const isRead =
      FaceitId.safeParse(id).success &&
      DiscordId.optional().safeParse(guildId).success &&
      more.length === 0;
    if (isRead) {
      return [{ id, guildId: guildId ?? null }];
    }
    context.addIssue({ code: "custom", message: `"${item}" is neither <id> nor <id>=<guild id>` });
    return [];
  }),
);

const Variables = z.object({
  PRIMARY_GUILD_ID: DiscordId,
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
  FACEIT_API_URL: BaseUrl.default("https://open.faceit.com/data/v4"),
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

/** The match settings of all guilds. Read it with {@link matchSettingsOf}. */
type MatchConfig = {
  /** Guilds that a variable names. */
  readonly guilds: ReadonlyMap<string, MatchSettings>;
  /** Every other guild. */
  readonly elsewhere: MatchSettings;
};

/** The match settings of one guild. */
export type MatchSettings = {
  readonly categoryId: string | undefined;
  readonly lobbyId: string | undefined;
  /** From where players are moved: any voice channel, or the lobby only. */
  readonly moveFrom: "lobby" | "anywhere";
  /** Text channel for notices; absent: none are posted. */
  readonly noticeChannelId: string | undefined;
  readonly staffRoleId: string | undefined;
  /** How long channels stay after the end, milliseconds. */
  readonly graceMs: number;
  /** Whether a side without a linked player gets no channel. */
  readonly skipEmptyFactions: boolean;
};

/** The settings of a guild. Ids that were configured for another guild are never used. */
export function matchSettingsOf(
  { match }: Pick<MatchesConfig, "match">,
  guildId: string,
): MatchSettings {
  return match.guilds.get(guildId) ?? match.elsewhere;
}

/** The variables of FACEIT and of matches in Discord, beside those of the hubs. */
export const matchesConfigOf = defineConfig(
  Variables,
  (vars) => ({ faceit: faceitConfig(vars), match: matchConfig(vars) }),
  guildConfigOf,
);
export type MatchesConfig = ReturnType<typeof matchesConfigOf>;

/**
 * Matches run where rooms run, because a snapshot of the stream always has rooms. Without FACEIT's variables they
 * have nothing to do, and /ready reports that.
 */
export const matchesVariables: AreaConfig<MatchesConfig> = {
  startedBy: ["PRIMARY_GUILD_ID", "DISCORD_BOT_TOKEN"],
  needs: ["rooms"],
  parse: matchesConfigOf,
};

/** Credentials and addresses of FACEIT. */
export type FaceitConfig = MatchesConfig["faceit"];

function faceitConfig(vars: z.output<typeof Variables>) {
  const { FACEIT_CLIENT_ID: clientId, FACEIT_REDIRECT_URI: redirectUri } = vars;
  return {
    /** The current secret first, then the previous one; empty: webhooks are not set up. */
    webhookSecrets: [vars.FACEIT_WEBHOOK_SECRET, vars.FACEIT_WEBHOOK_SECRET_PREVIOUS].flatMap(
      (secret) => secret ?? [],
    ),
    webhookHeader: vars.FACEIT_WEBHOOK_HEADER,
    /** Name of the query parameter that may carry the secret; absent: only the header may. */
    webhookQuery: vars.FACEIT_WEBHOOK_QUERY,
    /** Key of the Data API; absent: rosters are taken from the webhooks. */
    apiKey: vars.FACEIT_API_KEY,
    /** Without a slash at the end. */
    apiUrl: vars.FACEIT_API_URL,
    /** Absent: nobody can link an account. */
    oauth:
      clientId === undefined || redirectUri === undefined
        ? undefined
        : {
            clientId,
            /** Absent: a public client. */
            clientSecret: vars.FACEIT_CLIENT_SECRET,
            redirectUri,
            authorizeUrl: vars.FACEIT_AUTH_URL,
            tokenUrl: vars.FACEIT_TOKEN_URL,
            userinfoUrl: vars.FACEIT_USERINFO_URL,
          },
    /** Organizers, hubs and championships of our matches, with their guild (null: the primary one); empty: all. */
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
    throw new ConfigError([`${name}: names two ids for one guild`]);
  };
  const categories = byGuild("VC_CATEGORY_ID");
  const lobbies = byGuild("LOBBY_VC_ID");
  const notices = byGuild("MATCH_NOTICE_CHANNEL_ID");
  const roles = byGuild("MATCH_STAFF_ROLE_ID");
  /** @param guildId undefined: a guild that no variable names */
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

/**
 * The guild that plays a match; null: none of our guilds.
 * @param owners ids of the match's hub, championship or queue and of its organizer, the most specific first:
 *   the first one that is configured decides
 */
export function guildOfOwners(
  owners: readonly string[],
  { organizers }: Pick<FaceitConfig, "organizers">,
  primaryGuildId: string,
): string | null {
  if (organizers.length === 0) return primaryGuildId;
  for (const id of owners) {
    const found = organizers.find((one) => one.id === id);
    if (found !== undefined) return found.guildId ?? primaryGuildId;
  }
  return null;
}

import path from "node:path";
import { areaNames, parseConfig } from "../../src/config.ts";
import { err, ok, type Result } from "../../src/platform/result.ts";
import { ConfigError, HttpUrl } from "../../src/platform/variables.ts";
import { localApplication } from "../discord/application.ts";
import { isSnowflake } from "../discord/snowflake.ts";
import {
  AREA_PARTS,
  DEFAULT_STATE,
  ofParts,
  type PartName,
  PORT_VARIABLES,
  STACK_VARIABLES,
} from "./names.ts";
import { FACEIT_SECRETS, freshSecret, type Variables } from "./variables.ts";

/** The parts that the stack starts, their addresses and their variables. */
export type Settings = {
  readonly ports: Readonly<Record<PartName, number>>;
  readonly urls: Readonly<Record<PartName, string>>;
  /** The parts that the areas need, including the Worker. */
  readonly needed: ReadonlySet<PartName>;
  /** The parts to start: a double only if its address is the local one. */
  readonly parts: readonly PartName[];
  /** Variables of the Worker. */
  readonly worker: Variables;
  /** Secrets of the local FACEIT that are not set: the Worker gets fresh ones for this run. */
  readonly madeSecrets: readonly string[];
  /** Where the gateway-worker sends its events. */
  readonly hubEndpoint: string;
  readonly stateDir: string;
  /** The Worker's D1 and Durable Objects. */
  readonly workerStateDir: string;
  /** Folder of the page with buttons for test users. The deployed page is in `console/dist`. */
  readonly pageDir: string;
  readonly verbose: boolean;
};

/** The three sources of variables, and the root folder for relative paths. */
type Sources = {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly devVars: Variables;
  readonly toml: Variables;
  /** Names that the example explains. */
  readonly known: readonly string[];
  readonly root: string;
  readonly newSecret?: () => string;
};

/**
 * File in the state folder with the Worker's variables of the run, for wrangler and for commands beside the stack.
 */
export const WORKER_VARIABLES_FILE = "worker.vars";

const REAL_DISCORD = "https://discord.com/api/v10";

/**
 * Variables whose values in wrangler.toml are only for the default ports and the local services: addresses depend
 * on the ports, and an id of the local Discord does not exist in the real one.
 */
const DERIVED: ReadonlySet<string> = new Set([
  "JWT_ISSUER",
  "JWT_PUBLIC_JWK_URL",
  "DISCORD_API_URL",
  "DISCORD_APPLICATION_ID",
  "VC_CATEGORY_ID",
  "LOBBY_VC_ID",
  "WEB_ORIGIN",
  "FACEIT_API_URL",
  "FACEIT_AUTH_URL",
  "FACEIT_TOKEN_URL",
  "FACEIT_USERINFO_URL",
  "FACEIT_CLIENT_ID",
  "FACEIT_REDIRECT_URI",
]);

/** Variables of {@link DERIVED} that are valid with the local services. */
const OF_LOCAL_DISCORD: ReadonlySet<string> = new Set(["VC_CATEGORY_ID", "LOBBY_VC_ID"]);
const OF_LOCAL_FACEIT: ReadonlySet<string> = new Set(["FACEIT_CLIENT_ID"]);

/** Variables of matches that have something for each guild, as `<id>` or `<id>=<guild id>`. */
const OF_GUILDS = [
  "VC_CATEGORY_ID",
  "LOBBY_VC_ID",
  "MATCH_NOTICE_CHANNEL_ID",
  "MATCH_STAFF_ROLE_ID",
  "FACEIT_ORGANIZERS",
] as const;

/**
 * Merges the variables (environment, then `.dev.vars`, then wrangler.toml) and decides what is local.
 * @returns the settings, or one sentence for each wrong variable
 */
export function readSettings(sources: Sources): Result<Settings, readonly string[]> {
  const { environment, devVars, toml, known, root, newSecret = freshSecret } = sources;
  const problems: string[] = [];
  const given = (name: string): string | undefined =>
    [environment[name], devVars[name]].find((value) => value !== undefined && value !== "");

  const port = (part: PartName): number => {
    const { variable, usual } = PORT_VARIABLES[part];
    const text = given(variable) ?? String(usual);
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= 1 && value <= 65_535) return value;
    problems.push(`${variable}: "${text}" is no port. Give a number from 1 to 65535.`);
    return usual;
  };
  const ports = ofParts(port);
  const urls = ofParts((part) => `http://127.0.0.1:${ports[part]}`);

  const wanted = neededParts((name) => given(name) ?? toml[name]);
  // Nothing is missing without voice, so it is started only for who has set it up.
  const hasLocalVoice =
    wanted.has("voice") &&
    [given("ELEVENLABS_API_URL"), given("REVENUECAT_API_URL")].some(
      (url) => url !== undefined && isLocal(url, ports.voice),
    );
  const needed = new Set([...wanted].filter((part) => part !== "voice" || hasLocalVoice));

  const issuer = given("JWT_ISSUER") ?? urls.idp;
  const hasLocalIdp = needed.has("idp") && isLocal(issuer, ports.idp);
  const jwks = given("JWT_PUBLIC_JWK_URL");
  if (needed.has("idp") && !hasLocalIdp && jwks === undefined) {
    problems.push(
      `JWT_PUBLIC_JWK_URL is missing: JWT_ISSUER is ${issuer}, so say where its public keys are.`,
    );
  }
  const discordApi =
    given("DISCORD_API_URL") ??
    (isRealBotToken(given("DISCORD_BOT_TOKEN")) ? REAL_DISCORD : `${urls.discord}/api/v10`);
  const hasLocalDiscord = needed.has("discord") && isLocal(discordApi, ports.discord);
  if (discordApi === REAL_DISCORD && given("PRIMARY_GUILD_ID") === undefined) {
    problems.push("PRIMARY_GUILD_ID is missing: the real Discord needs the id of your guild.");
  }

  const faceitApi = given("FACEIT_API_URL") ?? `${urls.faceit}/data/v4`;
  const hasLocalFaceit = needed.has("faceit") && isLocal(faceitApi, ports.faceit);
  const madeSecrets = hasLocalFaceit ? FACEIT_SECRETS.filter((name) => !given(name)) : [];

  const isMeant = (name: string): boolean =>
    (hasLocalDiscord && OF_LOCAL_DISCORD.has(name)) ||
    (hasLocalFaceit && OF_LOCAL_FACEIT.has(name)) ||
    !DERIVED.has(name);
  const names = new Set([...known, ...Object.keys(toml), ...Object.keys(devVars)]);
  const merged: Record<string, string> = {};
  for (const name of names) {
    if (STACK_VARIABLES.has(name)) continue;
    const value = given(name) ?? (isMeant(name) ? toml[name] : undefined);
    if (value !== undefined && value !== "") merged[name] = value;
  }
  const botToken = given("DISCORD_BOT_TOKEN");
  const worker: Variables = {
    ...merged,
    ...(hasLocalDiscord && botToken !== undefined && applicationVariables(botToken)),
    ...(hasLocalFaceit && {
      FACEIT_AUTH_URL: given("FACEIT_AUTH_URL") ?? `${urls.faceit}/oauth/authorize`,
      FACEIT_TOKEN_URL: given("FACEIT_TOKEN_URL") ?? `${urls.faceit}/oauth/token`,
      FACEIT_USERINFO_URL: given("FACEIT_USERINFO_URL") ?? `${urls.faceit}/oauth/userinfo`,
    }),
    ...Object.fromEntries(madeSecrets.map((name) => [name, newSecret()])),
    ...(needed.has("faceit") && {
      FACEIT_API_URL: faceitApi,
      FACEIT_REDIRECT_URI: given("FACEIT_REDIRECT_URI") ?? `${urls.worker}/faceit/callback`,
    }),
    JWT_ISSUER: issuer,
    JWT_PUBLIC_JWK_URL: jwks ?? `${urls.idp}/jwks`,
    DISCORD_API_URL: discordApi,
    WEB_ORIGIN: given("WEB_ORIGIN") ?? `${urls.worker},http://localhost:${ports.worker}`,
  };
  const hubEndpoint = given("HUB_ENDPOINT") ?? `${urls.worker}/internal/events`;
  if (!HttpUrl.safeParse(hubEndpoint).success) {
    problems.push(`HUB_ENDPOINT: "${hubEndpoint}" is no http or https address.`);
  }
  try {
    const { matches } = parseConfig(worker);
    problems.push(...idProblems(worker, matches !== undefined));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(error.message);
  }
  if (problems.length > 0) return err(problems);

  const ownState = given("STATE_DIR");
  const stateDir = path.resolve(root, ownState ?? DEFAULT_STATE);
  return ok({
    ports,
    urls: {
      ...urls,
      idp: hasLocalIdp ? urls.idp : issuer,
      discord: hasLocalDiscord ? urls.discord : discordApi,
      faceit: hasLocalFaceit ? urls.faceit : faceitApi,
    },
    parts: [
      ...(hasLocalIdp ? (["idp"] as const) : []),
      ...(hasLocalDiscord ? (["discord"] as const) : []),
      ...(hasLocalFaceit ? (["faceit"] as const) : []),
      ...(hasLocalVoice ? (["voice"] as const) : []),
      "worker",
      ...(needed.has("gateway") ? (["gateway"] as const) : []),
    ],
    needed,
    worker,
    madeSecrets,
    hubEndpoint,
    stateDir,
    workerStateDir:
      ownState === undefined ? path.join(root, ".wrangler/state") : path.join(stateDir, "worker"),
    pageDir: path.join(stateDir, "page"),
    verbose: given("VERBOSE") !== undefined,
  });
}

/** With the local Discord only its own application works, so these override the given values. */
function applicationVariables(botToken: string): Variables {
  const { id, publicKeyHex, clientSecret } = localApplication(botToken);
  return {
    DISCORD_APPLICATION_ID: id,
    DISCORD_PUBLIC_KEY: publicKeyHex,
    DISCORD_CLIENT_SECRET: clientSecret,
  };
}

/**
 * One sentence for each id that Discord cannot have given. The Worker accepts any short name as an id, but Discord,
 * also the local one, does not.
 */
function idProblems(worker: Variables, hasMatches: boolean): string[] {
  const names = ["PRIMARY_GUILD_ID", ...(hasMatches ? OF_GUILDS : [])];
  return names.flatMap((name) => {
    // An organizer's own id is FACEIT's.
    const first = name === "FACEIT_ORGANIZERS" ? 1 : 0;
    return (worker[name] ?? "")
      .split(",")
      .flatMap((item) => item.trim().split("=").slice(first))
      .filter((id) => id !== "" && !isSnowflake(id))
      .map((id) => `${name}: "${id}" is no Discord id. One has 15 to 20 digits.`);
  });
}

/** The parts that the areas of this stack need. `parseConfig` reports a wrong choice of areas. */
function neededParts(variable: (name: string) => string | undefined): ReadonlySet<PartName> {
  const names = ["AREAS", "PRIMARY_GUILD_ID", "DISCORD_BOT_TOKEN", "HAPPY_MASTER_SECRET"];
  try {
    const areas = areaNames(Object.fromEntries(names.map((name) => [name, variable(name)])));
    return new Set(["worker", ...areas.flatMap((area) => AREA_PARTS[area])]);
  } catch (error) {
    if (error instanceof ConfigError) return new Set(["worker"]);
    throw error;
  }
}

function isLocal(url: string, port: number): boolean {
  if (!URL.canParse(url)) return false;
  const parsed = new URL(url);
  return /^(127\.0\.0\.1|localhost|\[::1\])$/.test(parsed.hostname) && parsed.port === String(port);
}

/** Discord's bot tokens have three parts. The one that the stack generates has one. */
function isRealBotToken(token: string | undefined): boolean {
  return token !== undefined && /^[\w-]{18,}\.[\w-]{6,}\.[\w-]{25,}$/.test(token);
}

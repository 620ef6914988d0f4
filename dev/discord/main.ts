import { startLocalDiscord } from "./local-discord.ts";
import { isSnowflake } from "./snowflake.ts";

/** A variable of the environment; empty counts as absent. */
function variable(name: string): string | undefined {
  const value = process.env[name];
  return value === "" ? undefined : value;
}

function stop(problem: string): never {
  console.error(problem);
  process.exit(1);
}

const botToken = variable("DISCORD_BOT_TOKEN");
if (botToken === undefined) stop("DISCORD_BOT_TOKEN is missing: the one bot token to accept");
const port = Number(variable("DISCORD_PORT") ?? "8789");
if (!Number.isInteger(port) || port < 0 || port > 65_535) stop("DISCORD_PORT is not a port");
const primaryGuildId = variable("PRIMARY_GUILD_ID") ?? "100000000000000001";
if (!isSnowflake(primaryGuildId)) stop("PRIMARY_GUILD_ID is not a Discord id (15 to 20 digits)");
const interactionsUrl = variable("INTERACTIONS_URL");
const redirectUris = (variable("OAUTH_REDIRECT_URIS")?.split(",") ?? []).map((it) => it.trim());
for (const url of [interactionsUrl ?? [], redirectUris].flat()) {
  if (!/^https?:/.test(url) || !URL.canParse(url)) {
    stop(`INTERACTIONS_URL and OAUTH_REDIRECT_URIS hold addresses, and "${url}" is none`);
  }
}
const stateFile = variable("STATE_FILE");
const recordFile = variable("DISCORD_RECORD_FILE");

const discord = await startLocalDiscord({
  port,
  botToken,
  primaryGuildId,
  host: variable("HOST") ?? "127.0.0.1",
  oauthRedirectUris: redirectUris,
  ...(interactionsUrl === undefined ? {} : { interactionsUrl }),
  ...(stateFile === undefined ? {} : { stateFile }),
  ...(recordFile === undefined ? {} : { recordFile }),
}).catch((error: unknown) => stop(error instanceof Error ? error.message : String(error)));
console.log(`Ready on ${discord.url}`);

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => void discord.close().then(() => process.exit(0)));
}

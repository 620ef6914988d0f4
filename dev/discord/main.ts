import { portVariable, required, runDouble, variable } from "../doubles/program.ts";
import { stop } from "../usage.mjs";
import { startLocalDiscord } from "./local-discord.ts";
import { PRIMARY_GUILD } from "./seed.ts";
import { isSnowflake } from "./snowflake.ts";

const primaryGuildId = variable("PRIMARY_GUILD_ID") ?? PRIMARY_GUILD;
if (!isSnowflake(primaryGuildId)) stop("PRIMARY_GUILD_ID is not a Discord id (15 to 20 digits)");
const interactionsUrl = variable("INTERACTIONS_URL");
const redirectUris = (variable("OAUTH_REDIRECT_URIS")?.split(",") ?? []).map((it) => it.trim());
for (const url of [interactionsUrl ?? [], redirectUris].flat()) {
  if (!/^https?:/.test(url) || !URL.canParse(url)) {
    stop(`INTERACTIONS_URL and OAUTH_REDIRECT_URIS must be http(s) URLs, but "${url}" is none`);
  }
}

await runDouble(
  startLocalDiscord({
    port: portVariable("DISCORD_PORT", 8789),
    botToken: required("DISCORD_BOT_TOKEN", "the only bot token that is accepted"),
    primaryGuildId,
    host: variable("HOST") ?? "127.0.0.1",
    oauthRedirectUris: redirectUris,
    interactionsUrl,
    stateFile: variable("STATE_FILE"),
    recordFile: variable("DISCORD_RECORD_FILE"),
  }),
);

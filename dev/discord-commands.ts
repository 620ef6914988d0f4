// `npm run discord:commands`: registers the slash commands in every guild of this deployment.
import { readFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { parseConfig } from "../src/config.ts";
import { registerCommands, servedGuilds } from "./commands/register-commands.ts";
import { commandSettings } from "./stack/command-settings.ts";
import { freshSecret } from "./stack/variables.ts";
import { readArguments, stop } from "./usage.mjs";

const USAGE = `Usage: npm run discord:commands -- [--dry-run]
  --dry-run   says which guilds have other commands, and changes nothing`;

const WORDS = {
  same: "has these commands already",
  replaced: "has these commands now",
  differs: "would get these commands",
} as const;

const { values } = readArguments(USAGE, {
  options: { "dry-run": { type: "boolean", default: false } },
});
const root = path.dirname(import.meta.dirname);

// For the deployed bot the environment is enough: no file is needed, and no secret that this program does not use.
const settings = commandSettings(root, { HUB_SECRET: freshSecret() });
if (!settings.ok) stop(settings.error.join("\n"));
// All slash commands belong to matches.
const { matches: config } = parseConfig(settings.value.worker);
if (config === undefined) stop("AREAS leaves matches out, and no other area has slash commands.");
const { id: applicationId } = config.discordApp;
if (applicationId === undefined) {
  stop("DISCORD_APPLICATION_ID is missing: copy it from the application's General Information.");
}

const commands = z
  .array(z.looseObject({ name: z.string() }))
  .parse(JSON.parse(readFileSync(path.join(root, "docs/spec/slash-commands.json"), "utf8")));
console.log(commands.map(({ name }) => `/${name}`).join(" "));
for (const guildId of servedGuilds(config)) {
  const { discordApiUrl: apiUrl, discordBotToken: botToken } = config;
  const target = { apiUrl, botToken, applicationId, guildId };
  const registered = await registerCommands(target, commands, values["dry-run"]);
  if (registered.ok) {
    console.log(`Guild ${guildId} ${WORDS[registered.value]}.`);
  } else {
    console.error(registered.error);
    process.exitCode = 1;
  }
}

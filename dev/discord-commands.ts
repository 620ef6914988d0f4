// `npm run discord:commands`: registers the slash commands in every guild of this deployment.
import { readFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { z } from "zod";
import { parseConfig } from "../src/config.ts";
import { registerCommands, servedGuilds } from "./commands/register-commands.ts";
import { readSettings } from "./stack/settings.ts";
import { freshSecret, namesInExample, parseTomlVars, parseVariables } from "./stack/variables.ts";

const USAGE = `Usage: npm run discord:commands -- [--dry-run]
  --dry-run   says what differs, and changes nothing`;

const WORDS = {
  same: "has these commands already",
  replaced: "has these commands now",
  differs: "would get these commands",
} as const;

function stop(message: string): never {
  console.error(message);
  process.exit(1);
}

const root = path.dirname(import.meta.dirname);
const read = (file: string, otherwise?: string): string => {
  try {
    return readFileSync(path.join(root, file), "utf8");
  } catch {
    return otherwise ?? stop(`${file} is missing.`);
  }
};

function readArguments(): { readonly dryRun: boolean } {
  try {
    const { values } = parseArgs({ options: { "dry-run": { type: "boolean", default: false } } });
    return { dryRun: values["dry-run"] };
  } catch {
    return stop(USAGE);
  }
}

const { dryRun } = readArguments();
const settings = readSettings({
  environment: process.env,
  // For the deployed bot the environment is enough: no file, and no secret that this does not use.
  devVars: { HUB_SECRET: freshSecret(), ...parseVariables(read(".dev.vars", "")) },
  toml: parseTomlVars(read("wrangler.toml")),
  known: namesInExample(read(".dev.vars.example")),
  root,
});
if (!settings.ok) stop(settings.error.join("\n"));
const config = parseConfig(settings.value.worker);
const { id: applicationId } = config.discordApp;
if (applicationId === undefined) {
  stop("DISCORD_APPLICATION_ID is missing: copy it from the application's General Information.");
}

const commands = z
  .array(z.looseObject({ name: z.string() }))
  .parse(JSON.parse(read("docs/spec/slash-commands.json")));
console.log(commands.map(({ name }) => `/${name}`).join(" "));
for (const guildId of servedGuilds(config)) {
  const { discordApiUrl: apiUrl, discordBotToken: botToken } = config;
  const target = { apiUrl, botToken, applicationId, guildId };
  const registered = await registerCommands(target, commands, dryRun);
  if (registered.ok) {
    console.log(`Guild ${guildId} ${WORDS[registered.value]}.`);
  } else {
    console.error(registered.error);
    process.exitCode = 1;
  }
}

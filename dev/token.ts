// `npm run token -- alice`: prints an access token of the local identity provider.
import path from "node:path";
import { devToken } from "./idp/dev-token.ts";
import { commandSettings } from "./stack/command-settings.ts";
import { freshSecret } from "./stack/variables.ts";
import { readArguments, stop } from "./usage.mjs";

const USAGE = `Usage: npm run token -- NAME [options]
  --scope "rooms:manage"   scopes, separated by spaces
  --guilds 1,2             ids of the guilds this user may choose from
  --discord-id 42          the user's Discord id
  --expires-in 3600        seconds until it expires
  STATE_DIR=…              before the command: of which stack, if it has a folder of its own`;

const { positionals, values } = readArguments(USAGE, {
  allowPositionals: true,
  options: {
    scope: { type: "string" },
    guilds: { type: "string" },
    "discord-id": { type: "string" },
    "expires-in": { type: "string" },
  },
});
const [sub] = positionals;
if (sub === undefined || positionals.length > 1) stop(USAGE);

// A token needs no secret, so a missing secret must not be the error when no stack runs.
const settings = commandSettings(path.dirname(import.meta.dirname), {
  HUB_SECRET: freshSecret(),
  DISCORD_BOT_TOKEN: freshSecret(),
});
if (!settings.ok) stop(settings.error.join("\n"));
if (!settings.value.parts.includes("idp")) {
  stop(`JWT_ISSUER is ${settings.value.urls.idp}, not the local provider: get a token there.`);
}

const { idp } = settings.value.urls;
const token = await devToken({ url: idp }, sub, {
  scope: values.scope,
  guilds: values.guilds?.split(","),
  discord_id: values["discord-id"],
  expiresIn: values["expires-in"] === undefined ? undefined : Number(values["expires-in"]),
}).catch((error: unknown) =>
  stop(
    error instanceof TypeError
      ? `Nothing answers at ${idp}. Is npm start running? If it has a STATE_DIR of its own, set that here too.`
      : String(error instanceof Error ? error.message : error),
  ),
);
console.log(token);

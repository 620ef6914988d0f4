// `npm run token -- alice`: prints an access token of the local identity provider.
import { readFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { z } from "zod";
import { readSettings } from "./stack/settings.ts";
import { namesInExample, parseTomlVars, parseVariables } from "./stack/variables.ts";

const USAGE = `Usage: npm run token -- NAME [options]
  --scope "rooms:manage"   scopes, separated by spaces
  --guilds 1,2             ids of the guilds this user may choose from
  --discord-id 42          the user's Discord id
  --expires-in 3600        seconds until it expires`;

function stop(message: string): never {
  console.error(message);
  process.exit(1);
}

const root = path.dirname(import.meta.dirname);
const read = (file: string): string => {
  try {
    return readFileSync(path.join(root, file), "utf8");
  } catch {
    return stop(`${file} is missing: run npm start first.`);
  }
};

const settings = readSettings({
  environment: process.env,
  devVars: parseVariables(read(".dev.vars")),
  toml: parseTomlVars(read("wrangler.toml")),
  known: namesInExample(read(".dev.vars.example")),
  root,
});
if (!settings.ok) stop(settings.error.join("\n"));
if (!settings.value.parts.includes("idp")) {
  stop(`JWT_ISSUER is ${settings.value.urls.idp}, not the local provider: get a token there.`);
}

const { positionals, values } = parseArgs({
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

const url = `${settings.value.urls.idp}/dev/token`;
const response = await fetch(url, {
  method: "POST",
  body: JSON.stringify({
    sub,
    scope: values.scope,
    guilds: values.guilds?.split(","),
    discord_id: values["discord-id"],
    expiresIn: values["expires-in"] === undefined ? undefined : Number(values["expires-in"]),
  }),
}).catch(() => stop(`Nothing answers at ${url}: is npm start running?`));
const answer = z
  .object({ access_token: z.string().optional(), error_description: z.string().optional() })
  .parse(await response.json());
if (answer.access_token === undefined) stop(answer.error_description ?? "No token came back.");
console.log(answer.access_token);

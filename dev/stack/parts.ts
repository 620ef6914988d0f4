import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { PART_LABELS, type PartName } from "./names.ts";
import type { PartSpec } from "./part.ts";
import { type Settings, WORKER_VARIABLES_FILE } from "./settings.ts";
import { formatVariables } from "./variables.ts";
import { RUNTIME_CRASHED, wranglerCommand } from "./wrangler.ts";

/** The command of each part, with the variables that it needs. */
export function partSpec(name: PartName, settings: Settings, root: string): PartSpec {
  const { ports, worker, stateDir } = settings;
  const node = (file: string, variables: Readonly<Record<string, string | undefined>>) => ({
    args: [path.join(root, file)],
    cwd: root,
    env: { ...process.env, ...variables },
  });
  const own = (folder: string): string => path.join(stateDir, folder);
  const label = PART_LABELS[name];
  const redirectUri = worker["FACEIT_REDIRECT_URI"] ?? `${settings.urls.worker}/faceit/callback`;

  switch (name) {
    case "worker":
      return {
        label,
        healthUrl: `${settings.urls.worker}/health`,
        lastWords: RUNTIME_CRASHED,
        command: wranglerCommand(
          root,
          [
            "dev",
            "--ip=127.0.0.1",
            `--port=${ports.worker}`,
            "--inspector-port=0",
            "--show-interactive-dev-session=false",
            `--env-file=${writeWorkerVariables(settings)}`,
            `--persist-to=${settings.workerStateDir}`,
            `--assets=${settings.pageDir}`,
          ],
          { WRANGLER_REGISTRY_PATH: own("wrangler-registry") },
        ),
      };
    case "idp":
      return {
        label,
        command: node("dev/idp/main.ts", {
          IDP_PORT: String(ports.idp),
          JWT_ISSUER: worker["JWT_ISSUER"],
          JWT_AUDIENCE: worker["JWT_AUDIENCE"],
          OIDC_CLIENT_ID: worker["OIDC_CLIENT_ID"],
          WEB_ORIGIN: worker["WEB_ORIGIN"],
          STATE_DIR: own("identity-provider"),
        }),
      };
    case "discord":
      return {
        label,
        command: node("dev/discord/main.ts", {
          DISCORD_PORT: String(ports.discord),
          DISCORD_BOT_TOKEN: worker["DISCORD_BOT_TOKEN"],
          PRIMARY_GUILD_ID: worker["PRIMARY_GUILD_ID"],
          INTERACTIONS_URL: `${settings.urls.worker}/interactions`,
          OAUTH_REDIRECT_URIS: new URL("/faceit/link", redirectUri).href,
          STATE_FILE: path.join(own("discord"), "discord.json"),
        }),
      };
    case "faceit":
      return {
        label,
        command: node("dev/faceit/main.ts", {
          HOST: "127.0.0.1",
          FACEIT_PORT: String(ports.faceit),
          FACEIT_API_KEY: worker["FACEIT_API_KEY"],
          FACEIT_CLIENT_ID: worker["FACEIT_CLIENT_ID"],
          FACEIT_CLIENT_SECRET: worker["FACEIT_CLIENT_SECRET"],
          FACEIT_REDIRECT_URI: redirectUri,
          FACEIT_WEBHOOK_HEADER: worker["FACEIT_WEBHOOK_HEADER"],
          FACEIT_WEBHOOK_SECRET: worker["FACEIT_WEBHOOK_SECRET"],
          WEBHOOK_URL: `${settings.urls.worker}/faceit-webhook`,
          STATE_FILE: path.join(own("faceit"), "faceit.json"),
        }),
      };
    case "voice":
      return {
        label,
        command: node("dev/voice/main.ts", {
          HOST: "127.0.0.1",
          VOICE_PORT: String(ports.voice),
          ELEVENLABS_API_KEY: worker["ELEVENLABS_API_KEY"],
        }),
      };
    case "gateway":
      return {
        label,
        command: node("gateway-worker/main.ts", {
          HOST: "127.0.0.1",
          PORT: String(ports.gateway),
          DISCORD_BOT_TOKEN: worker["DISCORD_BOT_TOKEN"],
          DISCORD_API_URL: worker["DISCORD_API_URL"],
          PRIMARY_GUILD_ID: worker["PRIMARY_GUILD_ID"],
          HUB_ENDPOINT: settings.hubEndpoint,
          HUB_SECRET: worker["HUB_SECRET"],
          HUB_SECRET_PREVIOUS: worker["HUB_SECRET_PREVIOUS"],
          STATE_DIR: own("gateway-worker"),
        }),
      };
  }
}

/** Wrangler reads this file instead of `.dev.vars`, so that the environment wins over `.dev.vars`. */
function writeWorkerVariables(settings: Settings): string {
  mkdirSync(settings.stateDir, { recursive: true });
  const file = path.join(settings.stateDir, WORKER_VARIABLES_FILE);
  writeFileSync(file, formatVariables(settings.worker), { mode: 0o600 });
  return file;
}

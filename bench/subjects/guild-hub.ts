import type { Identity } from "../identity.ts";
import type { Entry } from "../load/client-socket.ts";
import { GUILD_ID } from "../plan.ts";
import { startWorkerd } from "../workerd.ts";
import type { WorkerBundle } from "../worker-bundle.ts";
import { fileURLToPath } from "node:url";
import type { RunningSubject, Subject } from "./subject.ts";

/** Stands in the first frame of a connection that was let in. */
const AUTHENTICATED = '"auth.ok"';

/** What both subjects of the Worker need. */
export type GuildHubParts = {
  readonly bundle: WorkerBundle;
  readonly identity: Identity;
  readonly secret: string;
};

/** The whole Worker, as a client of the seed sees it: one frame per event. */
export function guildHub(parts: GuildHubParts): Subject {
  return {
    name: "hub",
    label: "GuildHub",
    start: (folder) => startHub(parts, folder, "/ws"),
  };
}

/** The whole Worker, for clients that take batches. */
export function guildHubBatching(parts: GuildHubParts): Subject {
  return {
    name: "hub-batch",
    label: "GuildHub, `?batch=1`",
    start: (folder) => startHub(parts, folder, "/ws?batch=1"),
  };
}

async function startHub(
  { bundle, identity, secret }: GuildHubParts,
  folder: string,
  path: string,
): Promise<RunningSubject> {
  const variables = {
    PRIMARY_GUILD_ID: GUILD_ID,
    HUB_SECRET: secret,
    DISCORD_BOT_TOKEN: `no-bot-${secret}`,
    JWT_ISSUER: identity.issuer,
    JWT_AUDIENCE: identity.audience,
    JWT_PUBLIC_JWK_URL: identity.jwksUrl,
    WEB_ORIGIN: "http://127.0.0.1:8787",
  };
  const objects = {
    HUB: "GuildHub",
    DISCORD: "DiscordRest",
    LIMITER: "RateLimiter",
    MONITOR: "GatewayMonitor",
  };
  const server = await startWorkerd(folder, [
    {
      name: "guildhub",
      module: bundle.module,
      bindings: [
        ...Object.entries(variables).map(([name, text]) => ({ name, text })),
        ...Object.entries(objects).map(([name, className]) => ({ name, objects: className })),
        { name: "DB", d1: "d1" },
        // There is no page here; nothing asks for it.
        { name: "ASSETS", service: "internet" },
      ],
      objects: Object.values(objects),
    },
    {
      name: "d1",
      module: fileURLToPath(import.meta.resolve("./d1.worker.mjs")),
      bindings: [
        { name: "DATABASE", objects: "Database" },
        { name: "MIGRATIONS", text: JSON.stringify(bundle.migrations) },
      ],
      objects: ["Database"],
    },
  ]);
  return {
    ...server,
    entryOf: async (index) => ({
      port: server.port,
      path,
      hello: JSON.stringify({ type: "auth", token: identity.tokenOf(index) }),
      greeting: AUTHENTICATED,
    }),
    ticketEntryOf: (index) => ticketEntry(server.port, identity.tokenOf(index)),
  };
}

async function ticketEntry(port: number, token: string): Promise<Entry> {
  const response = await fetch(`http://127.0.0.1:${port}/ws/ticket`, {
    method: "POST",
    headers: { Authorization: `Bearer ${token}` },
  });
  if (response.status !== 201)
    throw new Error(`no ticket: ${response.status} ${await response.text()}`);
  const { ticket } = (await response.json()) as { ticket: string };
  return { port, path: `/ws?ticket=${encodeURIComponent(ticket)}`, greeting: AUTHENTICATED };
}

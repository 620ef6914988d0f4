import { fileURLToPath } from "node:url";
import { PRIMARY_GUILD } from "../../dev/discord/seed.ts";
import { workerVariables, type Identity } from "../../dev/testing/identity.ts";
import type { Client, Entry } from "../load/client.ts";
import { AUTHENTICATED, GuildClient, type Position } from "../load/guild-client.ts";
import { startWorkerd } from "../../dev/workerd/workerd.ts";
import { D1_SERVICE, workerServices, type WorkerBundle } from "../../dev/workerd/worker-bundle.ts";
import { countAt, type RunningSubject, type StartOptions, type Subject } from "./subject.ts";

/** What all subjects of the Worker need. */
export type GuildHubParts = {
  readonly bundle: WorkerBundle;
  readonly identity: Identity;
  readonly secret: string;
};

/** What is counted at the hub from outside. */
type Observed = "calls" | "rows";

/** The whole Worker, as a client of the seed sees it: one frame per event. */
export function guildHub(parts: GuildHubParts): Subject {
  return {
    name: "hub",
    label: "GuildHub",
    remembers: "on disk",
    start: (folder, options) => startHub(parts, folder, options),
  };
}

/** The whole Worker, for clients that take batches. */
export function guildHubBatching(parts: GuildHubParts): Subject {
  return {
    name: "hub-batch",
    label: "GuildHub, `?batch=1`",
    remembers: "on disk",
    start: (folder, options) => startHub(parts, folder, options, { query: "?batch=1" }),
  };
}

/**
 * The whole Worker, with objects that write to memory: what the disk costs shows beside it.
 * @param memory makes a folder in memory out of one on disk
 */
export function guildHubInMemory(
  parts: GuildHubParts,
  memory: (folder: string) => Promise<string>,
): Subject {
  return {
    name: "hub-memory",
    label: "GuildHub, objects in memory",
    remembers: "in its process",
    // It stands only in the table of the journal, which has no tickets.
    start: async (folder, options) =>
      startHub(parts, await memory(folder), options, { tickets: false }),
  };
}

/** GuildHub whose Durable Objects count the rows that their SQL reads. Slower: it is not timed. */
export async function startCountingHub(
  parts: GuildHubParts,
  folder: string,
): Promise<RunningSubject & { readonly rowsRead: () => Promise<number> }> {
  const server = await startHub(parts, folder, {}, { observed: "rows" });
  return { ...server, rowsRead: () => countAt(server.port, "/rows-read") };
}

async function startHub(
  parts: GuildHubParts,
  folder: string,
  { port = 0, observed = false }: StartOptions = {},
  own: {
    readonly query?: string;
    readonly observed?: Observed;
    readonly tickets?: boolean;
  } = {},
): Promise<RunningSubject> {
  const { identity } = parts;
  const { query = "", tickets = true } = own;
  const watched = own.observed ?? (observed ? "calls" : undefined);
  const server = await startWorkerd(folder, servicesOf(parts, watched), {
    port,
    alsoOpen: [D1_SERVICE],
  });
  const d1Port = server.ports.get(D1_SERVICE) ?? 0;
  return {
    ...server,
    clientOf: (index) => {
      const token = identity.tokenOf(index);
      return new GuildClient((position) =>
        Promise.resolve({
          port: server.port,
          path: `/ws${query}`,
          hello: JSON.stringify({ type: "auth", token, ...position }),
          greeting: AUTHENTICATED,
        }),
      );
    },
    ...(tickets
      ? {
          ticketClientOf: (index: number) =>
            ticketClient(server.port, identity.tokenOf(index), query),
        }
      : {}),
    d1Queries: () => countAt(d1Port, "/queries"),
    ...(watched === "calls" ? { calls: () => countAt(server.port, "/calls") } : {}),
    wakes: () => hubWakes(server.port, identity.adminToken),
  };
}

function servicesOf(
  { bundle, identity, secret }: GuildHubParts,
  observed: Observed | undefined,
): ReturnType<typeof workerServices> {
  const variables = workerVariables(identity, secret);
  if (observed === undefined) return workerServices(bundle, variables);
  const observer = fileURLToPath(import.meta.resolve("./observed-hub.worker.mjs"));
  return workerServices(bundle, { OBSERVED: observed, ...variables }, observer);
}

function ticketClient(port: number, token: string, query: string): Client {
  return new GuildClient((position) => ticketEntry(port, token, query, position));
}

async function ticketEntry(
  port: number,
  token: string,
  query: string,
  position: Position | null,
): Promise<Entry> {
  const response = await fetch(`http://127.0.0.1:${port}/ws/ticket`, {
    method: "POST",
    headers: { Authorization: `Bearer ${token}` },
  });
  if (response.status !== 201)
    throw new Error(`no ticket: ${response.status} ${await response.text()}`);
  const { ticket } = (await response.json()) as { ticket: string };
  const parameters = new URLSearchParams(query);
  parameters.set("ticket", ticket);
  for (const [name, value] of Object.entries(position ?? {})) parameters.set(name, String(value));
  return { port, path: `/ws?${parameters.toString()}`, greeting: AUTHENTICATED };
}

/** @returns null when the hub does not say */
async function hubWakes(port: number, token: string): Promise<number | null> {
  const response = await fetch(`http://127.0.0.1:${port}/admin/guilds/${PRIMARY_GUILD}/hub`, {
    // Minutes lie between two looks: no connection is kept for so long.
    headers: { Authorization: `Bearer ${token}`, Connection: "close" },
  });
  const text = await response.text();
  if (response.ok) return (JSON.parse(text) as { wakes: number }).wakes;
  console.log(`no report of the hub: ${response.status} ${text}`);
  return null;
}

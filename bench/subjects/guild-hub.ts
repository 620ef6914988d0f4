import { mkdtemp } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { PRIMARY_GUILD } from "../../dev/discord/seed.ts";
import { workerVariables, type Identity } from "../../dev/testing/identity.ts";
import { askForTicket } from "../../dev/testing/wire/wire.ts";
import { D1_SERVICE, workerServices, type WorkerBundle } from "../../dev/workerd/worker-bundle.ts";
import { startWorkerd } from "../../dev/workerd/workerd.ts";
import { SOCKETS_PER_OBJECT } from "../../src/protocol/limits.ts";
import { AUTHENTICATED, GuildClient } from "../load/clients.ts";
import {
  COLLECTING,
  collectAt,
  countAt,
  type Publication,
  type PublishingHub,
  type RunningSubject,
  type StartOptions,
  type Subject,
} from "./subject.ts";

/** What all subjects with the Worker share. */
type GuildHubParts = {
  readonly bundle: WorkerBundle;
  readonly identity: Identity;
  readonly secret: string;
};

/**
 * The whole Worker, three times: with one frame per event, as a client of the seed gets it; for clients that
 * accept batches; and with objects in memory, which shows the cost of the disk.
 * @param memory a folder in memory
 */
export function guildHubs(
  parts: GuildHubParts,
  memory: string,
): Readonly<Record<"single" | "batching" | "inMemory", Subject>> {
  return {
    single: {
      name: "hub",
      label: "GuildHub",
      remembers: "on disk",
      canCollect: true,
      start: (folder, options) => startHub(parts, folder, options),
    },
    batching: {
      name: "hub-batch",
      label: "GuildHub, `?batch=1`",
      remembers: "on disk",
      start: (folder, options) => startHub(parts, folder, options, { query: "?batch=1" }),
    },
    inMemory: {
      name: "hub-memory",
      label: "GuildHub, objects in memory",
      remembers: "in its process",
      // It appears only in the table of the journal, which has no tickets.
      start: async (_folder, options) =>
        startHub(parts, await mkdtemp(path.join(memory, "hub-")), options, { tickets: false }),
    },
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

/**
 * GuildHub that events of any audience can be published to, and that keeps all of its clients itself.
 * @param folder for its files
 */
export async function startPublishingHub(
  parts: GuildHubParts,
  folder: string,
): Promise<PublishingHub> {
  const around = fileURLToPath(import.meta.resolve("./publishing-hub.worker.mjs"));
  const variables = { SOCKETS_PER_HUB: String(SOCKETS_PER_OBJECT) };
  const server = await startHub(parts, folder, {}, { around, variables });
  return { ...server, publish: (publications) => publishAt(server.port, publications) };
}

async function publishAt(port: number, publications: readonly Publication[]): Promise<void> {
  const body = JSON.stringify(publications);
  const response = await fetch(`http://127.0.0.1:${port}/publish`, { method: "POST", body });
  const text = await response.text();
  if (!response.ok) throw new Error(`publishing was answered with ${response.status}: ${text}`);
}

async function startHub(
  { bundle, identity, secret }: GuildHubParts,
  folder: string,
  options: StartOptions = {},
  own: {
    readonly query?: string;
    /** What is counted outside the hub. */
    readonly observed?: "calls" | "rows";
    readonly tickets?: boolean;
    /** A module around the bundle. */
    readonly around?: string;
    readonly variables?: Readonly<Record<string, string>>;
  } = {},
): Promise<RunningSubject> {
  const { query = "", tickets = true } = own;
  const observed = own.observed ?? (options.observed === true ? "calls" : undefined);
  const collects = options.collects === true;
  const observer = fileURLToPath(import.meta.resolve("./observed-hub.worker.mjs"));
  const around = own.around ?? (collects ? COLLECTING.module : observed && observer);
  const variables = {
    ...workerVariables(identity, secret),
    ...own.variables,
    ...(observed === undefined ? {} : { OBSERVED: observed }),
  };
  const server = await startWorkerd(folder, workerServices(bundle, variables, around), {
    port: options.port ?? 0,
    alsoOpen: [D1_SERVICE],
    ...(collects ? { v8Flags: COLLECTING.v8Flags } : {}),
  });
  const { port } = server;
  const clients = guildClients(port, identity, query);
  return {
    ...server,
    clientOf: clients.clientOf,
    ...(tickets ? { ticketClientOf: clients.ticketClientOf } : {}),
    ...(collects ? { collect: () => collectAt(port) } : {}),
    d1Queries: () => countAt(server.ports.get(D1_SERVICE) ?? 0, "/queries"),
    ...(observed === "calls" ? { calls: () => countAt(port, "/calls") } : {}),
    wakes: async () => hubWakes(port, await identity.token("operator", { scope: "hub:admin" })),
  };
}

/** Clients of the native frames at `/ws`: with their token in the header, and with a ticket. @param query of all of them */
export function guildClients(
  port: number,
  identity: Identity,
  query = "",
): Required<Pick<RunningSubject, "clientOf" | "ticketClientOf">> {
  const pathOf = (
    position: object | null,
    more: Iterable<readonly [string, string]> = [],
  ): string => {
    const parameters = new URLSearchParams(query);
    for (const [name, value] of [...more, ...Object.entries(position ?? {})]) {
      parameters.set(name, String(value));
    }
    return `/ws?${parameters.toString()}`;
  };
  return {
    clientOf: (index) =>
      new GuildClient((position) => ({
        port,
        path: pathOf(position),
        headers: { Authorization: `Bearer ${identity.tokenOf(index)}` },
        greeting: AUTHENTICATED,
      })),
    ticketClientOf: (index) =>
      new GuildClient(async (position) => {
        const url = await askForTicket(`http://127.0.0.1:${port}`, identity.tokenOf(index));
        if (!(url instanceof URL)) throw new Error(`no ticket: ${url.status}`);
        return { port, path: pathOf(position, url.searchParams), greeting: AUTHENTICATED };
      }),
  };
}

/** @returns null when the hub does not report it */
async function hubWakes(port: number, token: string): Promise<number | null> {
  const response = await fetch(`http://127.0.0.1:${port}/admin/guilds/${PRIMARY_GUILD}/hub`, {
    // Minutes pass between two requests, which no server keeps a connection for.
    headers: { Authorization: `Bearer ${token}`, Connection: "close" },
  });
  const text = await response.text();
  if (response.ok) return (JSON.parse(text) as { wakes: number }).wakes;
  console.log(`no report of the hub: ${response.status} ${text}`);
  return null;
}

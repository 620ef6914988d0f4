import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { PRIMARY_GUILD } from "../../dev/discord/seed.ts";
import type { Identity } from "../../dev/testing/identity.ts";
import { startServer, type Server } from "../../dev/workerd/processes.ts";
import { startWorkerd, type WorkerService } from "../../dev/workerd/workerd.ts";
import { PING_FRAME } from "../../src/protocol/frames.ts";
import { AfterClient, AUTHENTICATED, SocketIoClient } from "../load/clients.ts";
import { PLAN } from "../plan.ts";
import { guildClients } from "./guild-hub.ts";
import type { NodeSettings } from "./node-server.ts";
import {
  COLLECTING,
  collectAt,
  countAt,
  type RunningSubject,
  type StartOptions,
  type Subject,
} from "./subject.ts";

/** A Durable Object that only loops over its sockets. */
export const bareLoop: Subject = {
  name: "bare",
  label: "bare Durable Object loop",
  remembers: "nothing",
  canCollect: true,
  start: starting(fileURLToPath(import.meta.resolve("./bare-loop.worker.mjs")), "LOOP", "BareLoop"),
};

/** The same with a journal: the floor of what a hub costs that stores its events. */
export const journalLoop: Subject = {
  name: "journal-loop",
  label: "bare loop with a journal",
  remembers: "on disk",
  start: async (folder, options) => {
    const module = fileURLToPath(import.meta.resolve("./journal-loop.worker.mjs"));
    const server = await starting(module, "LOOP", "JournalLoop")(folder, options);
    return { ...server, clientOf: () => new AfterClient(server.port) };
  },
};

/** The steps that a hub cannot leave out on this platform, and nothing else: the floor of connecting and publishing. */
export function floor(identity: Identity, secret: string): Subject {
  return {
    name: "floor",
    label: "the necessary steps alone",
    remembers: "on disk",
    canCollect: true,
    start: async (folder, options) => {
      const { keys } = (await (await fetch(identity.jwksUrl)).json()) as { keys: object[] };
      const service = {
        name: "floor",
        module: fileURLToPath(import.meta.resolve("./floor.worker.mjs")),
        bindings: [
          { name: "JWK", text: JSON.stringify(keys[0]) },
          { name: "SECRET", text: secret },
          { name: "LIMITER", objects: "Limiter" },
          { name: "FLOOR", objects: "Floor" },
        ],
        objects: ["Limiter", "Floor"],
      };
      const server = await startWorker(service, folder, options);
      return { ...server, ...guildClients(server.port, identity) };
    },
  };
}

/** partyserver with hibernation. @param module its bundle, an absolute path */
export function party(module: string): Subject {
  return {
    name: "party",
    label: "partyserver",
    remembers: "nothing",
    canCollect: true,
    start: starting(module, "PARTY", "Party"),
  };
}

/** Starts a Worker with one class of objects that counts its calls. */
function starting(module: string, binding: string, objects: string): Subject["start"] {
  return async (folder, options) => {
    const server = await startWorker(
      {
        name: binding.toLowerCase(),
        module,
        bindings: [{ name: binding, objects }],
        objects: [objects],
      },
      folder,
      options,
    );
    const entry = { port: server.port, path: "/ws" };
    return {
      ...server,
      clientOf: () => ({ entry: () => entry, ping: PING_FRAME }),
      calls: () => countAt(server.port, "/calls"),
    };
  };
}

async function startWorker(
  service: WorkerService,
  folder: string,
  { port = 0, collects = false }: StartOptions = {},
): Promise<Server & Pick<RunningSubject, "collect">> {
  if (!collects) return startWorkerd(folder, [service], { port });
  const { module, v8Flags } = COLLECTING;
  const inside = { ...service, module, imports: { "bundle.js": service.module } };
  const server = await startWorkerd(folder, [inside], { port, v8Flags });
  return { ...server, collect: () => collectAt(server.port) };
}

/** The seed's own design: Node, `ws` and Hono. */
export function nodeWs(identity: Identity, secret: string): Subject {
  return {
    name: "node",
    label: "Node + ws + Hono (the seed's design)",
    remembers: "nothing",
    start: async (folder, options) => {
      const server = await startNode("ws", identity, secret, folder, options);
      return {
        ...server,
        clientOf: (index) => {
          const hello = JSON.stringify({ type: "auth", token: identity.tokenOf(index) });
          const entry = { port: server.port, path: "/ws", hello, greeting: AUTHENTICATED };
          return { entry: () => entry, ping: PING_FRAME };
        },
      };
    },
  };
}

/** Socket.IO, whose clients speak its own text protocol. */
export function socketIo(identity: Identity, secret: string): Subject {
  return {
    name: "socket-io",
    label: "Socket.IO",
    remembers: "in its process",
    start: async (folder, options) => {
      const server = await startNode("socket.io", identity, secret, folder, options);
      const { port } = server;
      const remembers = options?.recovery ?? false;
      return {
        ...server,
        clientOf: (index) => new SocketIoClient(port, identity.tokenOf(index), remembers),
      };
    },
  };
}

/** A server that shows the ceiling of the load generator. */
export const rawTcp: Subject = {
  name: "ceiling",
  label: "load generator's ceiling (raw TCP writes)",
  remembers: "nothing",
  start: async (folder) => {
    const server = await startScript(import.meta.resolve("./raw-tcp-server.ts"), folder, {});
    const entry = { port: server.port, path: "/ws" };
    return { ...server, clientOf: () => ({ entry: () => entry }) };
  },
};

function startNode(
  library: NodeSettings["library"],
  { issuer, audience, jwksUrl }: Identity,
  secret: string,
  folder: string,
  { port = 0, recovery = false }: StartOptions = {},
): Promise<Server> {
  const settings: NodeSettings = {
    library,
    port,
    issuer,
    audience,
    jwksUrl,
    secret,
    guildId: PRIMARY_GUILD,
    recovery,
    pingMs: PLAN.idlePingMs,
  };
  const script = import.meta.resolve("./node-server.ts");
  return startScript(script, folder, { SETTINGS: JSON.stringify(settings) });
}

/** Starts a script of ours as a server. */
export async function startScript(
  script: string,
  folder: string,
  variables: NodeJS.ProcessEnv,
): Promise<Server> {
  await mkdir(folder, { recursive: true });
  const env = { PATH: process.env["PATH"], ...variables };
  return startServer(process.execPath, [fileURLToPath(script)], { cwd: folder, env });
}

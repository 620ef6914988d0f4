import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { PRIMARY_GUILD } from "../dev/discord/seed.ts";
import { eventually } from "../dev/testing/eventually.ts";
import { type Identity, startIdentity, workerVariables } from "../dev/testing/identity.ts";
import type { Server } from "../dev/workerd/processes.ts";
import { bundleWorker, workerServices } from "../dev/workerd/worker-bundle.ts";
import { startWorkerd } from "../dev/workerd/workerd.ts";
import { CLOSE_CODES } from "../src/protocol/close-codes.ts";
import { HubReport } from "../src/protocol/hub-report.ts";
import { CLIENT_FRAME_MAX_BYTES } from "../src/protocol/limits.ts";

const MIB = 1024 * 1024;
/** Sizes of a frame: one that the runtime delivers, and one that is too long for the runtime itself. */
const SIZES = [MIB, 40 * MIB] as const;

/** Clients that send one at the same time. */
const AT_ONCE = 20;

let folder: string;
let identity: Identity;
let server: Server;
let users = 0;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "guildhub-large-"));
  identity = await startIdentity(50);
  const bundle = await bundleWorker(path.join(folder, "bundle"));
  const variables = workerVariables(identity, randomBytes(32).toString("hex"));
  server = await startWorkerd(folder, workerServices(bundle, variables));
});

afterAll(async () => {
  await server.kill();
  await identity.close();
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

/** A client over TCP, and everything that it hears. */
async function open(where: string) {
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}${where}`);
  const heard: string[] = [];
  socket.on("message", (data: Buffer) => heard.push(data.toString()));
  // The runtime may reset the connection while the frame is still being sent.
  socket.on("error", () => {});
  const closed = new Promise<number>((resolve) => socket.once("close", resolve));
  await once(socket, "open");
  /** Waits for a text that begins so. */
  const hears = async (start: string): Promise<void> => {
    while (!heard.some((text) => text.startsWith(start))) await once(socket, "message");
  };
  return { socket, heard, closed, hears };
}

/** Where clients connect, what each says first, and with what its session begins. */
const CLIENTS = {
  native: {
    where: "/ws",
    first: (token: string) => JSON.stringify({ type: "auth", token }),
    begins: '{"v":1,"type":"snapshot"',
  },
  "Socket.IO": {
    where: "/socket.io/?EIO=4&transport=websocket",
    first: (token: string) => `40${JSON.stringify({ token })}`,
    begins: '42["snapshot"',
  },
} as const;

/** The number of sessions at the hub. */
async function sessions(): Promise<number> {
  const token = await identity.token("operator", { scope: "hub:admin" });
  const response = await fetch(
    `http://127.0.0.1:${server.port}/admin/guilds/${PRIMARY_GUILD}/hub`,
    { headers: { Authorization: `Bearer ${token}` } },
  );
  return HubReport.parse(await response.json()).sockets;
}

describe.each(Object.entries(CLIENTS))("HUB-9 a %s client", (_, { where, first, begins }) => {
  it.each(SIZES)(
    "whose first frame has %i bytes is closed with 1009, whatever is in it",
    async (size) => {
      // The second one has a good token, if only it were read.
      const good = first(identity.tokenOf(users++)).padEnd(size);
      for (const frame of ["x".repeat(size), good, Buffer.alloc(size)]) {
        const client = await open(where);
        client.socket.send(frame);
        expect(await client.closed).toBe(CLOSE_CODES.frameTooBig.code);
        // Only the handshake of Engine.IO.
        expect(client.heard.filter((text) => !text.startsWith("0{"))).toEqual([]);
      }
    },
  );

  it.each(SIZES)("that has a session is closed with 1009 by a frame of %i bytes", async (size) => {
    const client = await open(where);
    client.socket.send(first(identity.tokenOf(users++)).padEnd(CLIENT_FRAME_MAX_BYTES));
    await client.hears(begins);
    client.socket.send("x".repeat(size));
    expect(await client.closed).toBe(CLOSE_CODES.frameTooBig.code);
  });
});

it("HUB-12 many of them at once reach no hub, and others are served meanwhile", async () => {
  await eventually("no session is left", async () => expect(await sessions()).toBe(0));
  const { where, first, begins } = CLIENTS.native;
  const clients = await Promise.all(Array.from({ length: AT_ONCE }, () => open(where)));
  const other = await open(where);
  for (const { socket } of clients) socket.send("x".repeat(MIB));
  other.socket.send(first(identity.tokenOf(users++)));
  await other.hears(begins);
  expect(await sessions()).toBe(1);
  const closed = await Promise.all(clients.map((one) => one.closed));
  expect(new Set(closed)).toEqual(new Set([CLOSE_CODES.frameTooBig.code]));
  expect(other.socket.readyState).toBe(WebSocket.OPEN);
  other.socket.terminate();
});

import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { PRIMARY_GUILD } from "../dev/discord/seed.ts";
import { eventually } from "../dev/testing/eventually.ts";
import { startIdentity, type Identity, workerVariables } from "../dev/testing/identity.ts";
import type { Server } from "../dev/workerd/processes.ts";
import { bundleWorker, workerServices } from "../dev/workerd/worker-bundle.ts";
import { startWorkerd } from "../dev/workerd/workerd.ts";
import { HubConnection } from "../src/protocol/hub-report.ts";
import { EVENT_STREAM_KEEP_ALIVE_MS, LONG_POLL_WAIT_MAX_SECONDS } from "../src/protocol/limits.ts";

const Connections = z.object({ connections: z.array(HubConnection) });

/** Time between two looks at a user's connections, milliseconds. Operators have a limit as well. */
const LOOK_EVERY_MS = 500;

let folder: string;
let identity: Identity;
let server: Server;
let operator: string;
let users = 0;
const sockets: Socket[] = [];

// Not `wrangler dev`: its front port does not always pass on that a client has left.
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "guildhub-vanished-"));
  identity = await startIdentity(10);
  operator = await identity.token("operator", { scope: "hub:admin" });
  const bundle = await bundleWorker(path.join(folder, "bundle"));
  const variables = workerVariables(identity, randomBytes(32).toString("hex"));
  server = await startWorkerd(folder, workerServices(bundle, variables));
});

afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await server.kill();
  await identity.close();
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

/** Opens a stream, or a long poll that waits, by a bare TCP connection. */
async function open(kind: "stream" | "poll"): Promise<{ socket: Socket; sub: string }> {
  const user = users++;
  const headers = { Authorization: `Bearer ${identity.tokenOf(user)}` };
  const url = `http://127.0.0.1:${server.port}/events`;
  const first = (await (await fetch(url, { headers })).json()) as { epoch: string; seq: number };
  const sub = `user-${user}`;
  await untilConnections(sub, 0);
  const query = kind === "poll" ? `?epoch=${first.epoch}&after=${first.seq}` : "";
  const accept = kind === "poll" ? "application/json" : "text/event-stream";
  const socket = connect(server.port, "127.0.0.1");
  sockets.push(socket);
  socket.on("error", () => {});
  socket.resume();
  socket.write(
    `GET /events${query} HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${headers.Authorization}\r\nAccept: ${accept}\r\n\r\n`,
  );
  await untilConnections(sub, 1);
  return { socket, sub };
}

/** Waits until a user has so many connections at the hub. */
async function untilConnections(sub: string, count: number, deadlineMs?: number): Promise<void> {
  const url = `http://127.0.0.1:${server.port}/admin/guilds/${PRIMARY_GUILD}/hub/connections?sub=${sub}`;
  await eventually(
    `${sub} has ${count} connections`,
    async () => {
      const response = await fetch(url, { headers: { Authorization: `Bearer ${operator}` } });
      const { connections } = Connections.parse(await response.json());
      if (connections.length !== count) throw new Error(`there are ${connections.length}`);
    },
    deadlineMs,
    LOOK_EVERY_MS,
  );
}

describe.each(["stream", "poll"] as const)("HUB-19 a client with a %s", (kind) => {
  it.each([
    ["closes its connection", (socket: Socket) => socket.destroy()],
    ["resets its connection", (socket: Socket) => socket.resetAndDestroy()],
  ])("that %s is gone at the hub long before a poll would end", async (how, leave) => {
    const { socket, sub } = await open(kind);
    const at = performance.now();
    leave(socket);
    // Otherwise its poll ends, and with it the session, in any case.
    const deadline = (LONG_POLL_WAIT_MAX_SECONDS * 1000 + EVENT_STREAM_KEEP_ALIVE_MS) / 2;
    await untilConnections(sub, 0, deadline);
    console.log(`${kind}: a client that ${how} is gone after ${performance.now() - at} ms`);
  });

  it("that only sends nothing more is served on", async () => {
    const { socket, sub } = await open(kind);
    socket.end();
    let text = "";
    socket.on("data", (data) => (text += data.toString()));
    await eventually("it was written to twice", () => {
      expect(text.match(kind === "poll" ? / \r\n/g : /:\n\n/g)?.length).toBeGreaterThan(1);
    });
    await untilConnections(sub, 1);
  });
});

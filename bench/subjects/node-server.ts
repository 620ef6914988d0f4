/**
 * The process of the Node peers: Hono accepts signed events over HTTP, as the seed does, and all sockets get them.
 * It verifies a token per socket and a signature per request, and stores nothing.
 */
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { createRemoteJWKSet, jwtVerify } from "jose";
import { createHmac, timingSafeEqual } from "node:crypto";
import { writeSync } from "node:fs";
import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";

/** The content of the variable `SETTINGS`. */
export type NodeSettings = {
  /** The library of its sockets. */
  readonly library: "ws" | "socket.io";
  /** 0: any free port. */
  readonly port: number;
  readonly issuer: string;
  readonly audience: string;
  readonly jwksUrl: string;
  readonly secret: string;
  readonly guildId: string;
  /** Keep missed events, where the library has that option. */
  readonly recovery: boolean;
  /** How often the server pings, if it does, milliseconds. */
  readonly pingMs: number;
};

/** An event as the publisher sends it. */
type Published = { event: string; payload: { guildId: string }; ts: number; id: string };

/** Bytes that may wait for one slow reader, as in the seed. */
const BUFFERED_MAX = 1_000_000;

const settings = JSON.parse(process.env["SETTINGS"] ?? "{}") as NodeSettings;
const { guildId, secret, issuer, audience } = settings;
/** The provider's keys, fetched once. */
const keys = createRemoteJWKSet(new URL(settings.jwksUrl));
let seq = 0;

// Only the library that is measured is loaded.
await (settings.library === "ws" ? serveWs() : serveSocketIo());

/** The seed's design, as small as it is there: `ws` and a set of sockets. */
async function serveWs(): Promise<void> {
  const { WebSocketServer } = await import("ws");
  const sockets = new Set<WebSocket>();
  const answer = async (socket: WebSocket, text: string): Promise<void> => {
    const frame = JSON.parse(text) as { type: string; token: string };
    if (frame.type === "ping") socket.send('{"type":"pong"}');
    if (frame.type !== "auth") return;
    if (!(await isValid(frame.token))) {
      socket.close(4401, "unauthorized");
      return;
    }
    sockets.add(socket);
    socket.send(JSON.stringify({ v: 1, type: "ack", event: "auth.ok", guildId }));
  };
  const upgrades = new WebSocketServer({ noServer: true });
  const server = startApp((event) => {
    const text = JSON.stringify(event);
    for (const socket of sockets) {
      if (socket.readyState !== socket.OPEN) continue;
      if (socket.bufferedAmount > BUFFERED_MAX) socket.close(1013, "overloaded");
      else socket.send(text);
    }
  });
  server.on("upgrade", (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    upgrades.handleUpgrade(request, stream, head, (socket) => {
      socket.on("message", (data: Buffer) => void answer(socket, data.toString()));
      socket.on("close", () => sockets.delete(socket));
      socket.on("error", () => socket.terminate());
    });
  });
}

/**
 * Socket.IO as its documentation starts it: a middleware verifies a token per socket, one `emit` sends
 * an event to all. WebSocket only, so that no polling comes first.
 */
async function serveSocketIo(): Promise<void> {
  const { Server: SocketIo } = await import("socket.io");
  const server = startApp((event) => io.emit("event", event));
  const io = new SocketIo(server, {
    transports: ["websocket"],
    serveClient: false,
    pingInterval: settings.pingMs,
    ...(settings.recovery ? { connectionStateRecovery: {} } : {}),
  });
  io.use((socket, next) => {
    const { token } = socket.handshake.auth as { token?: string };
    void admit(token ?? "", next);
  });
  async function admit(token: string, next: (error?: Error) => void): Promise<void> {
    if (await isValid(token)) next();
    else next(new Error("unauthorized"));
  }
}

/** The HTTP side of both libraries. @param broadcast sends the frame of an event to all sockets */
function startApp(broadcast: (frame: Record<string, unknown>) => void): Server {
  const app = new Hono();
  app.post("/internal/events", async (c) => {
    const body = await c.req.text();
    if (!isSigned(c.req.raw.headers, body)) return c.json({ message: "forbidden" }, 403);
    // The seed accepts one event per request. Here it accepts our batches, so that all subjects get the same
    // requests.
    const { events } = JSON.parse(body) as { events: Published[] };
    for (const { event, payload, ts, id } of events) {
      if (payload.guildId !== guildId) continue;
      seq += 1;
      broadcast({ v: 1, type: "event", event, payload, ts, seq, id });
    }
    return c.json({ ok: true });
  });
  // The publisher's connection must stay open while other subjects have their turn.
  const serverOptions = { keepAliveTimeout: 120_000 };
  const address = { hostname: "127.0.0.1", port: settings.port };
  return serve({ fetch: app.fetch, ...address, serverOptions }, ({ port }) =>
    writeSync(3, `"socket":"http","port":${port}`),
  ) as Server;
}

async function isValid(token: string): Promise<boolean> {
  try {
    await jwtVerify(token, keys, { issuer, audience });
    return true;
  } catch {
    return false;
  }
}

function isSigned(headers: Headers, body: string): boolean {
  const timestamp = headers.get("X-Hub-Timestamp") ?? "";
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > 60) return false;
  const mac = createHmac("sha256", secret).update(`${timestamp}.${body}`).digest("hex");
  const given = Buffer.from(headers.get("X-Hub-Signature") ?? "");
  const wanted = Buffer.from(`sha256=${mac}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

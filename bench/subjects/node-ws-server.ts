/**
 * The seed's design, as small as it is there: one Node process with Hono, `ws` and a set of sockets.
 * It verifies a token per socket and a signature per request, and keeps nothing.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { writeSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { createRemoteJWKSet, jwtVerify } from "jose";
import { WebSocketServer, type WebSocket } from "ws";

type Settings = {
  readonly issuer: string;
  readonly audience: string;
  readonly jwksUrl: string;
  readonly secret: string;
  readonly guildId: string;
};
const settings = JSON.parse(process.env["SETTINGS"] ?? "{}") as Settings;
const { issuer, audience, jwksUrl, secret, guildId } = settings;

/** Bytes that may wait for one slow reader, as in the seed. */
const BUFFERED_MAX = 1_000_000;

type Published = { event: string; payload: { guildId: string }; ts: number; id: string };

const keys = createRemoteJWKSet(new URL(jwksUrl));
const sockets = new Set<WebSocket>();
let seq = 0;

function broadcast({ event, payload, ts, id }: Published): void {
  seq += 1;
  const text = JSON.stringify({ v: 1, type: "event", event, payload, ts, seq, id });
  for (const socket of sockets) {
    if (socket.readyState !== socket.OPEN) continue;
    if (socket.bufferedAmount > BUFFERED_MAX) socket.close(1013, "overloaded");
    else socket.send(text);
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

const app = new Hono();
app.post("/internal/events", async (c) => {
  const body = await c.req.text();
  if (!isSigned(c.req.raw.headers, body)) return c.json({ message: "forbidden" }, 403);
  // The seed takes one event in a request. Here it takes our batches, so that all get the same.
  const { events } = JSON.parse(body) as { events: Published[] };
  for (const event of events) if (event.payload.guildId === guildId) broadcast(event);
  return c.json({ ok: true });
});

const upgrades = new WebSocketServer({ noServer: true });

async function authenticate(socket: WebSocket, text: string): Promise<void> {
  const frame = JSON.parse(text) as { type: string; token: string };
  if (frame.type !== "auth") return;
  try {
    await jwtVerify(frame.token, keys, { issuer, audience });
  } catch {
    socket.close(4401, "unauthorized");
    return;
  }
  sockets.add(socket);
  socket.send(JSON.stringify({ v: 1, type: "ack", event: "auth.ok", guildId }));
}

// The publisher's connection stays open while the others have their turn.
const serverOptions = { keepAliveTimeout: 120_000 };
const address = { hostname: "127.0.0.1", port: 0 };
const server = serve({ fetch: app.fetch, ...address, serverOptions }, ({ port }) =>
  writeSync(3, `"socket":"http","port":${port}`),
);
server.on("upgrade", (request: IncomingMessage, stream: Duplex, head: Buffer) => {
  upgrades.handleUpgrade(request, stream, head, (socket) => {
    socket.on("message", (data: Buffer) => void authenticate(socket, data.toString()));
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.terminate());
  });
});

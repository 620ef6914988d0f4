/**
 * The seed's design, as small as it is there: one Node process with Hono, `ws` and a set of sockets.
 * It verifies a token per socket and a signature per request, and keeps nothing.
 */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer, type WebSocket } from "ws";
import { startNodeApp, tokenVerifier, type Published } from "./node-app.ts";
import { readSettings } from "./node-app.ts";

/** Bytes that may wait for one slow reader, as in the seed. */
const BUFFERED_MAX = 1_000_000;

const settings = readSettings();
const isValid = tokenVerifier(settings);
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

async function answer(socket: WebSocket, text: string): Promise<void> {
  const frame = JSON.parse(text) as { type: string; token: string };
  if (frame.type === "ping") socket.send('{"type":"pong"}');
  if (frame.type !== "auth") return;
  if (!(await isValid(frame.token))) {
    socket.close(4401, "unauthorized");
    return;
  }
  sockets.add(socket);
  const { guildId } = settings;
  socket.send(JSON.stringify({ v: 1, type: "ack", event: "auth.ok", guildId }));
}

const upgrades = new WebSocketServer({ noServer: true });
const server = startNodeApp(settings, broadcast);
server.on("upgrade", (request: IncomingMessage, stream: Duplex, head: Buffer) => {
  upgrades.handleUpgrade(request, stream, head, (socket) => {
    socket.on("message", (data: Buffer) => void answer(socket, data.toString()));
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.terminate());
  });
});

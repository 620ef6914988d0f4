/**
 * Socket.IO as its documentation starts it, on the same Hono application as the other Node peer: a
 * middleware verifies a token per socket, one `emit` sends an event to all. WebSocket only, so that no
 * polling comes first.
 */
import { Server } from "socket.io";
import { startNodeApp, tokenVerifier } from "./node-app.ts";
import { readSettings } from "./node-app.ts";

const settings = readSettings();
const isValid = tokenVerifier(settings);
let seq = 0;

const server = startNodeApp(settings, ({ event, payload, ts, id }) => {
  seq += 1;
  io.emit("event", { v: 1, type: "event", event, payload, ts, seq, id });
});
const io = new Server(server, {
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

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Server, type Socket } from "socket.io";
import { z } from "zod";
import { CLIENT_FRAME_MAX_BYTES } from "../../src/protocol/limits.ts";
import type { DeskServer } from "./desk-server.ts";

/** Heartbeats of the reference, milliseconds: shorter than ours, but no busy machine misses them. */
const PING_INTERVAL_MS = 1_000;
const PING_TIMEOUT_MS = 8_000;
/** How long a connection may stay without a CONNECT, and a call without an answer, milliseconds. */
const CONNECT_TIMEOUT_MS = 8_000;
const CALL_TIMEOUT_MS = 60_000;

const Auth = z.object({ token: z.string().min(1) });
const Registered = z.object({ method: z.string() });
const Called = Registered.extend({ params: z.unknown() });

type Answer = (data: unknown) => void;

/**
 * Starts the reference implementation of Socket.IO with handlers named as those of the desk. WebSocket only, as ours
 * is.
 */
export async function startReference(): Promise<DeskServer> {
  const http = createServer();
  const io = new Server(http, {
    transports: ["websocket"],
    serveClient: false,
    pingInterval: PING_INTERVAL_MS,
    pingTimeout: PING_TIMEOUT_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    maxHttpBufferSize: CLIENT_FRAME_MAX_BYTES,
    connectionStateRecovery: {},
    cors: { origin: "*" },
  });
  serveDesk(io);
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    authOf: (sub) => ({ token: sub }),
    badAuth: { token: "" },
    staysAfterLeaving: true,
    expel: async (sub) => {
      for (const socket of await io.in(`sub:${sub}`).fetchSockets()) {
        socket.emit("close", { code: 4403, reason: "forbidden", reconnect: false });
        socket.disconnect(true);
      }
    },
    stop: () => io.close(),
  };
}

function serveDesk(io: Server): void {
  /** Methods, and the sockets that serve them. */
  const methods = new Map<string, string>();
  let seq = 0;
  const publish = (event: string, payload: object): void => {
    seq += 1;
    // With connection state recovery the server adds the offset as the last argument.
    io.emit(event, payload, { seq, id: `event-${seq}`, ts: Date.now() });
  };
  io.use((socket, next) => {
    if (Auth.safeParse(socket.handshake.auth).success) next();
    else next(Object.assign(new Error("unauthorized"), { data: { code: 4401, reconnect: false } }));
  });
  io.on("connection", async (socket) => {
    const { token } = Auth.parse(socket.handshake.auth);
    if (socket.recovered) socket.emit("resumed", { to: seq });
    else {
      await socket.join(`sub:${token}`);
      socket.emit("snapshot", { clients: io.engine.clientsCount });
    }
    answer(socket, "desk.echo", (data) => data);
    answer(socket, "desk.shout", (data) => {
      publish("desk.shouted", { data });
      socket.broadcast.emit("shouted", data);
      return "done";
    });
    answer(socket, "desk.register", (data) => {
      methods.set(Registered.parse(data).method, socket.id);
      return true;
    });
    answer(socket, "desk.call", async (data) => {
      const { method, params } = Called.parse(data);
      const target = io.sockets.sockets.get(methods.get(method) ?? "");
      if (target === undefined) return { failed: "gone" };
      return target.timeout(CALL_TIMEOUT_MS).emitWithAck(method, params);
    });
  });
}

/** Serves one event. A client need not ask for an acknowledgement. */
function answer(socket: Socket, event: string, serve: (data: unknown) => unknown): void {
  socket.on(event, async (data: unknown, acknowledge?: Answer) => {
    const result: unknown = await serve(data);
    acknowledge?.(result);
  });
}

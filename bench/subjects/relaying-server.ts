/**
 * The process of Socket.IO whose clients call each other: the server passes a call on to the client that registered
 * its method, and waits for the acknowledgement, as its documentation does with `emitWithAck`.
 */
import { writeSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Server, type Socket } from "socket.io";

/** How long a client may take, milliseconds: as long as at the hub. */
const TIMEOUT_MS = 30_000;

type Called = { readonly method: string; readonly params: unknown };
type Acknowledge = (data: unknown) => void;

const http = createServer();
const io = new Server(http, { transports: ["websocket"], serveClient: false });
const owners = new Map<string, Socket>();

io.on("connection", (socket) => {
  socket.on("register", ({ method }: Pick<Called, "method">, acknowledge: Acknowledge) => {
    owners.set(method, socket);
    socket.on("disconnect", () => owners.delete(method));
    acknowledge(true);
  });
  socket.on("call", (called: Called, acknowledge: Acknowledge) => void relay(called, acknowledge));
});

async function relay({ method, params }: Called, acknowledge: Acknowledge): Promise<void> {
  try {
    const owner = owners.get(method);
    if (owner === undefined) acknowledge({ failed: "no_target" });
    else acknowledge(await owner.timeout(TIMEOUT_MS).emitWithAck(method, params));
  } catch {
    acknowledge({ failed: "timed_out" });
  }
}

http.listen(0, "127.0.0.1", () => {
  writeSync(3, `"socket":"http","port":${(http.address() as AddressInfo).port}`);
});

import { connect, createServer, type Server, type Socket } from "node:net";
import { once } from "node:events";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { eventually } from "./eventually.ts";
import { freePorts } from "../stack/ports.ts";
import { startTcpProxy, type TcpProxy } from "./tcp-proxy.ts";

let server: Server;
let proxy: TcpProxy;
let client: Socket;
let received = "";
let isClosed = false;

beforeEach(async () => {
  const [port = 0, targetPort = 0] = await freePorts(2);
  server = createServer((socket) => {
    socket.on("error", () => {});
    socket.pipe(socket);
  });
  server.listen(targetPort, "127.0.0.1");
  await once(server, "listening");
  proxy = await startTcpProxy(port, targetPort);
  await dial();
});
afterEach(async () => {
  vi.useRealTimers();
  client.destroy();
  await proxy.close();
  server.close();
  await once(server, "close");
});

async function dial(): Promise<void> {
  received = "";
  isClosed = false;
  client = connect(proxy.port, "127.0.0.1");
  client.on("data", (chunk: Buffer) => (received += chunk.toString()));
  client.on("error", () => {});
  client.on("close", () => (isClosed = true));
  await once(client, "connect");
}

/** Sends a text through the proxy and waits until its echo has come back. */
async function echo(text: string): Promise<void> {
  const due = received + text;
  client.write(text);
  await eventually("the echo is back", () => expect(received).toBe(due));
}

it("carries everything while it is healthy", async () => {
  await echo("one ");
  await echo("x".repeat(300_000));
});

it("holds data back while it is stalled, and delivers all of it afterwards", async () => {
  await echo("before ");
  proxy.stall();
  client.write("held ");
  // Another connection takes the same path and has arrived, so the held data would have arrived too.
  const other = connect(proxy.port, "127.0.0.1");
  await once(other, "connect");
  expect(received).toBe("before ");
  proxy.heal();
  await eventually("the held data has arrived", () => expect(received).toBe("before held "));
  other.destroy();
});

it("is slow, and no faster than its rate", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "Date"] });
  const startedAt = Date.now();
  proxy.slow(1_000_000);
  client.write("x".repeat(200_000));
  while (received.length < 200_000) {
    // Time passes only in the pauses of the proxy.
    if (vi.getTimerCount() > 0) await vi.advanceTimersToNextTimerAsync();
    await nextTurn();
  }
  const tookMs = Date.now() - startedAt;
  vi.runAllTimers();
  vi.useRealTimers();
  // The last chunk, of at most 64 KiB, is passed on before its pause.
  expect(tookMs).toBeGreaterThanOrEqual(134);
  proxy.heal();
  await echo("and then not");
});

it("breaks connections, and accepts or refuses new ones", async () => {
  proxy.drop();
  await eventually("the connection is broken", () => expect(isClosed).toBe(true));
  await dial();
  await echo("again");
  proxy.cut();
  await eventually("the connection is broken", () => expect(isClosed).toBe(true));
  await dial().catch(() => {});
  await eventually("no new one lasts", () => expect(isClosed).toBe(true));
  proxy.heal();
  await dial();
  await echo("healed");
});

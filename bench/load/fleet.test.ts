import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { WebSocketServer } from "ws";
import type { Client } from "./clients.ts";
import { Fleet } from "./fleet.ts";
import { eventAt } from "./stream.ts";
import { maskedText } from "../../dev/testing/wire/lean-socket.ts";

const servers: WebSocketServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    for (const socket of server.clients) socket.terminate();
    server.close();
    await once(server, "close");
  }
});

/** The members of an event frame as a hub writes them. */
function members(index: number, seq = index + 1): Record<string, unknown> {
  const { event, payload, ts, id } = eventAt(index, "epoch");
  return { event, payload, ts, seq, id };
}

const single = (index: number, seq?: number): string =>
  JSON.stringify({ v: 1, type: "event", ...members(index, seq) });

/** A `ws` server that greets after an `auth` frame and then sends these texts. */
async function serve(texts: readonly string[]): Promise<number> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  servers.push(server);
  server.on("connection", (socket) => {
    socket.once("message", (data: Buffer) => {
      expect(data.toString()).toBe('{"type":"auth"}');
      socket.send('{"event":"auth.ok"}');
      for (const text of texts) socket.send(text);
    });
  });
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

function clientAt(port: number): Client {
  const entry = { port, path: "/", hello: '{"type":"auth"}', greeting: '"auth.ok"' };
  return { entry: () => entry };
}

async function receive(texts: readonly string[], events: number): Promise<Fleet> {
  const port = await serve(texts);
  const fleet = new Fleet(0);
  await fleet.open(3, 2, () => clientAt(port));
  await fleet.receive(events, 0);
  await fleet.close(events);
  return fleet;
}

test("receives single events and batches of any size from a real server", async () => {
  const batch = {
    v: 1,
    type: "batch",
    events: Array.from({ length: 600 }, (_, at) => members(at + 2)),
  };
  const fleet = await receive([single(0), single(1), JSON.stringify(batch)], 602);
  expect(fleet.received).toBe(3 * 602);
  expect(fleet.faults).toEqual([]);
});

test("connects from as many addresses as it has clients", async () => {
  const port = await serve([]);
  const addresses = new Set<unknown>();
  servers[0]?.on("connection", (_socket, { headers }) => {
    addresses.add(headers["cf-connecting-ip"]);
  });
  const fleet = new Fleet(0);
  await fleet.open(3, 2, () => clientAt(port));
  await fleet.close(0);
  expect(addresses.size).toBe(3);
});

test.each([
  ["a missing event", [single(0), single(2)], 2],
  ["an event that is sent twice", [single(0), single(0)], 2],
  ["events out of order", [single(1), single(0)], 2],
  ["a jump of seq", [single(0), single(1, 3)], 2],
])("finds %s", async (_what, texts, events) => {
  expect((await receive(texts, events)).faults).not.toEqual([]);
});

test("a missing last event is a fault", async () => {
  const port = await serve([single(0)]);
  const fleet = new Fleet(0);
  await fleet.open(1, 1, () => clientAt(port));
  await fleet.receive(1, 0);
  await fleet.close(2);
  expect(fleet.faults).toHaveLength(1);
});

test("a refused upgrade is reported with its status", async () => {
  const server = new WebSocketServer({
    port: 0,
    host: "127.0.0.1",
    verifyClient: (_info, answer) => answer(false, 401, "no"),
  });
  servers.push(server);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const opening = new Fleet(0).open(1, 1, () => ({ entry: () => ({ port, path: "/" }) }));
  await expect(opening).rejects.toThrow("401");
});

/** Sends one text after the greeting. The first connection then ends without a close frame. */
async function serveTwice(texts: readonly [string, string]): Promise<number> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  servers.push(server);
  let connections = 0;
  server.on("connection", (socket) => {
    const text = texts[connections] ?? "";
    connections += 1;
    socket.once("message", () => {
      socket.send('{"event":"auth.ok"}');
      socket.send(text, () => {
        if (connections === 1) setTimeout(() => socket.terminate(), 20);
      });
    });
  });
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

test.each([
  ["the next event after a restart is no loss", 1, false, 0],
  ["events that a server forgot are counted, and are no fault if it may forget", 5, true, 4],
])("%s", async (_what, next, forgets, lost) => {
  const port = await serveTwice([single(0), single(next)]);
  const fleet = new Fleet(0);
  await fleet.open(1, 1, () => clientAt(port));
  fleet.expectLoss();
  expect(await fleet.comeBack(1, forgets)).toHaveLength(1);
  await fleet.catchUp(next + 1);
  await fleet.close(next + 1);
  expect([fleet.lostEvents, fleet.faults]).toEqual([lost, []]);
});

test("an event that a server with a memory did not send again is a fault", async () => {
  const port = await serveTwice([single(0), single(5)]);
  const fleet = new Fleet(0);
  await fleet.open(1, 1, () => clientAt(port));
  fleet.expectLoss();
  await fleet.comeBack(1, false);
  await fleet.catchUp(6);
  await fleet.close(6);
  expect(fleet.faults).toEqual(["event 5 came where 1 was due"]);
});

test("a socket that is closed with a code is a fault, even when a loss is expected", async () => {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  servers.push(server);
  server.on("connection", (socket) => {
    socket.once("message", () => {
      socket.send('{"event":"auth.ok"}');
      if (server.clients.size === 1) setTimeout(() => socket.close(1013), 20);
    });
  });
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const fleet = new Fleet(0);
  await fleet.open(1, 1, () => clientAt(port));
  fleet.expectLoss();
  await fleet.comeBack(1, false);
  await fleet.close(0);
  expect(fleet.faults).toEqual(["a socket was closed with 1013"]);
});

test("long client frames carry their length in two bytes", () => {
  const frame = maskedText("x".repeat(300));
  expect(frame.readUInt16BE(2)).toBe(300);
  expect(frame).toHaveLength(4 + 4 + 300);
});

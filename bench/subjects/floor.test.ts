import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startIdentity, type Identity } from "../../dev/testing/identity.ts";
import { askForTicket } from "../../dev/testing/wire/wire.ts";
import { AUTHENTICATED, type Client, type Entry } from "../load/clients.ts";
import { connectClient } from "../load/connection.ts";
import { Fleet } from "../load/fleet.ts";
import { Publisher } from "../load/stream.ts";
import { publishAndReceive } from "../work.ts";
import { floor } from "./peers.ts";
import type { RunningSubject } from "./subject.ts";

const SECRET = "a secret of this test";

let folder: string;
let identity: Identity;
let server: RunningSubject;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "guildhub-floor-"));
  identity = await startIdentity(3);
  server = await floor(identity, SECRET).start(folder);
});
afterAll(async () => {
  await server.stop();
  await identity.close();
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

const at = (entry: Omit<Entry, "port">): Client => ({
  entry: () => ({ port: server.port, greeting: AUTHENTICATED, ...entry }),
});
const connect = (client: Client): ReturnType<typeof connectClient> =>
  connectClient(client, { onText: () => {}, onEnd: () => {} });

test("what a publisher has signed reaches clients with a token and with a ticket", async () => {
  const fleet = new Fleet(0);
  const { clientOf, ticketClientOf = clientOf } = server;
  await fleet.open(2, 2, clientOf);
  await fleet.open(2, 2, ticketClientOf);
  const publisher = new Publisher(server.port, SECRET);
  await publishAndReceive(fleet, publisher, 250);
  await fleet.close(publisher.next);
  publisher.close();
  expect(fleet.received).toBe(1_000);
  expect(fleet.faults).toEqual([]);
});

test("a ticket works once", async () => {
  const url = await askForTicket(`http://127.0.0.1:${server.port}`, identity.tokenOf(0));
  if (!(url instanceof URL)) throw new Error(`refused with ${url.status}`);
  const client = at({ path: `${url.pathname}${url.search}` });
  (await connect(client)).terminate();
  await expect(connect(client)).rejects.toThrow("refused with 401");
});

test("a token that the provider has not signed is refused, and so is a ticket for it", async () => {
  const [header = "", , signature = ""] = identity.tokenOf(0).split(".");
  const payload = identity.tokenOf(1).split(".")[1] ?? "";
  const forged = [header, payload, signature].join(".");
  const client = at({ path: "/ws", headers: { Authorization: `Bearer ${forged}` } });
  await expect(connect(client)).rejects.toThrow("refused");
  expect(await askForTicket(`http://127.0.0.1:${server.port}`, forged)).not.toBeInstanceOf(URL);
});

test("events that somebody else has signed are refused", async () => {
  const publisher = new Publisher(server.port, "another secret");
  await expect(publisher.publish(1)).rejects.toThrow("403");
  publisher.close();
});

import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { runAudience, socketsThatFit, type AudiencePlan } from "./audience.ts";
import type { Publication, PublishingHub } from "./subjects/subject.ts";

const servers: WebSocketServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    for (const socket of server.clients) socket.terminate();
    server.close();
    await once(server, "close");
  }
});

/** A hub in this process. @param mayRead whether a user gets an event; by default those that it is for */
async function startHub(
  mayRead = ({ audience }: Publication, sub: string) => audience?.includes(`sub:${sub}`) ?? true,
): Promise<PublishingHub> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  servers.push(server);
  const users = new Map<WebSocket, string>();
  server.on("connection", (socket, { url = "" }) => void users.set(socket, url.slice(1)));
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  let seq = 0;
  return {
    pid: process.pid,
    port,
    stop: () => Promise.resolve(),
    kill: () => Promise.resolve(),
    clientOf: (index) => ({ entry: () => ({ port, path: `/user-${index}` }) }),
    publish: async (publications) => {
      for (const publication of publications) {
        seq += 1;
        const { event, payload } = publication;
        const text = JSON.stringify({ v: 1, type: "event", event, payload, seq });
        for (const [socket, sub] of users) if (mayRead(publication, sub)) socket.send(text);
      }
    },
  };
}

const PLAN: AudiencePlan = {
  sockets: 9,
  readers: 2,
  rounds: 2,
  lone: { events: 3, forAll: 2 },
  together: { events: 120, forAll: 101 },
};

test("readers get what is for them, and the others only what is for everybody", async () => {
  const heard = new Map<string, number>();
  const start = (): Promise<PublishingHub> =>
    startHub(({ audience }, sub) => {
      const may = audience?.includes(`sub:${sub}`) ?? true;
      if (may) heard.set(sub, (heard.get(sub) ?? 0) + 1);
      return may;
    });
  const { faults, costs, sockets } = await runAudience(start, "", PLAN);
  expect(faults).toEqual([]);
  expect(sockets).toBe(9);
  for (const { alone, among, everybody } of Object.values(costs)) {
    for (const cost of [alone, among, everybody]) expect(cost).toBeGreaterThanOrEqual(0);
  }
  // Of two hubs, one warm-up and two rounds each; then the events for all.
  expect(heard.get("user-0")).toBe(2 * 3 * 123 + 103);
  expect(heard.get("user-8")).toBe(103);
});

test("an event that somebody else gets makes the run void", async () => {
  const { faults } = await runAudience(() => startHub(() => true), "", PLAN);
  expect(faults).not.toEqual([]);
});

test.each([
  [10_000, "Max open files            1048576              1048576              files", 10_000],
  [10_000, "Max open files            20000                20000                files", 9_500],
  [5_000, "Max open files            unlimited            unlimited            files", 5_000],
  [5_000, "", 5_000],
])("of %s sockets fit with `%s`: %s", (planned, limits, fit) => {
  expect(socketsThatFit(planned, limits)).toBe(fit);
});

import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { text as textOf } from "node:stream/consumers";
import { afterEach, expect, test } from "vitest";
import { WebSocketServer, type WebSocket } from "ws";
import { startIdentity } from "../../dev/testing/identity.ts";
import { bundleWorker } from "../../dev/workerd/worker-bundle.ts";
import { GuildClient } from "../load/clients.ts";
import { guildHubs } from "../subjects/guild-hub.ts";
import type { RunningSubject } from "../subjects/subject.ts";
import { runJitter, type JitterPlan } from "./trial.ts";

const PLAN: JitterPlan = {
  clients: 15,
  events: 60,
  intervalMs: 10,
  upMs: [10, 60],
  downMs: 30,
  settleMs: 120_000,
};

let stop = (): void => {};
afterEach(() => stop());

/** What a small server does with the events that a client has missed. */
type Memory =
  | "resumes"
  | "forgets"
  | "sends the last one again"
  | "refuses at first"
  | "ignores who returns";

/** A hub of a few lines, which numbers its events from 1. */
async function serve(memory: Memory): Promise<RunningSubject> {
  const journal: string[] = [];
  const served = new Set<WebSocket>();
  let refusals = memory === "refuses at first" ? PLAN.clients : 0;
  const server = createServer((request, response) => {
    void textOf(request).then((body) => {
      const { events } = JSON.parse(body) as { events: Record<string, unknown>[] };
      for (const { event, payload, ts, id } of events) {
        const seq = journal.length + 1;
        const frame = JSON.stringify({ v: 1, type: "event", event, payload, ts, seq, id });
        journal.push(frame);
        for (const socket of served) socket.send(frame);
      }
      return response.end("{}");
    });
  });
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket, { url = "" }) => {
    socket.on("error", () => {});
    if (refusals > 0) {
      refusals -= 1;
      socket.close(1013);
      return;
    }
    const asked = new URL(url, "http://hub").searchParams.get("seq");
    const last = memory === "forgets" || asked === null ? journal.length : Number(asked);
    const from = memory === "sends the last one again" && asked !== null ? last - 1 : last;
    socket.send(JSON.stringify({ event: "auth.ok", epoch: "e", seq: last, limits: {} }));
    for (const frame of journal.slice(Math.max(0, from))) socket.send(frame);
    if (memory === "ignores who returns" && asked !== null) return;
    served.add(socket);
    socket.on("close", () => served.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  stop = () => {
    for (const socket of sockets.clients) socket.terminate();
    server.close();
    server.closeAllConnections();
  };
  const { port } = server.address() as AddressInfo;
  const end = (): Promise<void> => Promise.resolve(stop());
  return {
    pid: process.pid,
    port,
    stop: end,
    kill: end,
    clientOf: () =>
      new GuildClient((position) => ({
        port,
        path: position === null ? "/" : `/?seq=${position.seq}`,
        greeting: '"auth.ok"',
      })),
  };
}

const lostOf = ({ lost }: Awaited<ReturnType<typeof runJitter>>): number =>
  lost.cut + lost.frozen + lost.moved;

test.each<Memory>(["resumes", "refuses at first"])(
  "with a server that %s every event arrives once and in order",
  async (memory) => {
    const trial = await runJitter(await serve(memory), "secret", PLAN);
    expect(trial).toMatchObject({ pairs: 900, again: 0, deaf: 0, faults: [] });
    expect(lostOf(trial)).toBe(0);
    expect(trial.losses).toBeGreaterThan(PLAN.clients);
  },
);

test("what a server forgets is counted as lost", async () => {
  const trial = await runJitter(await serve("forgets"), "secret", PLAN);
  expect(lostOf(trial)).toBeGreaterThan(0);
  expect([trial.again, trial.deaf]).toEqual([0, 0]);
});

test("a client that gets nothing any more has lost the rest", async () => {
  const server = await serve("ignores who returns");
  const trial = await runJitter(server, "secret", { ...PLAN, settleMs: 200 });
  expect(trial.deaf).toBe(PLAN.clients);
  expect(lostOf(trial)).toBeGreaterThan(PLAN.clients);
});

test("an event that comes twice is counted", async () => {
  const trial = await runJitter(await serve("sends the last one again"), "secret", PLAN);
  expect(trial.again).toBeGreaterThan(0);
  expect(lostOf(trial)).toBe(0);
});

test("through the real hub every event arrives once and in order", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "guildhub-jitter-"));
  const identity = await startIdentity(PLAN.clients);
  const secret = "a secret of thirty-two characters";
  try {
    const bundle = await bundleWorker(path.join(folder, "bundle"));
    const { single } = guildHubs({ bundle, identity, secret }, folder);
    const server = await single.start(path.join(folder, "hub"));
    try {
      const trial = await runJitter(server, secret, PLAN);
      expect(trial).toMatchObject({ pairs: 900, again: 0, deaf: 0, faults: [] });
      expect(lostOf(trial)).toBe(0);
      expect(trial.losses).toBeGreaterThan(PLAN.clients);
    } finally {
      await server.stop();
    }
  } finally {
    await identity.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
});

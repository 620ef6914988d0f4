import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { bundleWorker } from "../../dev/workerd/worker-bundle.ts";
import { runAlive } from "./alive.ts";
import { createSession, Device, signUp } from "./device.ts";
import { runIdleAccounts } from "./idle.ts";
import { runMessages, type MessagesPlan } from "./messages.ts";
import { syncHub, syncPeer, type StartSync, type SyncServer } from "./servers.ts";
import { runTargets } from "./targets.ts";

const MESSAGES: MessagesPlan = {
  accounts: 3,
  perSecond: 500,
  steadyEach: 5,
  underWay: { socket: 4, v3: 1 },
  fastEach: 10,
  warmUpEach: 2,
  pauseMs: 0,
};
const ALIVE = {
  machines: 3,
  sessions: 2,
  machineEveryMs: 50,
  sessionEveryMs: 20,
  settleMs: 1_000,
  watchMs: 500,
};

let folder = "";
let hub: StartSync = syncPeer;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "guildhub-sync-"));
  hub = syncHub(await bundleWorker(path.join(folder, "bundle")), true);
}, 120_000);
afterAll(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));

const undos: (() => unknown)[] = [];
afterEach(async () => {
  for (const undo of undos.splice(0).toReversed()) await undo();
});

let starts = 0;
async function started(start: StartSync): Promise<SyncServer> {
  const server = await start(path.join(folder, String(starts++)));
  undos.push(() => server.stop());
  return server;
}

/** A server whose sessions say one thing twice. */
async function repeating(): Promise<SyncServer> {
  const server = await started(syncPeer);
  const before = Object.getOwnPropertyDescriptor(Device.prototype, "emit");
  const emit = before?.value as (this: Device, name: string, data: unknown) => void;
  Device.prototype.emit = function emitTwice(name, data) {
    const { localId } = data as { readonly localId?: string };
    emit.call(this, name, data);
    if (localId === "3") emit.call(this, name, { ...(data as object), localId: "another" });
  };
  undos.push(() => {
    Device.prototype.emit = emit;
  });
  return server;
}

describe.each([
  ["the hub", () => hub],
  ["the peer", () => syncPeer],
])("at %s", (name, start) => {
  test("messages arrive once and in order, by socket and by REST", async () => {
    const phases = await runMessages(await started(start()), MESSAGES);
    expect(phases).toMatchObject([
      { carrier: "socket", pace: "steady", messages: 15, arrived: 15, faults: [] },
      { carrier: "socket", pace: "fast", messages: 30, arrived: 30, faults: [] },
      { carrier: "v3", pace: "steady", messages: 15, arrived: 15, faults: [] },
      { carrier: "v3", pace: "fast", messages: 30, arrived: 30, faults: [] },
    ]);
  });

  test("beats reach the phones, and few are written", async () => {
    const trial = await runAlive(await started(start()), ALIVE);
    expect(trial).toMatchObject({ faults: [] });
    expect(trial.beats).toBeGreaterThan(0);
    // All have beaten before, and none may be written again within 30 s.
    expect(trial.work.rows).toBe(0);
  });

  test("calls to dead targets fail, and one that came back is reached", async () => {
    const trial = await runTargets(await started(start()), { accounts: 1, awayMs: 100 });
    expect(trial.faults).toEqual([]);
    for (const of of ["underWay", "lost", "left", "back"] as const)
      expect(trial[of]).toHaveLength(1);
  });

  test("idle accounts are watched", async () => {
    const plan = { accounts: 3, warmUp: 1, settleMs: 1_500, watchMs: 100 };
    const trial = await runIdleAccounts(await started(start()), plan);
    expect(trial.faults).toEqual([]);
    expect(trial.work.rows).toBe(0);
    expect(trial.work.calls).toBe(name === "the hub" ? 0 : null);
  });

  test("a token that nobody has made is refused", async () => {
    const about = { clientType: "user-scoped" } as const;
    await expect(Device.connect(await started(start()), "a.b", about)).rejects.toThrow("refused");
  });

  test("a version that another device has changed meanwhile is not overwritten", async () => {
    const server = await started(start());
    const token = await signUp(server);
    const sid = await createSession(server, token, "t");
    const about = { clientType: "session-scoped", sessionId: sid } as const;
    const agent = await Device.connect(server, token, about);
    undos.push(agent.kill);
    const change = { sid, agentState: "a", expectedVersion: 0 };
    const changed = { result: "success", version: 1, agentState: "a" };
    expect(await agent.ask("update-state", change)).toEqual(changed);
    expect(await agent.ask("update-state", { ...change, agentState: "b" })).toEqual({
      ...changed,
      result: "version-mismatch",
    });
  });

  test("what is written is counted", async () => {
    const server = await started(start());
    const before = await server.observe();
    const token = await signUp(server);
    await createSession(server, token, "t");
    const { rows, wakes } = await server.observe();
    expect(rows).toBeGreaterThan(before.rows);
    expect(wakes).toBe(name === "the hub" ? 1 : null);
  });
});

test("a message that comes twice is a fault", async () => {
  const phases = await runMessages(await repeating(), MESSAGES);
  expect(phases).toHaveLength(1);
  expect(phases[0]?.faults.join()).toContain("came where 4 was due");
});

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, expect, test } from "vitest";
import { startHub, startSocketIo, type CallServer } from "./callers.ts";
import { runCalls } from "./trial.ts";

const undos: (() => unknown)[] = [];
afterEach(async () => {
  for (const undo of undos.splice(0).toReversed()) await undo();
});

async function started(start: (folder: string) => Promise<CallServer>): Promise<CallServer> {
  const folder = await mkdtemp(path.join(tmpdir(), "guildhub-calls-"));
  undos.push(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  const server = await start(folder);
  undos.push(() => server.stop());
  return server;
}

const PLAN = { clients: 6, perSecond: 200, underWay: 4, callsEach: 5, pauseMs: 0 };

test.each([
  ["the hub", startHub],
  ["Socket.IO", startSocketIo],
])("calls through %s are answered by the client that they are for", async (_, start) => {
  const { steady, fast } = await runCalls(await started(start), PLAN);
  for (const phase of [steady, fast])
    expect(phase).toMatchObject({ calls: 30, answered: 30, faults: [] });
});

test.each([
  ["the hub", startHub],
  ["Socket.IO", startSocketIo],
])("a call of nobody's method through %s fails", async (_, start) => {
  const { connect } = await started(start);
  const caller = await connect(0, "mine");
  undos.push(caller.leave);
  await expect(caller.call("nobody's", 1)).rejects.toThrow("no_target");
});

test("a wrong answer and a failed call are faults, and not answered", async () => {
  const server = await started(startSocketIo);
  const { steady } = await runCalls(
    {
      ...server,
      connect: async (index, method) => {
        const caller = await server.connect(index, method);
        const call: typeof caller.call = async (of, params) => {
          if (params % 3 === 0) throw new Error("failed");
          const data = await caller.call(of, params);
          return params % 3 === 1 ? 0 : data;
        };
        return { ...caller, call };
      },
    },
    PLAN,
  );
  expect(steady.answered).toBe(10);
  expect(steady.faults).toHaveLength(20);
});

import { setTimeout as rest } from "node:timers/promises";
import type { Identity } from "../../dev/testing/identity.ts";
import { queuedBytes, usageOf } from "../../dev/testing/process-usage.ts";
import { flood, type FilledHub, type FloodPlan } from "../../dev/testing/stalled/filled-hub.ts";
import { Reader } from "../../dev/testing/stalled/reader.ts";

/** What stalled readers cost a hub in memory. */
export type MemoryTrial = Awaited<ReturnType<typeof measureMemory>>;

const SETTLE_MS = 1_000;

/** Floods a fresh hub three times. The stalled readers connect before the third flood. */
export async function measureMemory(
  hub: FilledHub,
  identity: Identity,
  plan: FloodPlan,
  stalled: number,
) {
  const { port } = hub;
  const join = async (user: number, batch: boolean): Promise<Reader> => {
    const token = identity.tokenOf(user);
    const reader = new Reader({ port, token, shows: "acknowledges", batch });
    await reader.connect();
    return reader;
  };
  const healthy = [await join(0, false), await join(1, true)];
  const resident = async (): Promise<number> => {
    await rest(SETTLE_MS);
    return (await usageOf(hub.pid)).residentKib * 1024;
  };
  // The first flood fills the journal and the caches, and lets the engine compile hot code.
  await flood(hub, healthy, plan);
  const before = await resident();
  await flood(hub, healthy, plan);
  const withoutBytes = (await resident()) - before;

  const readers: Reader[] = [];
  for (let at = 0; at < stalled; at += 1) {
    const reader = await join(2 + at, false);
    reader.stall();
    readers.push(reader);
  }
  const connected = await resident();
  await flood(hub, healthy, plan);
  const amongBytes = (await resident()) - connected;
  const queued = await queuedBytes(port);
  const held = readers.reduce((sum, { localPort }) => sum + (queued.get(localPort) ?? 0), 0);
  for (const reader of [...healthy, ...readers]) reader.leave();
  return {
    plan,
    stalled,
    /** Growth of the resident set in the second flood, without stalled readers. */
    withoutBytes,
    /** The same in the third flood, with stalled readers. */
    amongBytes,
    /** What the kernel holds for a stalled reader, on average. */
    queuedBytes: held / stalled,
  };
}

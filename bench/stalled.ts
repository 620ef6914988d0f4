/**
 * `npm run bench:stalled`: how two hundred readers that stopped reading affect healthy ones. Three hubs do the
 * same work in turn, one of them with stalled readers. The other two show how much equal hubs differ. The hubs
 * swap places every round. Writes its part of docs/benchmarks.md. It fails when a healthy reader missed an event,
 * never because of timing.
 */
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { startIdentity } from "../dev/testing/identity.ts";
import { startFilledHub, type FilledHub } from "../dev/testing/stalled/filled-hub.ts";
import { offerHelp } from "../dev/usage.mjs";
import { bundleWorker } from "../dev/workerd/worker-bundle.ts";
import { runBench } from "./bench.ts";
import { Publisher } from "./load/stream.ts";
import { measureMemory, type MemoryTrial } from "./stalled/memory.ts";
import { reportOf } from "./stalled/report.ts";
import { rotated, runStalledRound, STALLED_PLAN, type StalledRound } from "./stalled/trial.ts";

offerHelp(`Usage: npm run bench:stalled
  What healthy readers notice of two hundred that stopped reading. Writes its part of docs/benchmarks.md.`);

await runBench("stalled", "memory", async ({ folder, secret, atEnd }) => {
  const identity = await startIdentity(STALLED_PLAN.healthy + STALLED_PLAN.stalled);
  atEnd(() => identity.close());
  console.log("bundling …");
  const bundle = await bundleWorker(path.join(folder, "bundle"));
  const start = async (name: string): Promise<FilledHub> => {
    const own = path.join(folder, name);
    await mkdir(own);
    const hub = await startFilledHub({ bundle, identity, secret }, own);
    atEnd(() => hub.stop());
    return hub;
  };
  const hubs = [];
  for (const name of ["first", "second", "third"]) {
    const hub = await start(name);
    const publisher = new Publisher(hub.port, secret);
    atEnd(() => publisher.close());
    hubs.push({ hub, publisher });
  }
  // The first round is not counted: in it the engines compile hot code.
  await runStalledRound(hubs, identity);
  const rounds: StalledRound[] = [];
  for (let round = 0; round < STALLED_PLAN.rounds; round += 1) {
    rounds.push(await runStalledRound(rotated(hubs, round), identity));
    console.log(`round ${round + 1} of ${STALLED_PLAN.rounds}`);
  }
  const memory: MemoryTrial[] = [];
  for (const [at, plan] of STALLED_PLAN.floods.entries()) {
    console.log(`memory: events with ${plan.bytes} bytes in each …`);
    const hub = await start(`memory-${at}`);
    memory.push(await measureMemory(hub, identity, plan, STALLED_PLAN.stalled));
  }
  return reportOf(rounds, memory);
});

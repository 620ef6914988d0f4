/**
 * `npm run bench:stalled`: what healthy readers notice of two hundred that stopped reading. Three hubs
 * do the same work one after the other all the time, one of them with stalled readers; the two others
 * show how far apart equal hubs are. Every round they change places. Writes its part of docs/benchmarks.md. It fails when a healthy reader missed something, never
 * because of timing.
 */
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { startIdentity } from "../dev/testing/identity.ts";
import { Publisher } from "./load/publisher.ts";
import { writeSection } from "./report/document.ts";
import { describeMachine } from "./report/machine.ts";
import { startFilledHub, type FilledHub } from "../dev/testing/stalled/filled-hub.ts";
import { measureMemory, type MemoryTrial } from "./stalled/memory.ts";
import { faultsOf, writeStalledReport, type StalledRound } from "./stalled/report.ts";
import { fromOn, runStalledRound, Side, STALLED_PLAN } from "./stalled/trial.ts";
import { bundleWorker } from "../dev/workerd/worker-bundle.ts";
import { offerHelp } from "../dev/usage.mjs";

offerHelp(`Usage: npm run bench:stalled
  What healthy readers notice of two hundred that stopped reading. Writes its part of docs/benchmarks.md.`);

type Started = { readonly hub: FilledHub; readonly publisher: Publisher };

if (process.platform !== "linux") {
  console.error("The benchmark reads memory from /proc: run it on Linux.");
  process.exit(1);
}
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

const folder = await mkdtemp(path.join(tmpdir(), "guildhub-stalled-"));
const secret = randomBytes(32).toString("hex");
const identity = await startIdentity(STALLED_PLAN.healthy + STALLED_PLAN.stalled);
const started: Started[] = [];
try {
  console.log("bundling …");
  const bundle = await bundleWorker(path.join(folder, "bundle"));
  const start = async (name: string): Promise<Started> => {
    const own = path.join(folder, name);
    await mkdir(own);
    const hub = await startFilledHub({ bundle, identity, secret }, own);
    const one = { hub, publisher: new Publisher(hub.port, secret) };
    started.push(one);
    return one;
  };
  const hubs = [await start("first"), await start("second"), await start("third")];
  // A first round that is not counted: all compile what they run often.
  await runRound(hubs);
  const rounds: StalledRound[] = [];
  for (let round = 0; round < STALLED_PLAN.rounds; round += 1) {
    rounds.push(await runRound(fromOn(hubs, round)));
    console.log(`round ${round + 1} of ${STALLED_PLAN.rounds}`);
  }
  const memory: MemoryTrial[] = [];
  for (const [at, plan] of STALLED_PLAN.floods.entries()) {
    console.log(`memory: events with ${plan.bytes} bytes in each …`);
    const { hub } = await start(`memory-${at}`);
    memory.push(await measureMemory(hub, identity, plan, STALLED_PLAN.stalled));
  }
  const report = writeStalledReport(rounds, memory, describeMachine(folder));
  console.log(`\n${report}`);
  if (faultsOf(rounds).length > 0) {
    process.exitCode = 1;
  } else {
    await writeSection("stalled", report);
  }
} finally {
  for (const { hub, publisher } of started) {
    publisher.close();
    await hub.stop();
  }
  await identity.close();
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}

/** @param hubs the last of them gets the stalled readers */
async function runRound(hubs: readonly Started[]): Promise<StalledRound> {
  const sides = hubs.map(({ hub, publisher }) => new Side(hub, publisher));
  for (const [at, side] of sides.entries()) {
    await side.open(identity, at === sides.length - 1 ? STALLED_PLAN.stalled : 0);
  }
  await runStalledRound(sides);
  const [without, control, among] = sides.map((side) => side.close());
  if (without === undefined || control === undefined || among === undefined) {
    throw new Error("a round needs three hubs");
  }
  return { without, control, among };
}

/**
 * `npm run bench:stalled`: what healthy readers notice of two hundred that stopped reading. Two hubs do the
 * same work one after the other all the time, one of them with stalled readers; every round they change
 * places. Writes its part of docs/benchmarks.md. It fails when a healthy reader missed something, never
 * because of timing.
 */
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { startIdentity } from "./identity.ts";
import { Publisher } from "./load/publisher.ts";
import { describeMachine } from "./report/machine.ts";
import { startFilledHub, type FilledHub } from "./stalled/hub.ts";
import { replaceStalled, writeStalledReport, type StalledPair } from "./stalled/report.ts";
import { runStalledRound, Side, STALLED_PLAN } from "./stalled/trial.ts";
import { bundleWorker } from "./worker-bundle.ts";

const DOCUMENT = fileURLToPath(new URL("../docs/benchmarks.md", import.meta.url));

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
  const hubs = [await start("one"), await start("other")] as const;
  // A first round that is not counted: both compile what they run often.
  await runPair(hubs[0], hubs[1]);
  const pairs: StalledPair[] = [];
  for (let round = 0; round < STALLED_PLAN.rounds; round += 1) {
    const [one, other] = hubs;
    pairs.push(await (round % 2 === 0 ? runPair(one, other) : runPair(other, one)));
    console.log(`round ${round + 1} of ${STALLED_PLAN.rounds}`);
  }
  const report = writeStalledReport(pairs, describeMachine(folder));
  console.log(`\n${report}`);
  if (pairs.some(({ without, among }) => without.faults.length + among.faults.length > 0)) {
    process.exitCode = 1;
  } else {
    await writeFile(DOCUMENT, replaceStalled(await readFile(DOCUMENT, "utf8"), report));
    console.log("\nwritten to docs/benchmarks.md");
  }
} finally {
  for (const { hub, publisher } of started) {
    publisher.close();
    await hub.stop();
  }
  await identity.close();
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}

async function runPair(quiet: Started, crowded: Started): Promise<StalledPair> {
  const without = new Side(quiet.hub, quiet.publisher);
  const among = new Side(crowded.hub, crowded.publisher);
  await without.open(identity, 0);
  await among.open(identity, STALLED_PLAN.stalled);
  await runStalledRound([without, among]);
  return { without: await without.close(), among: await among.close() };
}

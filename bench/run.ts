/** `npm run bench`: the hub beside its peers, the same work for each, in one run. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { startIdentity } from "./identity.ts";
import { PLAN } from "./plan.ts";
import { describeMachine } from "./report/machine.ts";
import { replaceGenerated, writeReport } from "./report/report.ts";
import { summarize } from "./report/summary.ts";
import { bareLoop } from "./subjects/bare-loop.ts";
import { guildHub, guildHubBatching } from "./subjects/guild-hub.ts";
import { nodeWs } from "./subjects/node-ws.ts";
import { rawTcp } from "./subjects/raw-tcp.ts";
import { runRound, type Trial } from "./round.ts";
import { bundleWorker } from "./worker-bundle.ts";

const DOCUMENT = fileURLToPath(new URL("../docs/benchmarks.md", import.meta.url));

if (process.platform !== "linux") {
  console.error("The benchmark reads CPU time and memory from /proc: run it on Linux.");
  process.exit(1);
}
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

const startedAt = performance.now();
const folder = await mkdtemp(path.join(tmpdir(), "guildhub-bench-"));
const secret = randomBytes(32).toString("hex");
const identity = await startIdentity(PLAN.sockets);
try {
  console.log("bundling the Worker …");
  const bundle = await bundleWorker(path.join(folder, "bundle"));
  const parts = { bundle, identity, secret };
  const contenders = [guildHub(parts), guildHubBatching(parts), bareLoop, nodeWs(identity, secret)];
  console.log("measuring the load generator …");
  const trials = await runRound([rawTcp], path.join(folder, "ceiling"), secret);
  for (let round = 1; round <= PLAN.rounds; round += 1) {
    const own = await runRound(contenders, path.join(folder, `round-${round}`), secret);
    trials.push(...own);
    for (const trial of own) console.log(progress(round, trial));
  }
  const summary = summarize(trials);
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  const report = writeReport(summary, contenders, describeMachine(folder), seconds);
  console.log(`\n${report}`);
  if (summary.faults.length > 0) process.exitCode = 1;
  else {
    await writeFile(DOCUMENT, replaceGenerated(await readFile(DOCUMENT, "utf8"), report));
    console.log("\nwritten to docs/benchmarks.md");
  }
} finally {
  await identity.close();
  await rm(folder, { recursive: true, force: true });
}

function progress(round: number, trial: Trial): string {
  const { subject, deliveriesPerCpuSecond, quietP50, connectsPerSecond, kibPerSocket, faults } =
    trial;
  return [
    `round ${round}  ${subject.padEnd(10)}`,
    `${Math.round(deliveriesPerCpuSecond / 1000)}k deliveries/CPU-s`,
    `p50 ${quietP50.toFixed(1)} ms`,
    `${Math.round(connectsPerSecond)} connects/s`,
    `${Math.round(kibPerSocket)} KiB/socket`,
    ...(faults[0] === undefined ? [] : [`VOID: ${faults[0]}`]),
  ].join("  ");
}

/**
 * `npm run bench`: the hub beside its peers, the same work for each, in one run. `BENCH_SCALE` makes it
 * smaller, `BENCH_PARTS` (of rounds, recovery, idle; with commas) leaves parts out; such a run is shown
 * and not written down.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { startIdentity } from "../dev/testing/identity.ts";
import { runIdle, type IdleTrial } from "./idle.ts";
import { Publisher } from "./load/publisher.ts";
import { PLAN, SCALE } from "./plan.ts";
import { runRecovery, type RecoveryTrial } from "./recovery.ts";
import { writeSection } from "./report/document.ts";
import { describeMachine } from "./report/machine.ts";
import { writeReport } from "./report/report.ts";
import { summarize } from "./report/summary.ts";
import { countRows } from "./resume.ts";
import { runRound, type Trial } from "./round.ts";
import { bareLoop } from "./subjects/durable-objects.ts";
import {
  guildHub,
  guildHubBatching,
  guildHubInMemory,
  startCountingHub,
  type GuildHubParts,
} from "./subjects/guild-hub.ts";
import { nodeWs } from "./subjects/node-servers.ts";
import { party } from "./subjects/durable-objects.ts";
import { offerHelp } from "../dev/usage.mjs";
import { rawTcp } from "./subjects/node-servers.ts";
import { socketIo } from "./subjects/node-servers.ts";
import type { Subject } from "./subjects/subject.ts";
import { bundleModule, bundleWorker } from "../dev/workerd/worker-bundle.ts";

offerHelp(`Usage: npm run bench
  The hub beside its peers, the same work for each. Writes its part of docs/benchmarks.md.
    BENCH_SCALE=0.1           a smaller run, which is shown and not written down
    BENCH_PARTS=rounds,idle   only some of rounds, recovery, idle`);

const PARTS = ["rounds", "recovery", "idle"];
/** A folder in memory that every Linux has. */
const MEMORY = "/dev/shm";

if (process.platform !== "linux") {
  console.error("The benchmark reads CPU time and memory from /proc: run it on Linux.");
  process.exit(1);
}
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

const parts = process.env["BENCH_PARTS"]?.split(",") ?? PARTS;
const startedAt = performance.now();
const folder = await mkdtemp(path.join(tmpdir(), "guildhub-bench-"));
const memory = await mkdtemp(path.join(MEMORY, "guildhub-bench-"));
const secret = randomBytes(32).toString("hex");
const identity = await startIdentity(Math.max(PLAN.sockets, PLAN.idleSockets));
try {
  console.log("bundling …");
  const bundle = await bundleWorker(path.join(folder, "bundle"));
  const partyWorker = fileURLToPath(import.meta.resolve("./subjects/party.worker.mjs"));
  const partyBundle = await bundleModule(partyWorker, path.join(folder, "party"));
  const hubParts = { bundle, identity, secret };
  const peers = [
    bareLoop,
    party(partyBundle),
    nodeWs(identity, secret),
    socketIo(identity, secret),
  ];
  const contenders = [guildHub(hubParts), guildHubBatching(hubParts), ...peers];
  const inMemory = guildHubInMemory(hubParts, () => mkdtemp(path.join(memory, "hub-")));
  const trials = parts.includes("rounds") ? await runRounds([...contenders, inMemory]) : [];
  const recoveries = parts.includes("recovery") ? await runRecoveries(contenders) : [];
  const rowsPerResume = parts.includes("recovery") ? await countRowsOf(hubParts) : null;
  const idle = parts.includes("idle") ? await watchIdle(contenders) : [];
  const summary = summarize({ trials, recoveries, rowsPerResume, idle });
  const runSeconds = Math.round((performance.now() - startedAt) / 1000);
  const report = writeReport(summary, contenders, describeMachine(folder), runSeconds);
  console.log(`\n${report}`);
  if (summary.faults.length > 0) process.exitCode = 1;
  else if (SCALE === 1 && PARTS.every((part) => parts.includes(part))) {
    await writeSection("bench", report);
  }
} finally {
  await identity.close();
  await rm(folder, { recursive: true, force: true });
  await rm(memory, { recursive: true, force: true });
}

async function runRounds(subjects: readonly Subject[]): Promise<Trial[]> {
  console.log("measuring the load generator …");
  const trials = await runRound([rawTcp], path.join(folder, "ceiling"), secret);
  for (let round = 1; round <= PLAN.rounds; round += 1) {
    const own = await runRound(subjects, path.join(folder, `round-${round}`), secret);
    trials.push(...own);
    for (const trial of own) console.log(progress(round, trial));
  }
  return trials;
}

async function runRecoveries(subjects: readonly Subject[]): Promise<RecoveryTrial[]> {
  const trials: RecoveryTrial[] = [];
  for (const subject of subjects) {
    console.log(`leaving and coming back: ${subject.label} …`);
    trials.push(await runRecovery(subject, path.join(folder, `recovery-${subject.name}`), secret));
  }
  return trials;
}

async function countRowsOf(hubParts: GuildHubParts): Promise<number> {
  const server = await startCountingHub(hubParts, await mkdtemp(path.join(folder, "rows-")));
  const publisher = new Publisher(server.port, secret);
  try {
    return await countRows(server, publisher);
  } finally {
    publisher.close();
    await server.stop();
  }
}

function watchIdle(subjects: readonly Subject[]): Promise<IdleTrial[]> {
  console.log(`idling for ${PLAN.idleMs / 1000} s …`);
  return runIdle(subjects, path.join(folder, "idle"));
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

/**
 * `npm run bench`: the hub and its peers do the same work in one run. `BENCH_SCALE` makes it smaller,
 * `BENCH_PARTS` (some of rounds, recovery, idle; separated by commas) skips the other parts. The report of such a
 * run is only shown, and not written into the document.
 */
import { mkdtemp, rm } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { startIdentity } from "../dev/testing/identity.ts";
import { offerHelp } from "../dev/usage.mjs";
import { bundleModule, bundleWorker } from "../dev/workerd/worker-bundle.ts";
import { runBench } from "./bench.ts";
import { runIdle, type IdleTrial } from "./idle.ts";
import { Publisher } from "./load/stream.ts";
import { PLAN, SCALE } from "./plan.ts";
import { countRows, runRecovery, type RecoveryTrial } from "./recovery.ts";
import { reportOf } from "./report/report.ts";
import { summarize } from "./report/summary.ts";
import { runRound, type Trial } from "./round.ts";
import { guildHubs, startCountingHub } from "./subjects/guild-hub.ts";
import { bareLoop, journalLoop, nodeWs, party, rawTcp, socketIo } from "./subjects/peers.ts";

offerHelp(`Usage: npm run bench
  The hub beside its peers, the same work for each. Writes its part of docs/benchmarks.md.
    BENCH_SCALE=0.1           a smaller run, which is shown and not written down
    BENCH_PARTS=rounds,idle   only some of rounds, recovery, idle`);

const PARTS = ["rounds", "recovery", "idle"];
/** A folder in memory, present on every Linux. */
const MEMORY = "/dev/shm";

const parts = process.env["BENCH_PARTS"]?.split(",") ?? PARTS;

await runBench("bench", "CPU time and memory", async ({ folder, secret, atEnd }) => {
  const startedAt = performance.now();
  const memory = await mkdtemp(path.join(MEMORY, "guildhub-bench-"));
  atEnd(() => rm(memory, { recursive: true, force: true }));
  const identity = await startIdentity(
    Math.max(PLAN.sockets + 2 * (PLAN.warmUpConnects + PLAN.connects), PLAN.idleSockets),
  );
  atEnd(() => identity.close());
  console.log("bundling …");
  const bundle = await bundleWorker(path.join(folder, "bundle"));
  const partyWorker = fileURLToPath(import.meta.resolve("./subjects/party.worker.mjs"));
  const partyBundle = await bundleModule(partyWorker, path.join(folder, "party"));
  const hubParts = { bundle, identity, secret };
  const { single, batching, inMemory } = guildHubs(hubParts, memory);
  const contenders = [
    single,
    batching,
    bareLoop,
    journalLoop,
    party(partyBundle),
    nodeWs(identity, secret),
    socketIo(identity, secret),
  ];

  const trials: Trial[] = [];
  if (parts.includes("rounds")) {
    console.log("measuring the load generator …");
    trials.push(...(await runRound([rawTcp], path.join(folder, "ceiling"), secret)));
    for (let round = 1; round <= PLAN.rounds; round += 1) {
      const own = path.join(folder, `round-${round}`);
      for (const trial of await runRound([...contenders, inMemory], own, secret)) {
        trials.push(trial);
        console.log(progress(round, trial));
      }
    }
  }
  const recoveries: RecoveryTrial[] = [];
  let rowsPerResume: number | null = null;
  if (parts.includes("recovery")) {
    for (const subject of contenders) {
      console.log(`leaving and coming back: ${subject.label} …`);
      const own = path.join(folder, `recovery-${subject.name}`);
      recoveries.push(await runRecovery(subject, own, secret));
    }
    const server = await startCountingHub(hubParts, path.join(folder, "rows"));
    const publisher = new Publisher(server.port, secret);
    try {
      rowsPerResume = await countRows(server, publisher);
    } finally {
      publisher.close();
      await server.stop();
    }
  }
  let idle: IdleTrial[] = [];
  if (parts.includes("idle")) {
    console.log(`idling for ${PLAN.idleMs / 1000} s …`);
    // The floor of a journal does nothing while its sockets ping that the bare loop does not do.
    const idlers = contenders.filter(({ name }) => name !== journalLoop.name);
    idle = await runIdle(idlers, path.join(folder, "idle"));
  }

  const runSeconds = Math.round((performance.now() - startedAt) / 1000);
  const summary = summarize({ trials, recoveries, rowsPerResume, idle });
  const isWhole = SCALE === 1 && PARTS.every((part) => parts.includes(part));
  return {
    ...reportOf(summary, contenders, runSeconds),
    ...(isWhole ? {} : { withheld: "BENCH_SCALE or BENCH_PARTS makes it smaller" }),
  };
});

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

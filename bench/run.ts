/**
 * `npm run bench`: the hub and its peers do the same work in one run. `BENCH_SCALE` makes it smaller,
 * `BENCH_PARTS` (some of rounds, recovery, idle, memory, audience; separated by commas) skips the other parts. The
 * report of such a run is only shown, and not written into the document.
 */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { startIdentity } from "../dev/testing/identity.ts";
import { offerHelp } from "../dev/usage.mjs";
import { bundleModule, bundleWorker } from "../dev/workerd/worker-bundle.ts";
import { type AudienceTrial, runAudience, socketsThatFit } from "./audience.ts";
import { runBench } from "./bench.ts";
import { runIdle, type IdleTrial } from "./idle.ts";
import { Publisher } from "./load/stream.ts";
import { runMemory, type MemoryTrial } from "./memory.ts";
import { PLAN, SCALE } from "./plan.ts";
import { countRows, runRecovery, type RecoveryTrial } from "./recovery.ts";
import { reportOf } from "./report/report.ts";
import { summarize } from "./report/summary.ts";
import { runRound, type Trial } from "./round.ts";
import { guildHubs, startCountingHub, startPublishingHub } from "./subjects/guild-hub.ts";
import { bareLoop, floor, journalLoop, nodeWs, party, rawTcp, socketIo } from "./subjects/peers.ts";
import type { PublishingHub } from "./subjects/subject.ts";

offerHelp(`Usage: npm run bench
  The hub beside its peers, the same work for each. Writes its part of docs/benchmarks.md.
    BENCH_SCALE=0.1           a smaller run, which is shown and not written down
    BENCH_PARTS=rounds,idle   only some of rounds, recovery, idle, memory, audience`);

const PARTS = ["rounds", "recovery", "idle", "memory", "audience"];

const parts = process.env["BENCH_PARTS"]?.split(",") ?? PARTS;

await runBench("bench", "CPU time and memory", async ({ folder, secret, atEnd, inMemory }) => {
  const startedAt = performance.now();
  const identity = await startIdentity(
    Math.max(
      PLAN.sockets + 2 * (PLAN.warmUpConnects + PLAN.connects),
      PLAN.idleSockets,
      PLAN.warmUpSockets + PLAN.manySockets,
      PLAN.audience.sockets,
    ),
  );
  atEnd(() => identity.close());
  console.log("bundling …");
  const bundle = await bundleWorker(path.join(folder, "bundle"));
  const partyWorker = fileURLToPath(import.meta.resolve("./subjects/party.worker.mjs"));
  const partyBundle = await bundleModule(partyWorker, path.join(folder, "party"));
  const hubParts = { bundle, identity, secret };
  const hubs = guildHubs(hubParts, await inMemory());
  const { single, batching } = hubs;
  const peers = [party(partyBundle), nodeWs(identity, secret), socketIo(identity, secret)];
  const steps = floor(identity, secret);
  const contenders = [single, batching, bareLoop, journalLoop, steps, ...peers];

  const trials: Trial[] = [];
  if (parts.includes("rounds")) {
    console.log("measuring the load generator …");
    trials.push(...(await runRound([rawTcp], path.join(folder, "ceiling"), secret)));
    for (let round = 1; round <= PLAN.rounds; round += 1) {
      const own = path.join(folder, `round-${round}`);
      for (const trial of await runRound([...contenders, hubs.inMemory], own, secret)) {
        trials.push(trial);
        console.log(progress(round, trial));
      }
    }
  }
  const recoveries: RecoveryTrial[] = [];
  let rowsPerResume: number | null = null;
  if (parts.includes("recovery")) {
    // What a client gets that comes back is the same with the journal alone.
    for (const subject of contenders.filter((one) => one !== steps)) {
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
    // The floors do nothing while their sockets ping that the bare loop does not do.
    idle = await runIdle([single, batching, bareLoop, ...peers], path.join(folder, "idle"));
  }
  let memory: MemoryTrial[] = [];
  if (parts.includes("memory")) {
    const plan = { first: PLAN.sockets, all: PLAN.manySockets, settleMs: PLAN.settleMs };
    console.log(`memory of ${plan.first} and of ${plan.all} sockets …`);
    const own = path.join(folder, "memory");
    memory = await runMemory([single, bareLoop, steps, ...peers], own, plan);
  }
  let audience: AudienceTrial | null = null;
  if (parts.includes("audience")) {
    const limits = await readFile("/proc/self/limits", "utf8");
    const plan = { ...PLAN.audience, sockets: socketsThatFit(PLAN.audience.sockets, limits) };
    console.log(`events for ${plan.readers} of ${plan.sockets} sockets …`);
    const start = (own: string): Promise<PublishingHub> => startPublishingHub(hubParts, own);
    audience = await runAudience(start, path.join(folder, "audience"), plan);
  }

  const runSeconds = Math.round((performance.now() - startedAt) / 1000);
  const summary = summarize({
    trials,
    recoveries,
    rowsPerResume,
    idle,
    memory,
    audience,
  });
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

/**
 * `npm run bench:jitter`: thousands of clients that lose their network for two seconds again and again, while events
 * are published. Writes its part of docs/benchmarks.md. It fails when a client of GuildHub did not get every event
 * once and in order; never because of timing.
 */
import path from "node:path";
import { startIdentity } from "../dev/testing/identity.ts";
import { offerHelp } from "../dev/usage.mjs";
import { bundleWorker } from "../dev/workerd/worker-bundle.ts";
import { runBench } from "./bench.ts";
import { runJitter, type JitterPlan, type JitterTrial } from "./jitter/trial.ts";
import { SCALE, scaled } from "./plan.ts";
import { seconds, tableOf, whole } from "./report/table.ts";
import { guildHubs } from "./subjects/guild-hub.ts";
import { bareLoop, socketIo } from "./subjects/peers.ts";
import type { Subject } from "./subjects/subject.ts";

offerHelp(`Usage: npm run bench:jitter
  What arrives at clients that lose their network again and again. Writes its part of docs/benchmarks.md.
    BENCH_SCALE=0.1           a smaller run, which is shown and not written down`);

/** A minute, in which a client loses its network seven times, of which it comes back over a new connection five times. */
const PLAN: JitterPlan = {
  clients: scaled(2_000, 20),
  events: scaled(300, 60),
  intervalMs: 200,
  upMs: [3_000, 9_000],
  downMs: 2_000,
  settleMs: 30_000,
};

await runBench("jitter", "CPU time", async ({ folder, secret, atEnd }) => {
  const identity = await startIdentity(PLAN.clients);
  atEnd(() => identity.close());
  console.log("bundling …");
  const bundle = await bundleWorker(path.join(folder, "bundle"));
  const hub = guildHubs({ bundle, identity, secret }, folder).single;
  const contenders: readonly (readonly [label: string, Subject, recovery: boolean])[] = [
    ["GuildHub", hub, true],
    ["Socket.IO, with connection state recovery", socketIo(identity, secret), true],
    ["Socket.IO", socketIo(identity, secret), false],
    [bareLoop.label, bareLoop, false],
  ];
  const trials: (JitterTrial & { readonly label: string })[] = [];
  const faults: string[] = [];
  for (const [label, subject, recovery] of contenders) {
    console.log(`${label} …`);
    const server = await subject.start(path.join(folder, `subject-${trials.length}`), { recovery });
    try {
      const trial = await runJitter(server, secret, PLAN);
      trials.push({ label, ...trial });
      faults.push(...trial.faults.slice(0, 5).map((fault) => `${label}: ${fault}`));
      const wrong = lostOf(trial) + trial.again;
      if (subject === hub && wrong > 0) faults.push(`${label}: ${wrong} events lost or doubled`);
    } finally {
      await server.stop();
    }
  }
  return {
    packages: { "Socket.IO": "socket.io" },
    waitsForDisk: true,
    extent: `${whole(PLAN.clients)} clients, ${PLAN.events} events at ${1_000 / PLAN.intervalMs} a second; each client has its network for ${PLAN.upMs.map((ms) => ms / 1_000).join(" to ")} s, then none for ${PLAN.downMs / 1_000} s`,
    faults,
    sound: "Every client of GuildHub got every event once and in order.",
    parts: [
      tableOf(trials, [
        ["", ({ label }) => label],
        ["losses of network", ({ losses }) => whole(losses)],
        ["arrived, in order, once", (trial) => share(1 - lostOf(trial) / trial.pairs)],
        ["lost after a cut", ({ lost }) => whole(lost.cut)],
        ["after a pause", ({ lost }) => whole(lost.frozen)],
        ["after a move", ({ lost }) => whole(lost.moved)],
        ["clients that are deaf at the end", ({ deaf }) => whole(deaf)],
        ["twice or late", ({ again }) => whole(again)],
        ["server CPU", ({ cpuSeconds }) => seconds(cpuSeconds * 1_000)],
      ]),
    ],
    ...(SCALE === 1 ? {} : { withheld: "BENCH_SCALE makes it smaller" }),
  };
});

function lostOf({ lost }: JitterTrial): number {
  return lost.cut + lost.frozen + lost.moved;
}

/** A percentage that says 100 only if it is. */
function share(of: number): string {
  return `${(Math.floor(of * 10_000) / 100).toFixed(2)} %`;
}

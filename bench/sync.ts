/**
 * `npm run bench:sync`: sessions, machines and phones of many accounts, beside the classic design: Node, Socket.IO and
 * SQLite in one process. Writes its part of docs/benchmarks.md. It fails when a message did not arrive once and in
 * order, or when a call ended wrongly; never because of timing.
 */
import path from "node:path";
import { offerHelp } from "../dev/usage.mjs";
import { bundleWorker } from "../dev/workerd/worker-bundle.ts";
import { CLIENT_FRAME_WINDOW_MS } from "../src/protocol/limits.ts";
import { runBench } from "./bench.ts";
import { SCALE, scaled } from "./plan.ts";
import { whole } from "./report/table.ts";
import { type AlivePlan, runAlive } from "./sync/alive.ts";
import { type IdlePlan, runIdleAccounts } from "./sync/idle.ts";
import { type MessagesPhase, type MessagesPlan, runMessages } from "./sync/messages.ts";
import { aliveTable, type Both, idleTable, messagesTable, targetsTable } from "./sync/report.ts";
import { type StartSync, syncHub, syncPeer, type SyncServer } from "./sync/servers.ts";
import { runTargets, type TargetsPlan } from "./sync/targets.ts";

offerHelp(`Usage: npm run bench:sync
  What accounts with sessions, machines and phones cost. Writes its part of docs/benchmarks.md.
    BENCH_SCALE=0.1           a smaller run, which is shown and not written down`);

const MESSAGES: MessagesPlan = {
  accounts: scaled(50, 5),
  perSecond: scaled(200, 50),
  steadyEach: scaled(60, 10),
  underWay: { socket: 4, v3: 1 },
  fastEach: scaled(400, 20),
  warmUpEach: scaled(40, 5),
  // A client has a window of frames of its own in each phase.
  pauseMs: scaled(CLIENT_FRAME_WINDOW_MS, 500),
};
const ROUNDS = scaled(3, 1);

const ALIVE: AlivePlan = {
  machines: scaled(1_000, 20),
  sessions: scaled(200, 5),
  machineEveryMs: 20_000,
  sessionEveryMs: 2_000,
  // The Worker lets one beat in 30 s through: every second one of a machine. Then all have settled.
  settleMs: scaled(45_000, 5_000),
  watchMs: scaled(120_000, 10_000),
};

const TARGETS: TargetsPlan = { accounts: scaled(20, 2), awayMs: 2_000 };

const IDLE: IdlePlan = {
  accounts: scaled(1_000, 20),
  warmUp: scaled(25, 3),
  // A hub falls asleep 10 s after the last that happened.
  settleMs: scaled(20_000, 1_000),
  watchMs: scaled(60_000, 5_000),
};

await runBench("sync", "CPU time and memory", async ({ folder }) => {
  console.log("bundling …");
  const bundle = await bundleWorker(path.join(folder, "bundle"));
  const [quick, observed] = [syncHub(bundle, false), syncHub(bundle, true)];
  const faults: string[] = [];
  let starts = 0;
  const on = async <Result extends { readonly faults: readonly string[] }>(
    start: StartSync,
    work: (server: SyncServer) => Promise<Result>,
  ): Promise<Result> => {
    const server = await start(path.join(folder, `server-${starts++}`));
    try {
      const result = await work(server);
      const label = start === syncPeer ? "peer" : "hub";
      faults.push(...result.faults.slice(0, 5).map((fault) => `${label}: ${fault}`));
      return result;
    } finally {
      await server.stop();
    }
  };
  const bySessions = async (server: SyncServer) => {
    const phases = await runMessages(server, MESSAGES);
    return { phases, faults: phases.flatMap((phase) => phase.faults) };
  };

  const rounds: Both<readonly MessagesPhase[]>[] = [];
  for (let round = 1; round <= ROUNDS; round += 1) {
    console.log(`messages, round ${round} …`);
    const [hub, peer] = [await on(quick, bySessions), await on(syncPeer, bySessions)];
    rounds.push({ hub: hub.phases, peer: peer.phases });
  }
  console.log("machines and sessions that are alive …");
  const beating = (server: SyncServer) => runAlive(server, ALIVE);
  const alive = { hub: await on(observed, beating), peer: await on(syncPeer, beating) };
  console.log("dead targets …");
  const calling = (server: SyncServer) => runTargets(server, TARGETS);
  const targets = { hub: await on(quick, calling), peer: await on(syncPeer, calling) };
  console.log("idle accounts …");
  const idling = (server: SyncServer) => runIdleAccounts(server, IDLE);
  const idle = { hub: await on(observed, idling), peer: await on(syncPeer, idling) };

  const talk = `${ROUNDS} rounds of ${whole(MESSAGES.accounts)} accounts with a session and a phone`;
  const pace = `${whole(MESSAGES.perSecond)} messages a second, then ${MESSAGES.underWay.socket} of each session under way (by REST ${MESSAGES.underWay.v3})`;
  return {
    packages: { "Socket.IO": "socket.io" },
    waitsForDisk: true,
    extent: `${talk}; ${pace}`,
    faults,
    sound: "Every message arrived once and in order, and every call ended once.",
    parts: [
      messagesTable(rounds),
      aliveTable(alive, ALIVE),
      targetsTable(targets, TARGETS),
      idleTable(idle, IDLE),
    ],
    ...(SCALE === 1 ? {} : { withheld: "BENCH_SCALE makes it smaller" }),
  };
});

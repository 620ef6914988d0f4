/**
 * `npm run bench:calls`: clients of one hub call each other, a thousand times a second and as fast as it goes, beside
 * the same through Socket.IO. Writes its part of docs/benchmarks.md. It fails when a call at the hub was not answered;
 * never because of timing.
 */
import path from "node:path";
import { offerHelp } from "../dev/usage.mjs";
import { CLIENT_FRAME_WINDOW_MS } from "../src/protocol/limits.ts";
import { runBench } from "./bench.ts";
import { startHub, startSocketIo } from "./calls/callers.ts";
import { runCalls, type CallsPlan, type CallsTrial, type Phase } from "./calls/trial.ts";
import { SCALE, scaled } from "./plan.ts";
import { count, ms, tableOf, times, whole } from "./report/table.ts";
import { median } from "./statistics.ts";

offerHelp(`Usage: npm run bench:calls
  What calls between the clients of one hub cost. Writes its part of docs/benchmarks.md.
    BENCH_SCALE=0.1           a smaller run, which is shown and not written down`);

/** A client may send 60 frames in ten seconds, calls and answers together; each phase has a window of its own. */
const PLAN: CallsPlan = {
  clients: scaled(500, 20),
  perSecond: scaled(1_000, 50),
  underWay: 64,
  callsEach: 20,
  pauseMs: CLIENT_FRAME_WINDOW_MS,
};
const ROUNDS = scaled(3, 1);
const IN_MEMORY = "UserHub, objects in memory";

await runBench("calls", "CPU time", async ({ folder, inMemory }) => {
  const memory = await inMemory();
  const subjects = [
    { label: "UserHub", start: startHub },
    {
      label: IN_MEMORY,
      start: (own: string) => startHub(own, path.join(memory, path.basename(own))),
    },
    { label: "Socket.IO, `emitWithAck`", start: startSocketIo },
  ];
  const measured = subjects.map((subject) => ({ ...subject, trials: [] as CallsTrial[] }));
  for (let round = 1; round <= ROUNDS; round += 1) {
    for (const { label, start, trials } of measured) {
      console.log(`round ${round}: ${label} …`);
      const server = await start(path.join(folder, `${round}-${label.length}`));
      try {
        trials.push(await runCalls(server, PLAN));
      } finally {
        await server.stop();
      }
    }
  }
  const peer = measured.at(-1)?.trials ?? [];
  const rows = (["steady", "fast"] as const).flatMap((name) =>
    measured.map(({ label, trials }) => {
      const phases = trials.map((trial) => trial[name]);
      const all = (of: (phase: Phase) => number): number[] => phases.map(of);
      const ratio = (of: (phase: Phase) => number): number =>
        median(trials.map((trial, at) => of(trial[name]) / of((peer[at] ?? trial)[name])));
      return { label, name, all, ratio };
    }),
  );
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  return {
    packages: { "Socket.IO": "socket.io" },
    waitsForDisk: true,
    extent: `${ROUNDS} rounds of ${whole(PLAN.clients)} clients; ${whole(PLAN.perSecond)} calls a second, then ${PLAN.underWay} calls under way all the time`,
    faults: measured.flatMap(({ label, trials }) =>
      trials
        .flatMap(({ steady, fast }) => [...steady.faults, ...fast.faults])
        .slice(0, 5)
        .map((fault) => `${label}: ${fault}`),
    ),
    sound: "Every call was answered once, by the client that it was for.",
    parts: [
      tableOf(rows, [
        [
          "",
          ({ label, name }) => `${label}, ${name === "steady" ? "steadily" : "as fast as it goes"}`,
        ],
        [
          "answered",
          ({ all }) =>
            `${whole(sum(all((phase) => phase.answered)))} of ${whole(sum(all((phase) => phase.calls)))}`,
        ],
        ["a second", ({ all }) => count(median(all((phase) => phase.answered / phase.seconds)))],
        ["round trip p50", ({ all }) => ms(median(all((phase) => phase.p50)))],
        ["p99", ({ all }) => ms(median(all((phase) => phase.p99)))],
        [
          "server CPU of a call",
          ({ all }) => `${median(all((phase) => phase.cpuMs)).toFixed(3)} ms`,
        ],
        ["p50 × Socket.IO", ({ ratio }) => times(ratio((phase) => phase.p50))],
        ["CPU × Socket.IO", ({ ratio }) => times(ratio((phase) => phase.cpuMs))],
      ]),
    ],
    ...(SCALE === 1 ? {} : { withheld: "BENCH_SCALE makes it smaller" }),
  };
});

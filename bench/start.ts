/**
 * `npm run bench:start`: the CPU until an isolate with the Worker can handle its first call, and the CPU of its
 * first request after that. With another checkout as argument it measures both in the same run, and writes its
 * part of docs/benchmarks.md. It never fails because of timing.
 */
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { usageOf } from "../dev/testing/process-usage.ts";
import { offerHelp } from "../dev/usage.mjs";
import { bundleWorker } from "../dev/workerd/worker-bundle.ts";
import { startWorkerd, type WorkerService } from "../dev/workerd/workerd.ts";
import { runBench } from "./bench.ts";
import { ms, tableOf, times } from "./report/table.ts";
import { median } from "./statistics.ts";

offerHelp(`Usage: npm run bench:start [-- OTHER_CHECKOUT]
  CPU until an isolate with the Worker has started, and of its first request. With another checkout
  of this repository, compares the two and writes its part of docs/benchmarks.md.`);

/** Isolates in addition to the first of a process. The difference leaves out the cost of the process itself. */
const ISOLATES = 10;
const ROUNDS = 5;

type Subject = { readonly label: string; readonly service: Omit<WorkerService, "name"> };
/** CPU of one isolate, milliseconds. */
type Cost = { readonly start: number; readonly request: number };

/** Starts workerd with this many isolates of the same Worker, and sends each of them one request. */
async function costOf({ service }: Subject, isolates: number): Promise<Cost> {
  const folder = await mkdtemp(path.join(tmpdir(), "guildhub-isolates-"));
  const others = Array.from({ length: isolates - 1 }, (_, at) => `isolate${at + 1}`);
  const named = others.map((name) => ({ ...service, name }));
  const server = await startWorkerd(folder, [{ ...service, name: "isolate0" }, ...named], {
    alsoOpen: others,
  });
  try {
    const cpuMs = async (): Promise<number> => (await usageOf(server.pid)).cpuSeconds * 1000;
    const started = await cpuMs();
    for (const port of server.ports.values()) {
      await (await fetch(`http://127.0.0.1:${port}/health`)).arrayBuffer();
    }
    return { start: started, request: (await cpuMs()) - started };
  } finally {
    await server.kill();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function costOfOne(subject: Subject): Promise<Cost> {
  const alone = await costOf(subject, 1);
  const many = await costOf(subject, 1 + ISOLATES);
  return {
    start: (many.start - alone.start) / ISOLATES,
    request: (many.request - alone.request) / ISOLATES,
  };
}

/** The Worker of a checkout. Only its own objects are bound to it, because `/health` needs nothing else. */
async function workerOf(label: string, folder: string, root?: string): Promise<Subject> {
  await mkdir(folder, { recursive: true });
  const { module, compatibilityFlags, objects } = await bundleWorker(folder, root);
  const gzipped = await promisify(gzip)(await readFile(module));
  return {
    label: `${label}, ${(gzipped.length / 1024).toFixed(0)} KiB`,
    service: {
      module,
      compatibilityFlags,
      bindings: objects.map(([name, className]) => ({ name, objects: className })),
      objects: objects.map(([, className]) => className),
    },
  };
}

const [other] = process.argv.slice(2);

await runBench("start", "CPU times", async ({ folder }) => {
  console.log("bundling …");
  const subjects = [
    await workerOf("this version", path.join(folder, "this")),
    ...(other === undefined
      ? []
      : [await workerOf("the other", path.join(folder, "other"), path.resolve(other))]),
    {
      label: "bare Durable Object loop",
      service: {
        module: fileURLToPath(import.meta.resolve("./subjects/bare-loop.worker.mjs")),
        bindings: [{ name: "LOOP", objects: "BareLoop" }],
        objects: ["BareLoop"],
      },
    },
  ];
  const measured = subjects.map((subject) => ({ ...subject, costs: [] as Cost[] }));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const subject of measured) subject.costs.push(await costOfOne(subject));
    console.log(`round ${round + 1} of ${ROUNDS}`);
  }
  const ours = measured[0]?.costs ?? [];
  return {
    waitsForDisk: false,
    extent: `${ROUNDS} rounds of ${ISOLATES} isolates`,
    faults: [],
    parts: [
      tableOf(measured, [
        ["", ({ label }) => label],
        ["CPU of a start", ({ costs }) => ms(median(costs.map(({ start }) => start)))],
        [
          "× this version",
          ({ costs }) =>
            times(
              median(costs.map(({ start }, round) => start / (ours[round]?.start ?? Number.NaN))),
            ),
        ],
        [
          "CPU of its first request",
          ({ costs }) => ms(median(costs.map(({ request }) => request))),
        ],
      ]),
    ],
    ...(other === undefined ? { withheld: "there is no other checkout to compare with" } : {}),
  };
});

/** `npm run simulate`: the tables of docs/scale.md, and a million clients of the real core. */
import { once } from "node:events";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { offerHelp } from "../../dev/usage.mjs";
import { isHubFailure } from "../../src/testing/hub-failures.ts";
import { writeSections } from "../report/document.ts";
import { runPlan, type Results } from "./plan.ts";
import { arithmeticTables, describeResults, findProblems } from "./tables.ts";

offerHelp(`Usage: npm run simulate [-- CLIENTS [SEED]]
  Writes the tables of docs/scale.md, and runs a million clients, or so many, at the real core; 0: none.`);

const DOCUMENT = "docs/scale.md";
const MILLION = 1_000_000;
/** A million clients need about 3 GB. The rest is for short-lived objects. */
const HEAP_MEGABYTES = 4_000;

/** The parameters of the thread. */
type Run = { readonly clients: number; readonly seed: number };

await (isMainThread ? main() : runInThread(workerData as Run));

async function main(): Promise<void> {
  const [clients = MILLION, seed = 1] = process.argv.slice(2).map(Number);
  const tables = arithmeticTables();
  await writeSections(DOCUMENT, tables);
  for (const [name, content] of Object.entries(tables)) console.log(`${name}\n\n${content}\n`);
  if (clients !== 0) await simulate({ clients, seed });
}

async function simulate(run: Run): Promise<void> {
  console.log(`simulating ${run.clients} clients; a million takes some minutes …\n`);
  const thread = new Worker(import.meta.filename, {
    workerData: run,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MEGABYTES },
  });
  const [results] = (await once(thread, "message")) as [Results];
  const text = describeResults(results);
  console.log(text);
  const problems = findProblems(results);
  if (problems.length > 0) {
    console.error(`\nA client did not get what it should have: ${problems.join("; ")}.`);
    process.exitCode = 1;
  } else if (run.clients === MILLION) {
    await writeSections(DOCUMENT, { results: text });
  }
}

/** One run in a thread of its own, which may use more memory than Node gives by itself. */
async function runInThread({ clients, seed }: Run): Promise<void> {
  // Hubs log each lost call, which is counted elsewhere, so warnings are silenced. A failure of a hub ends the
  // run.
  console.warn = () => undefined;
  console.error = (line: unknown) => {
    if (isHubFailure(line)) queueMicrotask(() => fail(line));
  };
  parentPort?.postMessage(await runPlan(clients, seed), []);
}

function fail(line: string): never {
  throw new Error(`a hub failed: ${line}`);
}

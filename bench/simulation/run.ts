/** `npm run simulate`: the tables of docs/scale.md, and a million clients at the real core. */
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { Worker } from "node:worker_threads";
import { fillDocument } from "./document.ts";
import type { Results } from "./plan.ts";
import { describeResults, findProblems } from "./results.ts";
import { arithmeticTables } from "./tables.ts";
import { offerHelp } from "../../dev/usage.mjs";

offerHelp(`Usage: npm run simulate [-- CLIENTS [SEED]]
  Writes the tables of docs/scale.md, and runs a million clients, or so many, at the real core; 0: none.`);

const DOCUMENT = path.join(import.meta.dirname, "../../docs/scale.md");
const THREAD = path.join(import.meta.dirname, "run-thread.ts");
const MILLION = 1_000_000;
/** A million clients live in about 3 GB; the rest is for what comes and goes. */
const HEAP_MEGABYTES = 4_000;

const [clients = MILLION, seed = 1] = process.argv.slice(2).map(Number);
const tables = arithmeticTables();
await fill(tables);
for (const [name, content] of Object.entries(tables)) console.log(`${name}\n\n${content}\n`);
if (clients !== 0) await simulate();

async function simulate(): Promise<void> {
  console.log(`simulating ${clients} clients; a million take some minutes …\n`);
  const thread = new Worker(THREAD, {
    workerData: { clients, seed },
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MEGABYTES },
  });
  const [results] = (await once(thread, "message")) as [Results];
  const text = describeResults(results);
  console.log(text);
  const problems = findProblems(results);
  if (problems.length > 0) {
    console.error(`\nA client did not get what it should have: ${problems.join("; ")}.`);
    process.exitCode = 1;
  } else if (clients === MILLION) {
    await fill({ results: text });
    console.log("\nwritten to docs/scale.md");
  }
}

async function fill(parts: Readonly<Record<string, string>>): Promise<void> {
  await writeFile(DOCUMENT, fillDocument(await readFile(DOCUMENT, "utf8"), parts));
}

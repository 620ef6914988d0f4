/** `npm run simulate`: the tables of docs/scale.md, and a million clients at the real core. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { fillDocument } from "./document.ts";
import { arithmeticTables } from "./tables.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const DOCUMENT = path.join(ROOT, "docs/scale.md");
/** A million clients live in about 2 GB; the rest is for what comes and goes. */
const HEAP_MEGABYTES = 2_800;

const clients = process.argv[2] ?? "1000000";
const tables = arithmeticTables();
await fill(tables);
for (const [name, content] of Object.entries(tables)) console.log(`${name}\n\n${content}\n`);
if (clients !== "0") await simulate();

/** The test of the same name, with more clients: tests may know the core, tools may not. */
async function simulate(): Promise<void> {
  console.log(`simulating ${clients} clients; a million take some minutes …\n`);
  const folder = await mkdtemp(path.join(tmpdir(), "guildhub-simulate-"));
  const file = path.join(folder, "results.md");
  try {
    const vitest = spawn(
      process.execPath,
      [
        path.join(ROOT, "node_modules/vitest/vitest.mjs"),
        "run",
        "--project",
        "node",
        "bench/simulation/simulation.test.ts",
      ],
      {
        cwd: ROOT,
        stdio: ["ignore", "ignore", "inherit"],
        env: {
          ...process.env,
          NODE_OPTIONS: `--max-old-space-size=${HEAP_MEGABYTES}`,
          SIMULATE_CLIENTS: clients,
          SIMULATE_RESULTS: file,
        },
      },
    );
    const [code] = await once(vitest, "exit");
    const results = await readFile(file, "utf8");
    console.log(results);
    if (code !== 0) {
      console.error("A client did not get what it should have: see above.");
      process.exitCode = 1;
      return;
    }
    await fill({ results });
    console.log("\nwritten to docs/scale.md");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function fill(parts: Readonly<Record<string, string>>): Promise<void> {
  await writeFile(DOCUMENT, fillDocument(await readFile(DOCUMENT, "utf8"), parts));
}

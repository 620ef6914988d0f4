// The program behind `npm run check` (dev/run.mjs): everything that CI requires besides the tests.
import { cp, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { lookAtBundle, type Metafile } from "./bundle-size.ts";
import { fingerprint } from "./stack/fingerprint.ts";
import { buildPage, DEPLOYED_PAGE } from "./stack/prepare.ts";
import { runOnce } from "./stack/process-group.ts";
import { wranglerCommand } from "./stack/wrangler.ts";

/** @returns lines to print, also on success */
type Check = { readonly name: string; readonly run: () => Promise<readonly string[] | void> };

const root = path.dirname(import.meta.dirname);
const scratch = await mkdtemp(path.join(tmpdir(), "guildhub-check-"));

/** Runs a tool of node_modules. Its output is in the error when it fails. */
const tool = (failure: string, file: string, ...args: readonly string[]): Promise<void> =>
  runOnce(failure, {
    args: [path.join(root, "node_modules", file), ...args],
    cwd: root,
    env: { ...process.env, NO_COLOR: "1" },
  });

const types = (project: string): Check => ({
  name: `types of ${project === "." ? "src" : project}`,
  run: () => tool("Type errors", "typescript/bin/tsc", "-p", project),
});

/** The Worker's bundle as it would be deployed, and the sizes of its parts. */
const bundle = (environment: string): Check => ({
  name: `bundle for ${environment}`,
  run: async () => {
    const outdir = path.join(scratch, `bundle-${environment}`);
    const metafile = path.join(outdir, "meta.json");
    const build = ["deploy", "--dry-run", `--outdir=${outdir}`, `--metafile=${metafile}`];
    const command = wranglerCommand(root, [...build, `--env=${environment}`]);
    await runOnce("The Worker does not build", command);
    let bytes = 0;
    for (const file of await readdir(outdir)) {
      if (!/\.(m?js|wasm)$/.test(file)) continue;
      bytes += (await promisify(gzip)(await readFile(path.join(outdir, file)))).length;
    }
    const meta = JSON.parse(await readFile(metafile, "utf8")) as Metafile;
    const { lines, problems } = lookAtBundle(meta, bytes);
    if (problems.length > 0) throw new Error([...lines, ...problems].join("\n"));
    // Both environments have the same module, so its sizes are printed once.
    return environment === "production" ? lines : [];
  },
});

/** The committed migrations create exactly the tables that drizzle/ defines. */
const migrations: Check = {
  name: "migrations match drizzle/",
  run: async () => {
    const copy = path.join(scratch, "migrations");
    await cp(path.join(root, "migrations"), copy, { recursive: true });
    const before = await fingerprint(copy, ["."]);
    await tool(
      "drizzle-kit failed",
      "drizzle-kit/bin.cjs",
      "generate",
      "--dialect=sqlite",
      "--schema=./drizzle/*.ts",
      `--out=${path.relative(root, copy)}`,
    );
    if ((await fingerprint(copy, ["."])) !== before) {
      throw new Error("drizzle/ has changed: run `npm run migrations` and commit what it writes.");
    }
  },
};

const CHECKS: readonly Check[] = [
  types("."),
  types("gateway-worker"),
  types("dev"),
  types("console"),
  {
    name: "lint",
    run: () =>
      tool("Lint errors", "oxlint/bin/oxlint", "-c", "oxlint.json", "--type-aware", "--quiet"),
  },
  {
    name: "format",
    run: () => tool("Not formatted (npm run format)", "oxfmt/bin/oxfmt", "--check"),
  },
  {
    name: "who may import whom",
    run: () =>
      tool(
        "Imports that no rule allows, or a circle",
        "vitest/vitest.mjs",
        "run",
        "--project=node",
        "dev/checks/import-rules.test.ts",
      ),
  },
  {
    name: "no unused exports, files or packages",
    run: () =>
      tool("Delete what nobody uses", "knip/bin/knip.js", "-c", "dev/knip.json", "--no-progress"),
  },
  migrations,
  bundle("staging"),
  bundle("production"),
];

const failures: string[] = [];

async function attempt({ name, run }: Check): Promise<void> {
  const startedAt = performance.now();
  try {
    const lines = (await run()) ?? [];
    console.log(`✓ ${name} (${((performance.now() - startedAt) / 1000).toFixed(1)} s)`);
    for (const line of lines) console.log(`    ${line}`);
  } catch (error) {
    failures.push(name);
    console.log(`✗ ${name}\n${error instanceof Error ? error.message : String(error)}\n`);
  }
}

try {
  await buildPage(root, path.join(root, DEPLOYED_PAGE), undefined);
  const queue = CHECKS.values();
  const lanes = Array.from({ length: Math.min(availableParallelism(), 4) }, async () => {
    for (const check of queue) await attempt(check);
  });
  await Promise.all(lanes);
} catch (error) {
  failures.push("page");
  console.log(error instanceof Error ? error.message : error);
} finally {
  await rm(scratch, { recursive: true, force: true });
}
if (failures.length > 0) console.log(`Failed: ${failures.join(", ")}`);
process.exit(failures.length === 0 ? 0 : 1);

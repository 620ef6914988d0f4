import { mkdir, readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { runToEnd } from "./processes.ts";

/** The Worker as `wrangler deploy` would upload it. */
export type WorkerBundle = {
  /** The bundled module, an absolute path. */
  readonly module: string;
  /** Statements that make its tables. */
  readonly migrations: readonly string[];
};

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Bundles the Worker without an account and without network. @param folder gets the files */
export async function bundleWorker(folder: string): Promise<WorkerBundle> {
  const assets = path.join(folder, "assets");
  await mkdir(assets, { recursive: true });
  const wrangler = path.join(
    path.dirname(createRequire(import.meta.url).resolve("wrangler/package.json")),
    "bin/wrangler.js",
  );
  const out = path.join(folder, "worker");
  await runToEnd(
    process.execPath,
    [wrangler, "deploy", "--dry-run", "--env", "", "--outdir", out, "--assets", assets],
    {
      cwd: ROOT,
      env: {
        ...process.env,
        CI: "1",
        CLOUDFLARE_CF_FETCH_ENABLED: "false",
        WRANGLER_HIDE_BANNER: "true",
        WRANGLER_SEND_ERROR_REPORTS: "false",
        WRANGLER_SEND_METRICS: "false",
      },
    },
  );
  return { module: path.join(out, "index.js"), migrations: await readMigrations() };
}

async function readMigrations(): Promise<string[]> {
  const folder = path.join(ROOT, "migrations");
  const names = (await readdir(folder)).filter((name) => name.endsWith(".sql")).toSorted();
  const files = await Promise.all(names.map((name) => readFile(path.join(folder, name), "utf8")));
  return files.flatMap((sql) => sql.split("--> statement-breakpoint"));
}

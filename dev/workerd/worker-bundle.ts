import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { runOnce } from "../stack/process-group.ts";
import { wranglerCommand } from "../stack/wrangler.ts";
import { COMPATIBILITY_DATE, d1Service, type WorkerService } from "./workerd.ts";

/** The Worker as `wrangler deploy` uploads it. */
export type WorkerBundle = {
  /** The bundled module, an absolute path. */
  readonly module: string;
  /** Statements that create its tables. */
  readonly migrations: readonly string[];
  /** Its Durable Objects: name of the binding, name of the class. */
  readonly objects: readonly (readonly [string, string])[];
  readonly compatibilityFlags: readonly string[];
};

/** The name of the D1 service. */
export const D1_SERVICE = "d1";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/**
 * Bundles the Worker. It needs no Cloudflare account and no network.
 * @param folder where the files are written
 * @param root the checkout to bundle; absent: this one
 */
export async function bundleWorker(folder: string, root = ROOT): Promise<WorkerBundle> {
  const assets = path.join(folder, "assets");
  await mkdir(assets, { recursive: true });
  const out = path.join(folder, "worker");
  await dryRun(root, ["--env", "production", "--outdir", out, "--assets", assets]);
  const toml = await readFile(path.join(root, "wrangler.toml"), "utf8");
  return {
    module: path.join(out, "index.js"),
    migrations: await readMigrations(root),
    objects: readObjects(toml),
    compatibilityFlags: readFlags(toml),
  };
}

/**
 * The bundle as a service of plain workerd, and its D1 service.
 * @param around a module in front of the bundle, which it imports as `bundle.js`
 */
export function workerServices(
  bundle: WorkerBundle,
  variables: Readonly<Record<string, string>>,
  around?: string,
): [WorkerService, WorkerService] {
  const worker = {
    name: "guildhub",
    ...(around === undefined
      ? { module: bundle.module }
      : { module: around, imports: { "bundle.js": bundle.module } }),
    compatibilityFlags: bundle.compatibilityFlags,
    bindings: [
      ...Object.entries(variables).map(([name, text]) => ({ name, text })),
      ...bundle.objects.map(([name, className]) => ({ name, objects: className })),
      { name: "DB", d1: D1_SERVICE },
      // There is no page here, and nothing requests it.
      { name: "ASSETS", service: "internet" },
    ],
    objects: bundle.objects.map(([, className]) => className),
  };
  return [worker, d1Service(D1_SERVICE, bundle.migrations)];
}

/** Bundles one module with its imports. @returns the bundle, an absolute path */
export async function bundleModule(
  entry: string,
  folder: string,
  compatibilityFlags: readonly string[] = [],
): Promise<string> {
  await mkdir(folder, { recursive: true });
  const config = path.join(folder, "wrangler.json");
  const settings = {
    name: "peer",
    main: entry,
    compatibility_date: COMPATIBILITY_DATE,
    compatibility_flags: compatibilityFlags,
  };
  await writeFile(config, JSON.stringify(settings));
  const out = path.join(folder, "worker");
  await dryRun(folder, ["--config", config, "--outdir", out]);
  return path.join(out, `${path.basename(entry, path.extname(entry))}.js`);
}

/** The Durable Objects that the top level of a `wrangler.toml` binds. */
export function readObjects(toml: string): [string, string][] {
  const [section = ""] = /^\[durable_objects\][^[]*bindings = \[[^\]]*\]/m.exec(toml) ?? [];
  return [...section.matchAll(/name = "(\w+)", class_name = "(\w+)"/g)].map(
    ([, name = "", className = ""]) => [name, className],
  );
}

/** The compatibility flags of a `wrangler.toml`. */
export function readFlags(toml: string): string[] {
  const [, list = ""] = /^compatibility_flags = \[([^\]]*)\]/m.exec(toml) ?? [];
  return [...list.matchAll(/"(\w+)"/g)].map(([, flag = ""]) => flag);
}

async function dryRun(cwd: string, options: readonly string[]): Promise<void> {
  const command = wranglerCommand(ROOT, ["deploy", "--dry-run", ...options], { CI: "1" });
  await runOnce("The Worker does not build", { ...command, cwd });
}

async function readMigrations(root: string): Promise<string[]> {
  const folder = path.join(root, "migrations");
  const names = (await readdir(folder)).filter((name) => name.endsWith(".sql")).toSorted();
  const files = await Promise.all(names.map((name) => readFile(path.join(folder, name), "utf8")));
  return files.flatMap((sql) => sql.split("--> statement-breakpoint"));
}

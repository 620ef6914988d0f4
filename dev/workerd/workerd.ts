import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { HTTP_SOCKET, startServer, type Server } from "./processes.ts";

/** The compatibility date of the Worker (wrangler.toml). */
export const COMPATIBILITY_DATE = "2026-10-23";

/** A member of a Worker's `env`. */
type Binding =
  | { readonly name: string; readonly text: string }
  | { readonly name: string; readonly objects: string }
  | { readonly name: string; readonly service: string }
  /** A D1 database whose queries go to this service. */
  | { readonly name: string; readonly d1: string };

/** One Worker of a workerd process. */
export type WorkerService = {
  readonly name: string;
  /** Its module, as an absolute path. */
  readonly module: string;
  /** Modules that it imports, by import name. */
  readonly imports?: Readonly<Record<string, string>>;
  readonly compatibilityFlags?: readonly string[];
  readonly bindings: readonly Binding[];
  /** Classes of its Durable Objects; each has SQLite on disk. */
  readonly objects: readonly string[];
};

/** The version of the workerd that wrangler depends on. */
export function workerdVersion(): string {
  const { version } = fromWrangler("workerd/package.json") as { version: string };
  return version;
}

/**
 * Starts plain `workerd serve` with these Workers; the first one gets the requests.
 * @param folder where the configuration and the objects' files are written; it may have them from an earlier start
 * @param options the port (0: any free port), services that get their own socket, a listener for their logs, and
 * flags of V8, such as `--expose-gc`
 */
export async function startWorkerd(
  folder: string,
  services: readonly [WorkerService, ...WorkerService[]],
  options: {
    readonly port?: number;
    readonly alsoOpen?: readonly string[];
    readonly onOutput?: (text: string) => void;
    readonly v8Flags?: readonly string[];
  } = {},
): Promise<Server> {
  const { port = 0, alsoOpen = [], onOutput, v8Flags = [] } = options;
  const disk = path.join(folder, "objects");
  await mkdir(disk, { recursive: true });
  // Modules are embedded by a path relative to the configuration.
  for (const { name, module, imports = {} } of services) {
    await copyFile(module, path.join(folder, `${name}.js`));
    for (const [imported, from] of Object.entries(imports)) {
      await copyFile(from, path.join(folder, imported));
    }
  }
  const config = path.join(folder, "workerd.capnp");
  const sockets = [
    socketText(HTTP_SOCKET, port, services[0].name),
    ...alsoOpen.map((name) => socketText(name, 0, name)),
  ];
  await writeFile(config, configText(services, sockets, disk, v8Flags));
  const binary = (fromWrangler("workerd") as { default: string }).default;
  return startServer(binary, ["serve", "--control-fd=3", config], {
    cwd: folder,
    sockets: alsoOpen,
    ...(onOutput === undefined ? {} : { onOutput }),
  });
}

/** The service behind {@link WorkerService} bindings of kind `d1`, with its tables. */
export function d1Service(name: string, migrations: readonly string[]): WorkerService {
  return {
    name,
    module: fileURLToPath(import.meta.resolve("./d1.worker.mjs")),
    bindings: [
      { name: "DATABASE", objects: "Database" },
      { name: "MIGRATIONS", text: JSON.stringify(migrations) },
    ],
    objects: ["Database"],
  };
}

function socketText(name: string, port: number, service: string): string {
  return `(name = ${quote(name)}, address = "127.0.0.1:${port}", http = (), service = ${quote(service)})`;
}

/** Loads a module from wrangler's dependencies: workerd is one of them, not one of ours. */
function fromWrangler(name: string): unknown {
  const ours = createRequire(import.meta.url);
  return createRequire(ours.resolve("wrangler/package.json"))(name);
}

function configText(
  services: readonly WorkerService[],
  sockets: readonly string[],
  disk: string,
  v8Flags: readonly string[],
): string {
  const workers = services.map(serviceText).join(",\n");
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "disk", disk = (path = ${quote(disk)}, writable = true)),
    (name = "internet", network = (allow = ["public", "private"])),
    ${workers}
  ],
  sockets = [${sockets.join(", ")}],
  v8Flags = [${v8Flags.map(quote).join(", ")}],
);
`;
}

function serviceText(service: WorkerService): string {
  const { name, bindings, objects, imports = {}, compatibilityFlags = [] } = service;
  const modules = [["worker.js", `${name}.js`], ...Object.keys(imports).map((one) => [one, one])];
  const namespaces = objects.map(
    (one) =>
      `(className = ${quote(one)}, uniqueKey = ${quote(`${name}-${one}`)}, enableSql = true)`,
  );
  return `(name = ${quote(name)}, worker = (
      modules = [${modules.map(([as = "", file = ""]) => `(name = ${quote(as)}, esModule = embed ${quote(file)})`).join(", ")}],
      compatibilityDate = ${quote(COMPATIBILITY_DATE)},
      compatibilityFlags = [${compatibilityFlags.map(quote).join(", ")}],
      bindings = [${bindings.map(bindingText).join(", ")}],
      durableObjectNamespaces = [${namespaces.join(", ")}],
      durableObjectStorage = (localDisk = "disk"),
    ))`;
}

function bindingText(binding: Binding): string {
  const name = `name = ${quote(binding.name)}`;
  if ("text" in binding) return `(${name}, text = ${quote(binding.text)})`;
  if ("objects" in binding) return `(${name}, durableObjectNamespace = ${quote(binding.objects)})`;
  if ("service" in binding) return `(${name}, service = ${quote(binding.service)})`;
  const inner = `(name = "fetcher", service = ${quote(binding.d1)})`;
  return `(${name}, wrapped = (moduleName = "cloudflare-internal:d1-api", innerBindings = [${inner}]))`;
}

/** A string of Cap'n Proto's text format. */
function quote(text: string): string {
  return JSON.stringify(text);
}

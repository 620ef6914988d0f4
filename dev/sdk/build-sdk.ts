import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { build } from "vite";
import { runOnce } from "../stack/process-group.ts";

/** Upper bound for the script of the package, bytes after gzip (hub.md, SDK). */
export const SDK_MAX_GZIP_BYTES = 6 * 1024;

const ROOT = path.resolve(import.meta.dirname, "../..");
const ENTRY = "src/client/index.ts";

/**
 * Builds the package `guildhub-client` into a folder, which is emptied first: one ESM file without dependencies,
 * its types, a readme and the licence. `npm pack` makes a tarball of the folder.
 * @returns size of the script, bytes after gzip
 * @throws when the build fails, or the script is not smaller than {@link SDK_MAX_GZIP_BYTES}
 */
export async function buildSdk(folder: string): Promise<number> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await Promise.all([
    writeScript(folder),
    writeTypes(folder),
    writePackage(folder),
    cp(path.join(ROOT, "LICENSE"), path.join(folder, "LICENSE")),
    cp(path.join(ROOT, "src/client/README.md"), path.join(folder, "README.md")),
  ]);
  const bytes = await promisify(gzip)(await readFile(path.join(folder, "index.js")));
  if (bytes.length >= SDK_MAX_GZIP_BYTES) {
    throw new Error(
      `The client has ${bytes.length} bytes gzip; it must stay under ${SDK_MAX_GZIP_BYTES}.`,
    );
  }
  return bytes.length;
}

async function writeScript(folder: string): Promise<void> {
  await build({
    configFile: false,
    root: ROOT,
    logLevel: "warn",
    publicDir: false,
    build: {
      lib: { entry: ENTRY, formats: ["es"], fileName: "index" },
      outDir: folder,
      emptyOutDir: false,
      target: "es2023",
      // Vite does not remove whitespace in libraries, because bundlers may need annotations. Here there are none.
      rolldownOptions: { output: { minify: true } },
    },
  });
}

/** Writes only the type files that the entry needs. */
async function writeTypes(folder: string): Promise<void> {
  const scratch = await mkdtemp(path.join(tmpdir(), "guildhub-sdk-"));
  try {
    await runOnce("The types could not be built", {
      args: [
        path.join(ROOT, "node_modules/typescript/bin/tsc"),
        "--project",
        path.join(ROOT, "dev/sdk/types.tsconfig.json"),
        "--outDir",
        scratch,
      ],
      cwd: ROOT,
      env: process.env,
    });
    const waiting = ["index"];
    for (const name of waiting) {
      const text = await readFile(path.join(scratch, "client", `${name}.d.ts`), "utf8");
      const imported = [...text.matchAll(/from "(.+?)\.ts"/g)].map(([, from = ""]) => from);
      for (const from of imported) {
        if (!/^\.\/[\w-]+$/.test(from))
          throw new Error(`${name} must not need the types of ${from}`);
        if (!waiting.includes(from.slice(2))) waiting.push(from.slice(2));
      }
      const shipped = text.replaceAll(/from "(\.\/[\w-]+)\.ts"/g, 'from "$1.js"');
      await writeFile(path.join(folder, `${name}.d.ts`), shipped);
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function writePackage(folder: string): Promise<void> {
  const own = JSON.parse(await readFile(path.join(ROOT, "package.json"), "utf8")) as {
    readonly version: string;
    readonly license: string;
  };
  const described = {
    name: "guildhub-client",
    version: own.version,
    description:
      "GuildHub's event stream in browsers and Node: in order, without gaps, with automatic reconnects.",
    license: own.license,
    type: "module",
    sideEffects: false,
    exports: { ".": { types: "./index.d.ts", default: "./index.js" } },
    types: "./index.d.ts",
    files: ["*.js", "*.d.ts"],
    engines: { node: ">=22" },
  };
  await writeFile(path.join(folder, "package.json"), `${JSON.stringify(described, null, 2)}\n`);
}

/**
 * Every step of the Dockerfile, without Docker: the copied files exist, are complete, and the container starts.
 */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { chmod, copyFile, cp, mkdir, mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { once } from "node:events";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { SOON } from "../../src/testing/soon.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const IS_ROOT = process.getuid?.() === 0;
/** The user `node` of the image. */
const WORKER_USER = 1000;
const SECRETS = [
  "container-test-bot-token-0123456789-abc",
  "container-test-hub-secret-0123456789-ab",
] as const;

type Instruction = { readonly name: string; readonly value: string };
type Stage = readonly Instruction[];

const read = (file: string): Promise<string> => readFile(path.join(ROOT, file), "utf8");

/** The stages of a Dockerfile, each instruction on one line. */
function stagesOf(dockerfile: string): readonly Stage[] {
  const lines = dockerfile
    .replaceAll(/^\s*#.*\n/gm, "")
    .replaceAll(/\\\n\s*/g, "")
    .split("\n")
    .filter((line) => line.trim() !== "");
  const stages: Instruction[][] = [];
  for (const line of lines) {
    const [, name = "", value = ""] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
    if (name === "FROM") stages.push([]);
    stages.at(-1)?.push({ name, value });
  }
  return stages;
}

const valuesOf = (stage: Stage, name: string): readonly string[] =>
  stage.filter((instruction) => instruction.name === name).map(({ value }) => value);

/** A command in the exec form: a list of words. */
const words = (value: string | undefined): readonly string[] =>
  JSON.parse(value ?? "[]") as readonly string[];

/** Whether `.dockerignore` lets a file of the repository reach Docker: the last rule that matches decides. */
function isSent(file: string, rules: readonly string[]): boolean {
  let sent = true;
  for (const rule of rules) {
    const pattern = rule.replace(/^!/, "");
    const isMatch =
      pattern === "*" ||
      file === pattern ||
      file.startsWith(`${pattern}/`) ||
      (pattern.startsWith("**/*") && file.endsWith(pattern.slice("**/*".length)));
    if (isMatch) sent = rule.startsWith("!");
  }
  return sent;
}

let build: Stage;
let image: Stage;
let rules: readonly string[];
let folder: string;
const children: ChildProcess[] = [];

beforeAll(async () => {
  const [first, second, ...others] = stagesOf(await read("Dockerfile"));
  if (first === undefined || second === undefined || others.length > 0) {
    throw new Error("the Dockerfile has two stages");
  }
  [build, image] = [first, second];
  rules = (await read(".dockerignore")).split("\n").filter((line) => line !== "");
  folder = await mkdtemp(path.join(tmpdir(), "guildhub-container-"));
  await chmod(folder, 0o755);
  await copyImage(path.join(folder, "app"));
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Copies the files of the image's COPY lines into an empty folder. */
async function copyImage(app: string): Promise<void> {
  for (const copy of valuesOf(image, "COPY")) {
    const [, from = "", to = ""] = /^(?:--from=\S+ )?(\S+) (\S+)$/.exec(copy) ?? [];
    const target = path.join(app, to);
    if (from.endsWith("/node_modules")) {
      await copyPackages(target);
      continue;
    }
    await cp(path.join(ROOT, from), to.endsWith("/") ? path.join(target, from) : target, {
      recursive: true,
      filter: async (file) =>
        (await stat(file)).isDirectory() || isSent(path.relative(ROOT, file), rules),
    });
  }
}

/** Copies the packages that `npm ci` without development and optional packages installs, by the lock file. */
async function copyPackages(target: string): Promise<void> {
  const lock = JSON.parse(await read("package-lock.json")) as {
    packages: Record<string, { dev?: true; optional?: true; devOptional?: true; peer?: true }>;
  };
  for (const [name, entry] of Object.entries(lock.packages)) {
    if (name === "" || entry.dev || entry.optional || entry.devOptional) continue;
    const to = path.join(target, path.relative("node_modules", name));
    await cp(path.join(ROOT, name), to, {
      recursive: true,
      // Deeper packages are entries of their own.
      filter: (file) => !path.relative(path.join(ROOT, name), file).startsWith("node_modules"),
    });
  }
}

/** Starts the container's command as its user would, in the copied folder. */
async function startContainer(
  stateDir: string,
  more: { readonly uid?: number } = {},
): Promise<{ child: ChildProcess; output: () => string; address: () => string | undefined }> {
  // The user of the worker must be able to run it, wherever this checkout is.
  const bin = path.join(folder, "bin");
  await mkdir(bin, { recursive: true });
  const node = path.join(bin, "node");
  await stat(node).catch(() => copyFile(process.execPath, node));
  await chmod(node, 0o755);
  const environment = Object.fromEntries(
    valuesOf(image, "ENV").flatMap((value) =>
      [...value.matchAll(/(\w+)=(\S+)/g)].map(([, name, text]) => [name, text]),
    ),
  ) as Record<string, string>;
  const [command = "", ...args] = [
    ...words(valuesOf(image, "ENTRYPOINT")[0]),
    ...words(valuesOf(image, "CMD")[0]),
  ];
  const child = spawn(command, args, {
    cwd: path.join(folder, "app"),
    env: {
      ...environment,
      PATH: `${bin}:/usr/local/bin:/usr/bin:/bin`,
      STATE_DIR: stateDir,
      PORT: "0",
      DISCORD_BOT_TOKEN: SECRETS[0],
      HUB_SECRET: SECRETS[1],
      PRIMARY_GUILD_ID: "100000000000000001",
      HUB_ENDPOINT: "http://127.0.0.1:9/internal/events",
      DISCORD_API_URL: "http://127.0.0.1:9/api/v10",
    },
    stdio: ["ignore", "pipe", "pipe"],
    ...more,
  });
  children.push(child);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  }
  return {
    child,
    output: () => output,
    address: () => {
      const port = /"address":"http:[^"]+:(\d+)"/.exec(output)?.[1];
      return port === undefined ? undefined : `http://127.0.0.1:${port}`;
    },
  };
}

describe("the image", () => {
  it("builds where VOLUME is refused, and copies only what exists and is sent", async () => {
    const all = [...build, ...image];
    expect(all.map(({ name }) => name)).not.toContain("VOLUME");
    for (const copy of valuesOf(all, "COPY")) {
      if (copy.startsWith("--from=")) continue;
      for (const source of copy.split(" ").slice(0, -1)) {
        expect(isSent(source, rules), `.dockerignore keeps ${source} out`).toBe(true);
        await expect(stat(path.join(ROOT, source)), source).resolves.toBeTruthy();
      }
    }
    expect(isSent(".dev.vars", rules)).toBe(false);
    expect(isSent("gateway-worker/main.test.ts", rules)).toBe(false);
  });

  it("installs its packages by a command that works with the lock file", async () => {
    const install = valuesOf(build, "RUN")[0] ?? "";
    expect(install).toMatch(/^npm ci --omit=dev /);
    const empty = path.join(folder, "install");
    await mkdir(empty);
    for (const file of valuesOf(build, "COPY")[0]?.split(" ").slice(0, -1) ?? []) {
      await copyFile(path.join(ROOT, file), path.join(empty, file));
    }
    const [npm = "", ...args] = install.split(" ");
    const { status, stdout, stderr } = spawnSync(npm, [...args, "--dry-run", "--offline"], {
      cwd: empty,
      encoding: "utf8",
    });
    expect(status, stderr).toBe(0);
    // Without the lock file's packages there would be nothing to add.
    expect(stdout).toMatch(/add ws /);
    expect(stdout).not.toMatch(/add (?:wrangler|vitest) /);
  }, 90_000);

  it("keeps its state where each host mounts the volume", async () => {
    const mount = /STATE_DIR=(\S+)/.exec(valuesOf(image, "ENV")[0] ?? "")?.[1] ?? "";
    const fly = await read("fly.toml");
    expect(fly).toContain(`destination = "${mount}"`);
    // A service would make /readyz and /metrics public.
    expect(fly).not.toMatch(/^\[+(?:http_service|services)/m);
    expect(fly).toContain('path = "/healthz"');
    const railway = JSON.parse(await read("railway.json")) as {
      deploy: { requiredMountPath: string; healthcheckPath: string; numReplicas: number };
    };
    expect(railway.deploy).toMatchObject({
      requiredMountPath: mount,
      healthcheckPath: "/healthz",
      numReplicas: 1,
    });
  });
});

describe("the container, from the copied files only", () => {
  it("takes over a volume of another user, runs as the worker's user, and stops by SIGTERM", async () => {
    const stateDir = path.join(folder, "volume");
    await mkdir(stateDir, { mode: 0o755 });
    const { child, output, address } = await startContainer(stateDir);
    await vi.waitFor(() => expect(address(), output()).toBeDefined(), SOON);
    expect((await fetch(`${address()}/healthz`)).status).toBe(200);

    const health = words(valuesOf(image, "HEALTHCHECK")[0]?.replace(/^.*?CMD /, ""));
    const probe = (port: string): number | null =>
      spawnSync(process.execPath, health.slice(1), { env: { ...process.env, PORT: port } }).status;
    expect(probe(new URL(address() ?? "").port)).toBe(0);
    expect(probe("9")).toBe(1);

    const user = IS_ROOT ? WORKER_USER : process.getuid?.();
    const status = await readFile(`/proc/${child.pid}/status`, "utf8");
    expect(status).toMatch(new RegExp(`^Uid:\\t${user}\\t${user}\\t${user}\\t${user}$`, "m"));
    expect((await stat(path.join(stateDir, "state.sqlite"))).uid).toBe(user);

    child.kill("SIGTERM");
    const [code] = (await once(child, "exit")) as [number | null];
    expect(code, output()).toBe(0);
    for (const secret of SECRETS) expect(output()).not.toContain(secret);
  }, 90_000);

  it("names the user and the directory when it cannot take over the volume", async () => {
    const stateDir = path.join(folder, "foreign");
    await mkdir(stateDir, { mode: 0o555 });
    const { child, output } = await startContainer(stateDir, IS_ROOT ? { uid: WORKER_USER } : {});
    const [code] = (await once(child, "exit")) as [number | null];
    expect(code, output()).toBe(69);
    expect(output()).toContain(`STATE_DIR: ${stateDir} belongs to user ${process.getuid?.()}`);
    expect(output()).toContain(`user ${IS_ROOT ? WORKER_USER : process.getuid?.()}, whom`);
    expect(output()).not.toMatch(/^\s+at /m);
  }, 90_000);
});

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { commandSettings } from "./command-settings.ts";
import { PORT_VARIABLES } from "./names.ts";
import type { Settings } from "./settings.ts";
import { writeStackFile } from "./stack-file.ts";
import { freshSecret } from "./variables.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const SECRETS = { HUB_SECRET: freshSecret(), DISCORD_BOT_TOKEN: freshSecret() };
const RUNNING = {
  worker: "http://127.0.0.1:19001",
  idp: "http://127.0.0.1:19002",
  discord: "http://127.0.0.1:19003",
  gateway: "http://127.0.0.1:19004",
  faceit: "http://127.0.0.1:19005",
  voice: "http://127.0.0.1:19006",
};

let root: string;
let stack: ChildProcess;

beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), "command-settings-"));
  for (const file of ["wrangler.toml", ".dev.vars.example"]) {
    await copyFile(path.join(ROOT, file), path.join(root, file));
  }
  // A process with the stack's name.
  stack = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)", "stack.ts"]);
});
afterEach(async () => {
  if (stack.exitCode === null && stack.signalCode === null) {
    stack.kill("SIGKILL");
    await once(stack, "exit");
  }
  await rm(root, { recursive: true });
});

/** Writes the files that a running stack has in its state folder. */
async function leaveState(folder: string, parts: readonly string[], variables = ""): Promise<void> {
  const stateDir = path.join(root, folder);
  await mkdir(stateDir, { recursive: true });
  writeStackFile(stateDir, {
    pid: stack.pid ?? 0,
    ready: true,
    urls: RUNNING,
    parts: Object.fromEntries(parts.map((part) => [part, { restarts: 0 }])),
  });
  await writeFile(path.join(stateDir, "worker.vars"), variables);
}

function settings(environment: Readonly<Record<string, string>> = {}): Settings {
  const read = commandSettings(root, SECRETS, environment);
  if (!read.ok) throw new Error(read.error.join("\n"));
  return read.value;
}

const ALL = Object.keys(RUNNING);

describe("a command's settings", () => {
  it("are those of npm start when nothing runs, without any file of variables", () => {
    const usual = Object.fromEntries(
      Object.entries(PORT_VARIABLES).map(([part, { usual: port }]) => [part, port]),
    );
    expect(settings().ports).toEqual(usual);
  });

  it("name a file that cannot be read", async () => {
    await mkdir(path.join(root, ".dev.vars"));
    const read = commandSettings(root, SECRETS, {});
    expect(read.ok ? [] : read.error).toEqual([
      `${path.join(root, ".dev.vars")} cannot be read (EISDIR). Make it a readable file, or delete it.`,
    ]);
  });

  it("are those of the running stack, with the variables it was started with", async () => {
    await leaveState(".state", ALL, "PRIMARY_GUILD_ID='100000000000000077'\n");
    const { urls, worker } = settings();
    expect(urls).toEqual(RUNNING);
    expect(worker["JWT_ISSUER"]).toBe(RUNNING.idp);
    expect(worker["PRIMARY_GUILD_ID"]).toBe("100000000000000077");
  });

  it("are found by STATE_DIR of the environment or of .dev.vars", async () => {
    await leaveState("elsewhere", ALL);
    const stateDir = path.join(root, "elsewhere");
    expect(settings({ STATE_DIR: stateDir }).urls).toEqual(RUNNING);
    expect(settings().urls.idp).toBe("http://127.0.0.1:8788");
    await writeFile(path.join(root, ".dev.vars"), `STATE_DIR=${stateDir}\n`);
    expect(settings().urls).toEqual(RUNNING);
  });

  it("are not those of a stack that has ended", async () => {
    await leaveState(".state", ALL);
    stack.kill("SIGKILL");
    await once(stack, "exit");
    expect(settings().urls.idp).toBe("http://127.0.0.1:8788");
  });

  it("are overridden by the command's own environment, except by empty variables", async () => {
    await leaveState(".state", ALL);
    const { urls } = settings({ IDP_PORT: "19777", WORKER_PORT: "" });
    expect([urls.idp, urls.worker]).toEqual(["http://127.0.0.1:19777", RUNNING.worker]);
  });

  it("are those of the real Discord when its bot's token is set, even while a stack runs", async () => {
    await leaveState(".state", ALL, `DISCORD_API_URL='${RUNNING.discord}/api/v10'\n`);
    const token = `${"a".repeat(24)}.${"b".repeat(6)}.${"c".repeat(27)}`;
    const { worker } = settings({
      DISCORD_BOT_TOKEN: token,
      PRIMARY_GUILD_ID: "100000000000000001",
    });
    expect(worker["DISCORD_API_URL"]).toBe("https://discord.com/api/v10");
  });
});

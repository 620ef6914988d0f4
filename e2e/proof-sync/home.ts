import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { z } from "zod";
import type { Agent } from "./agent.ts";
import type { Client } from "./clients.ts";
import { beforeItEnds, killProcessesWith, runToEnd, type Ended } from "./processes.ts";
import { startInTerminal, type Terminal } from "./terminal.ts";

/** How long a command of a client may take, milliseconds. */
const COMMAND_MS = 120_000;
/** Every process of a home has this variable: by it they are found. */
const MARK = "HAPPY_HOME_DIR";

const DaemonState = z.object({ pid: z.number(), httpPort: z.number() });
const Settings = z.object({ machineId: z.string() });

/** A person's computer, as far as a client sees it: nothing of it is shared with this one. */
export type Home = {
  readonly client: Client;
  /** Where sessions work. */
  readonly workFolder: string;
  readonly env: Readonly<Record<string, string>>;
  /** Starts the client in a terminal. */
  readonly openTerminal: (...args: readonly string[]) => Terminal;
  /** Runs the client to its end. */
  readonly run: (...args: readonly string[]) => Promise<Ended>;
  /** Starts the client's daemon, and waits until its control port is open. @returns that port */
  readonly startDaemon: () => Promise<number>;
  readonly readAccessKey: () => Promise<unknown>;
  /** As whom its daemon is known to the server. */
  readonly machineId: () => Promise<string>;
  /** What the client has logged, for failures. */
  readonly logs: () => Promise<string>;
  /** Ends all that was started here, and deletes it. */
  readonly remove: () => Promise<void>;
};

/** What a pairing would have left in a home. */
export type Paired = { readonly accessKey: unknown; readonly machineId?: string };

/**
 * Makes a home.
 * @param serverUrl the only server that the client is told of
 * @param paired absent: it is not paired
 */
export async function createHome(
  client: Client,
  serverUrl: string,
  agent: Agent,
  paired?: Paired,
): Promise<Home> {
  const folder = await realpath(await mkdtemp(path.join(tmpdir(), "guildhub-home-")));
  const [happy, workFolder] = [path.join(folder, "happy"), path.join(folder, "work")];
  await mkdir(happy);
  await mkdir(workFolder);
  const file = (name: string): string => path.join(happy, name);
  const env: Record<string, string> = {
    // Not the one of this process: it says CI, which keeps menus from being drawn, and may have proxies.
    PATH: `${path.dirname(process.execPath)}:${process.env["PATH"] ?? ""}`,
    HOME: folder,
    LANG: "C.UTF-8",
    TERM: "xterm-256color",
    [MARK]: happy,
    HAPPY_SERVER_URL: serverUrl,
    HAPPY_WEBAPP_URL: serverUrl,
    HAPPY_DISABLE_CAFFEINATE: "1",
    // Keeps a browser from being opened.
    HEADLESS: "1",
    ...agent.env,
  };
  if (paired !== undefined) {
    const { accessKey, machineId = randomUUID() } = paired;
    await writeFile(file("access.key"), JSON.stringify(accessKey));
    await writeFile(
      file("settings.json"),
      JSON.stringify({ onboardingCompleted: true, machineId }),
    );
  }
  const flags = ["--no-warnings", "--no-deprecation", client.program];
  const readJson = async (name: string): Promise<unknown> =>
    JSON.parse(await readFile(file(name), "utf8"));
  const where = { cwd: workFolder, env };
  return {
    client,
    workFolder,
    env,
    openTerminal: (...args) => startInTerminal([client.program, ...args], where),
    run: (...args) =>
      runToEnd(process.execPath, [...flags, ...args], { ...where, deadlineMs: COMMAND_MS }),
    startDaemon: () => {
      const daemon = [...flags, "daemon", "start-sync"];
      const child = spawn(process.execPath, daemon, { ...where, stdio: "ignore" });
      const ended = new Promise<string>((resolve) => {
        child.once("error", (error) => resolve(error.message));
        child.once("exit", (code) => resolve(`exit code ${code}`));
      });
      return beforeItEnds(ended, "the daemon has started", async () => {
        return DaemonState.parse(await readJson("daemon.state.json")).httpPort;
      });
    },
    readAccessKey: () => readJson("access.key"),
    machineId: async () => Settings.parse(await readJson("settings.json")).machineId,
    logs: async () => readLogs(file("logs")),
    remove: async () => {
      await killProcessesWith(MARK, happy);
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function readLogs(folder: string): Promise<string> {
  const names = await readdir(folder).catch(() => []);
  const texts = await Promise.all(
    names.map(async (name) => {
      const text = await readFile(path.join(folder, name), "utf8");
      return `${name}\n${text.slice(-4_000)}`;
    }),
  );
  return texts.join("\n");
}

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { z } from "zod";

/** Debian's own Python, which has the libraries that Debian packages. */
export const PYTHON = "/usr/bin/python3";

const Told = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("ready") }),
  z.object({ kind: z.literal("resumed") }),
  z.object({ kind: z.literal("guild"), rooms: z.array(z.string()) }),
  z.object({ kind: z.literal("created"), id: z.string() }),
  z.object({ kind: z.literal("deleted"), id: z.string() }),
  z.object({ kind: z.literal("voice"), user: z.string(), channel: z.string().nullable() }),
]);

/** What a library reported to its user. `guild` is a complete guild; `voice` with null means that a user left. */
export type Told = z.infer<typeof Told>;

/** A bot of a gateway library as a process. */
type Library = {
  readonly told: readonly Told[];
  /** Its log. */
  readonly log: () => string;
  readonly stop: () => void;
};

/** Starts the bot of a library. */
export function startLibrary(name: string, discordUrl: string, token: string): Library {
  const [program, ...args] =
    name === "python3-discord"
      ? ([PYTHON, "discord-py.py"] as const)
      : ([process.execPath, "libraries.mjs", name] as const);
  const child = spawn(program, args, {
    cwd: import.meta.dirname,
    env: { ...process.env, DISCORD_URL: discordUrl, DISCORD_TOKEN: token },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const told: Told[] = [];
  let log = "";
  createInterface({ input: child.stdout }).on("line", (line) => {
    // Some libraries log to the output that programs read.
    if (line.startsWith("{")) told.push(Told.parse(JSON.parse(line)));
    else log += `${line}\n`;
  });
  child.stderr.on("data", (chunk: Buffer) => (log += chunk.toString()));
  child.once("error", (error) => (log += error.message));
  child.once("exit", (code, signal) => (log += `ended with ${code ?? signal}\n`));
  return { told, log: () => log, stop: () => child.kill("SIGKILL") };
}

import { spawn } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { eventually } from "../../dev/testing/eventually.ts";

/** The end of a program. `output` has what it wrote to both outputs, its last 8,000 characters. */
export type Ended = { readonly code: number | null; readonly output: string };

const OUTPUT_LENGTH = 8_000;

/**
 * Runs a program to its end.
 * @throws when it cannot be started, and after `deadlineMs`, when it is killed
 */
export async function runToEnd(
  command: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv; readonly deadlineMs: number },
): Promise<Ended> {
  const { deadlineMs, ...spawned } = options;
  const child = spawn(command, args, { ...spawned, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-OUTPUT_LENGTH);
    });
  }
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(
        new Error(`${command} ${args.join(" ")} took longer than ${deadlineMs} ms: ${output}`),
      );
    }, deadlineMs);
    child.once("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once("close", (code) => {
      clearTimeout(timer);
      resolve({ code, output });
    });
  });
}

/**
 * Waits for a condition that a program brings about.
 * @param ended how the program ended, in words
 * @throws when it ends first, and after a deadline
 */
export async function beforeItEnds<T>(
  ended: Promise<string>,
  what: string,
  check: () => T | Promise<T>,
): Promise<T> {
  const failed = ended.then(async (how) => {
    try {
      return await check();
    } catch (error) {
      const sentence = `Never happened, and the program has ended (${how}): ${what}`;
      throw new Error(sentence, { cause: error });
    }
  });
  return Promise.race([eventually(what, check), failed]);
}

/**
 * Kills all processes whose environment has this variable with this value, also those that they start meanwhile. A
 * client starts others that outlive it, and they inherit what it was started with.
 */
export async function killProcessesWith(name: string, value: string): Promise<void> {
  for (;;) {
    const found = await processesWith(name, value);
    if (found.length === 0) return;
    for (const id of found) {
      try {
        process.kill(id, "SIGKILL");
      } catch {
        // It has ended by itself.
      }
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function processesWith(name: string, value: string): Promise<readonly number[]> {
  const entry = `${name}=${value}`;
  const ids = (await readdir("/proc")).filter((id) => /^\d+$/.test(id));
  const found = await Promise.all(
    ids.map(async (id) => {
      // Processes of others cannot be read, and any may end meanwhile.
      const environment = await readFile(`/proc/${id}/environ`, "utf8").catch(() => "");
      return environment.split("\0").includes(entry) ? [Number(id)] : [];
    }),
  );
  return found.flat().filter((id) => id !== process.pid);
}

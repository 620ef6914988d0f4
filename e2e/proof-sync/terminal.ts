import { spawn } from "node:child_process";
import { stripVTControlCharacters } from "node:util";
import { beforeItEnds } from "./processes.ts";

/** What the shell in the terminal runs: the menus of clients need a size, and a pipe has none. */
const SETUP = 'stty rows 30 cols 100; exec "$NODE" --no-warnings --no-deprecation $ARGUMENTS';

/** A program in a terminal of 100 columns and 30 rows. */
export type Terminal = {
  /** What it has printed so far, without colours and other control characters. */
  readonly text: () => string;
  /** Waits until it has printed this. @throws after a deadline, and when it has ended without it */
  readonly shows: (what: RegExp) => Promise<RegExpMatchArray>;
  readonly press: (keys: string) => void;
  /** Resolves when it has ended, with how it did. */
  readonly ended: Promise<string>;
};

/**
 * Starts a Node program in a terminal, by `script` of util-linux. Who starts it ends it (`killProcessesWith`).
 * @param args without white space
 */
export function startInTerminal(
  args: readonly string[],
  options: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
): Terminal {
  const child = spawn("script", ["-qfec", SETUP, "/dev/null"], {
    cwd: options.cwd,
    env: { ...options.env, NODE: process.execPath, ARGUMENTS: args.join(" "), SHELL: "/bin/sh" },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
  }
  child.stdin.on("error", () => {});
  const shown = (): string => stripVTControlCharacters(text);
  const ended = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code) => resolve(`exit code ${code}`));
  });
  return {
    text: shown,
    shows: (what) =>
      beforeItEnds(ended, `the terminal shows ${what}`, () => {
        const found = shown().match(what);
        if (found === null) throw new Error(shown());
        return found;
      }),
    press: (keys) => void child.stdin.write(keys),
    ended,
  };
}

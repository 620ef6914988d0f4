import { readFileSync } from "node:fs";
import path from "node:path";
import { err, type Result } from "../../src/platform/result.ts";
import { DEFAULT_STATE, type PartName, PORT_VARIABLES } from "./names.ts";
import { readSettings, type Settings, WORKER_VARIABLES_FILE } from "./settings.ts";
import { readStackFile, runningStack } from "./stack-file.ts";
import { namesInExample, parseTomlVars, parseVariables, type Variables } from "./variables.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Settings of a stack that starts, and of a command beside one: those of the running stack, with the ports and
 * variables that it was started with; else those of the files. The command's own environment wins.
 * @param otherwise defaults of variables that are not set anywhere
 * @returns the settings, or one sentence for each wrong variable
 */
export function commandSettings(
  root: string,
  otherwise: Variables = {},
  environment: Environment = process.env,
): Result<Settings, readonly string[]> {
  try {
    return readFrom(root, otherwise, environment);
  } catch (error) {
    return err([error instanceof Error ? error.message : String(error)]);
  }
}

/** @throws when a file cannot be read */
function readFrom(
  root: string,
  otherwise: Variables,
  environment: Environment,
): Result<Settings, readonly string[]> {
  const devVars = { ...otherwise, ...parseVariables(read(path.join(root, ".dev.vars"))) };
  const stateDir = path.resolve(
    root,
    environment["STATE_DIR"] || devVars["STATE_DIR"] || DEFAULT_STATE,
  );
  return readSettings({
    environment: {
      // A bot token in the environment belongs to the real Discord, not to the local one.
      ...(environment["DISCORD_BOT_TOKEN"] ? {} : variablesOfRunning(stateDir)),
      ...Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== "")),
    },
    devVars,
    toml: parseTomlVars(read(path.join(root, "wrangler.toml"))),
    known: namesInExample(read(path.join(root, ".dev.vars.example"))),
    root,
  });
}

/** The variables with which the stack on this state folder was started; empty: none runs. */
function variablesOfRunning(stateDir: string): Variables {
  const stack = runningStack(stateDir) === undefined ? undefined : readStackFile(stateDir);
  if (stack === undefined) return {};
  const ports = Object.entries(PORT_VARIABLES).flatMap(([part, { variable }]) => {
    const url = part in stack.parts ? stack.urls[part as PartName] : undefined;
    return url === undefined ? [] : [[variable, new URL(url).port]];
  });
  return {
    ...parseVariables(read(path.join(stateDir, WORKER_VARIABLES_FILE))),
    ...Object.fromEntries(ports),
  };
}

/** A file's text; empty when there is no file. */
function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return "";
    const problem = `${file} cannot be read (${code}). Make it a readable file, or delete it.`;
    throw new Error(problem, { cause: error });
  }
}

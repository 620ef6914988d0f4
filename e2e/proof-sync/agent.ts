import { chmod, mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** A stub in the places where clients look for the agent's program. */
export type Agent = {
  /** What a client needs in its environment to find the stub, and not an agent that is installed here. */
  readonly env: Readonly<Record<string, string>>;
};

const STUB = fileURLToPath(import.meta.resolve("./agent.mjs"));

/** Where npm installs programs for everybody: there the older client looks first. */
const GLOBAL_PACKAGE = "lib/node_modules/@anthropic-ai/claude-code";
/** The package of this platform, where the library of the current client looks. It was not installed. */
const PLATFORM_PACKAGE = `@anthropic-ai/claude-agent-sdk-${process.platform}-${process.arch}`;

/** Puts the stub (`agent.mjs`) into a folder, as if it had been installed. */
export async function createAgent(folder: string): Promise<Agent> {
  const [prefix, modules] = [path.join(folder, "prefix"), path.join(folder, "modules")];
  const script = path.join(prefix, GLOBAL_PACKAGE, "cli.js");
  await mkdir(path.dirname(script), { recursive: true });
  await writeFile(script, `import(${JSON.stringify(pathToFileURL(STUB).href)});\n`);
  for (const program of [
    path.join(prefix, "bin/claude"),
    path.join(modules, PLATFORM_PACKAGE, "claude"),
  ]) {
    await mkdir(path.dirname(program), { recursive: true });
    await writeFile(program, `#!/bin/sh\nexec "${process.execPath}" "${STUB}" "$@"\n`);
    await chmod(program, 0o755);
  }
  return {
    env: {
      npm_config_prefix: prefix,
      npm_config_update_notifier: "false",
      NODE_PATH: modules,
      HAPPY_CLAUDE_PATH: script,
    },
  };
}

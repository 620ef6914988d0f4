import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { PORT_VARIABLES } from "../stack/names.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const { scripts } = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8")) as {
  scripts: Record<string, string>;
};
/** Our own scripts. The others are commands of tools, which have their own help. */
const OURS = Object.entries(scripts).flatMap(([name, command]) => {
  const [tool, ...args] = command.split(" ");
  return tool === "node" ? [{ name, args }] : [];
});

/** Runs a script with `--help` in a process group of its own, so that any process it starts is noticed. */
function askForHelp(
  ...[file = "", ...args]: readonly string[]
): Promise<{ code: number | null; stdout: string; left: boolean }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [path.join(ROOT, file), ...args, "--help"], {
      cwd: ROOT,
      env: { PATH: process.env["PATH"] },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    let stdout = "";
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    child.once("error", reject);
    child.once("close", (code) => {
      let left = true;
      try {
        process.kill(-(child.pid ?? 0), "SIGKILL");
      } catch {
        left = false;
      }
      resolve({ code, stdout, left });
    });
  });
}

describe("--help", () => {
  it("is tested for each script", () => {
    expect(OURS.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["start", "test", "token", "deploy", "drill", "bench"]),
    );
  });

  it("of npm start names each port and its variable", async () => {
    const { stdout } = await askForHelp("dev/start.mjs");
    for (const { variable, usual } of Object.values(PORT_VARIABLES)) {
      expect(stdout).toContain(`${variable} (${usual})`);
    }
  });

  it.each(OURS)(
    "of npm run $name prints its usage, and does nothing else",
    async ({ name, args }) => {
      const { code, stdout, left } = await askForHelp(...args);
      expect(stdout).toMatch(new RegExp(`^Usage: npm (?:run )?${name}\\b`));
      expect(stdout.split("\n").length).toBeGreaterThan(1);
      expect({ code, left }).toEqual({ code: 0, left: false });
    },
    90_000,
  );
});

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { SOON } from "../../src/testing/soon.ts";
import { supervise, USUAL_SUPERVISION, type Part, type PartSpec } from "./part.ts";
import { RUNTIME_CRASHED } from "./wrangler.ts";

let folder: string;
let said: string[];
const parts: Part[] = [];

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "part-"));
  said = [];
});
afterEach(async () => {
  await Promise.all(parts.splice(0).map((part) => part.stop()));
  await rm(folder, { recursive: true });
});

const forever = "setInterval(() => {}, 1000);";

function start(script: string, more: Partial<PartSpec> = {}): Part {
  const part = supervise(
    {
      label: "test part",
      command: { args: ["-e", script], cwd: folder, env: process.env },
      ...more,
    },
    {
      ...USUAL_SUPERVISION,
      output: {
        say: (line) => said.push(line),
        quote: (label, line) => said.push(`${label}> ${line}`),
        status: () => {},
        dim: (text) => text,
        strong: (text) => text,
      },
      logDir: folder,
      isShown: (severity) => severity === "error",
      onChange: () => {},
      firstDelayMs: 100,
      maxDelayMs: 300,
      healthIntervalMs: 20,
      graceMs: 300,
    },
  );
  parts.push(part);
  return part;
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

it("restarts a part that dies, after a longer delay each time, and shows its last lines", async () => {
  const part = start("console.log('last words'); process.exit(3)");
  await vi.waitFor(() => expect(part.status().restarts).toBeGreaterThanOrEqual(4), SOON);
  const waits = said.flatMap((line) => /exit code 3.*again in ([\d.]+) s/.exec(line)?.[1] ?? []);
  expect(waits.slice(0, 4)).toEqual(["0.1", "0.2", "0.3", "0.3"]);
  expect(said).toContain("test part> last words");
});

it("gives a killed part a new process", async () => {
  const part = start(forever);
  const first = part.status().pid ?? 0;
  process.kill(first, "SIGKILL");
  await vi.waitFor(() => expect(part.status().pid ?? first).not.toBe(first), SOON);
  expect(said.join("\n")).toContain("killed by SIGKILL");
});

it("shows only lines that matter, and keeps all lines in the log", async () => {
  start(`console.log("chatter"); console.error("an error"); ${forever}`);
  const log = path.join(folder, "test-part.log");
  await vi.waitFor(async () => expect(await readFile(log, "utf8")).toContain("error"), SOON);
  expect(await readFile(log, "utf8")).toContain("chatter");
  expect(said).toEqual(["test part> an error"]);
});

it("ends grandchildren too, and kills those that ignore SIGTERM", async () => {
  const grandchild = `process.on("SIGTERM", () => {}); console.log("error", process.pid); ${forever}`;
  const part = start(
    `require("node:child_process").spawn(process.execPath, ["-e", ${JSON.stringify(grandchild)}],
      { stdio: "inherit" }); process.on("SIGTERM", () => {}); ${forever}`,
  );
  await vi.waitFor(() => expect(said.join()).toMatch(/error \d+/), SOON);
  const pid = Number(/error (\d+)/.exec(said.join())?.[1]);
  expect(isAlive(pid)).toBe(true);
  await part.stop();
  await vi.waitFor(() => expect(isAlive(pid)).toBe(false), SOON);
  expect(part.status().restarts).toBe(0);
});

it("kills the processes that a dead leader leaves behind", async () => {
  const part = start(
    `const child = require("node:child_process").spawn(process.execPath, ["-e", ${JSON.stringify(forever)}]);
     console.log("error", child.pid); ${forever}`,
  );
  await vi.waitFor(() => expect(said.join()).toMatch(/error \d+/), SOON);
  const pid = Number(/error (\d+)/.exec(said.join())?.[1]);
  process.kill(part.status().pid ?? 0, "SIGKILL");
  await vi.waitFor(() => expect(isAlive(pid)).toBe(false), SOON);
});

it("does not restart a part that is slow for a while", async () => {
  let checks = 0;
  const server = createServer((_request, response) => {
    checks += 1;
    // As on an overloaded machine: it answers well, and then fails six times.
    response.statusCode = checks > 1 && checks <= 7 ? 500 : 200;
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  try {
    const part = start(forever, { healthUrl: `http://127.0.0.1:${port}/health` });
    await vi.waitFor(() => expect(checks).toBeGreaterThan(10), SOON);
    expect(part.status().restarts).toBe(0);
    expect(said.join()).not.toContain("no longer answers");
  } finally {
    server.close();
  }
});

it("restarts a part at once after its last words, and says which they were", async () => {
  const lastWords = "[warn] it will not come back";
  const line = "\u001b[33m[warn]\u001b[39m it will not come back (1)";
  const part = start(`console.log(${JSON.stringify(line)}); ${forever}`, { lastWords });
  await vi.waitFor(() => expect(part.status().restarts).toBeGreaterThan(1), SOON);
  expect(said).toContain(`The test part may not recover from this: ${lastWords}.`);
});

it.each([
  ["other words", `it will come back`],
  ["its last words in a request", `{"level":"info","path":"/${RUNTIME_CRASHED}"}`],
  ["its last words in a path", `[wrangler:info] GET /${RUNTIME_CRASHED} 404 Not Found (1ms)`],
])("does not restart a part for %s", async (_what, line) => {
  const script = `console.log(${JSON.stringify(line)}); console.log("after it"); ${forever}`;
  const part = start(script, { lastWords: RUNTIME_CRASHED });
  const log = path.join(folder, "test-part.log");
  await vi.waitFor(async () => expect(await readFile(log, "utf8")).toContain("after it"), SOON);
  expect(part.status().restarts).toBe(0);
  expect(said).toEqual([]);
});

it("restarts a part that hangs", async () => {
  let isWell = true;
  const server = createServer((_request, response) => {
    response.statusCode = isWell ? 200 : 500;
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  let checks = 0;
  server.on("request", () => checks++);
  try {
    const part = start(forever, { healthUrl: `http://127.0.0.1:${port}/health` });
    await vi.waitFor(() => expect(checks).toBeGreaterThan(0), SOON);
    isWell = false;
    await vi.waitFor(() => expect(part.status().restarts).toBeGreaterThan(0), SOON);
    expect(said).toContain("The test part no longer answers.");
  } finally {
    server.close();
  }
});

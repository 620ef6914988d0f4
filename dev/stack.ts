// The local stack behind `npm start` (dev/start.mjs): starts every part, starts it again when it
// dies, and takes all of them along when it ends.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { PART_LABELS, type PartName } from "./stack/names.ts";
import { terminalOutput } from "./stack/output.ts";
import { partSpec } from "./stack/parts.ts";
import { answers, supervise, USUAL_SUPERVISION, type Part } from "./stack/part.ts";
import { portProblems } from "./stack/ports.ts";
import { applyMigrations, buildPage, DEPLOYED_PAGE } from "./stack/prepare.ts";
import { readSettings, type Settings } from "./stack/settings.ts";
import { removeStackFile, runningStack, writeStackFile } from "./stack/stack-file.ts";
import { ensureDevVars, namesInExample, parseTomlVars, parseVariables } from "./stack/variables.ts";

const READY_DEADLINE_MS = 60_000;

const root = path.dirname(import.meta.dirname);
const startedAt = performance.now();
const output = terminalOutput(process.stdout);
const ending = new AbortController();
const running = new Map<PartName, Part>();
let isReady = false;

const read = (file: string): string => readFileSync(path.join(root, file), "utf8");

function refuse(problems: readonly string[]): never {
  for (const problem of problems) console.error(problem);
  process.exit(1);
}

function settingsOfThisRun(): Settings {
  if (ensureDevVars(path.join(root, ".dev.vars"), path.join(root, ".dev.vars.example"))) {
    output.say("Made .dev.vars with fresh secrets.");
  }
  const settings = readSettings({
    environment: process.env,
    devVars: parseVariables(read(".dev.vars")),
    toml: parseTomlVars(read("wrangler.toml")),
    known: namesInExample(read(".dev.vars.example")),
    root,
  });
  if (!settings.ok) return refuse(settings.error);
  const { madeSecrets } = settings.value;
  if (madeSecrets.length > 0) {
    output.say(`Not in .dev.vars, so fresh ones for this run: ${madeSecrets.join(", ")}.`);
  }
  return settings.value;
}

const settings = settingsOfThisRun();
const other = runningStack(settings.stateDir);
if (other !== undefined) {
  refuse([`The stack runs already (process ${other}). Stop it first, or set STATE_DIR and ports.`]);
}
const portsTaken = await portProblems(settings);
if (portsTaken.length > 0) refuse(portsTaken);

/** Tells scripts (`stack.json`) and the process that started this one what runs now. */
function report(): void {
  if (ending.signal.aborted) return;
  const parts = Object.fromEntries([...running].map(([name, part]) => [name, part.status()]));
  writeStackFile(settings.stateDir, {
    pid: process.pid,
    ready: isReady,
    urls: settings.urls,
    parts,
  });
  process.send?.({ groups: Object.values(parts).flatMap(({ pid }) => pid ?? []) });
}

function start(name: PartName): void {
  const part = supervise(partSpec(name, settings, root), {
    ...USUAL_SUPERVISION,
    output,
    logDir: path.join(settings.stateDir, "logs"),
    // While the parts wait for each other they complain; that is no news.
    isShown: (severity) =>
      settings.verbose || severity === "error" || (severity === "warning" && isReady),
    onChange: () => queueMicrotask(report),
  });
  running.set(name, part);
}

/** Ends everything: the gateway-worker first, so that it can still hand over what it has. */
async function end(exitCode: number): Promise<void> {
  if (ending.signal.aborted) return;
  ending.abort();
  await running.get("gateway")?.stop();
  await Promise.all([...running.values()].map((part) => part.stop()));
  removeStackFile(settings.stateDir);
  process.exit(exitCode);
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    if (!ending.signal.aborted) output.say("Stopping …");
    void end(0);
  });
}
process.on("disconnect", () => void end(0));
process.on("uncaughtException", (error) => {
  console.error(error);
  void end(1);
});

async function whatIsMissing(): Promise<string> {
  try {
    const response = await fetch(`${settings.urls.worker}/ready`, {
      signal: AbortSignal.timeout(3_000),
    });
    return await response.text();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function waitUntilReady(): Promise<void> {
  const deadline = performance.now() + READY_DEADLINE_MS;
  let hasComplained = false;
  while (!ending.signal.aborted && !(await answers(`${settings.urls.worker}/ready`))) {
    if (!hasComplained && performance.now() > deadline) {
      hasComplained = true;
      output.say(`Not ready after a minute, still trying. /ready says: ${await whatIsMissing()}`);
    }
    await delay(100);
  }
}

function printAddresses(): void {
  const { urls, parts } = settings;
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  const row = (name: PartName, note: string): string => {
    const isDouble = name === "idp" || name === "discord" || name === "faceit";
    const where = isDouble && !parts.includes(name) ? "not ours: used as it is" : note;
    return `  ${PART_LABELS[name].padEnd(18)} ${urls[name].padEnd(30)} ${output.dim(where)}`;
  };
  output.say(
    [
      "",
      `${output.strong("GuildHub is ready")} after ${seconds} s: ${output.strong(urls.worker)}`,
      "",
      row("worker", "the page, /docs, /ready"),
      row("gateway", "/healthz, /readyz, /metrics"),
      row("idp", "any name signs in"),
      row("discord", "POST /_control/voice moves users"),
      row("faceit", "POST /_control/matches starts a match"),
      "",
      `  Open ${urls.worker} and sign in with any name, or in a second terminal:`,
      `  curl ${urls.worker}/rooms -H "Authorization: Bearer $(npm run -s token -- alice)"`,
      "",
      output.dim(
        `  Logs: ${path.relative(process.cwd(), settings.stateDir)}/logs · Ctrl-C stops everything`,
      ),
      "",
    ].join("\n"),
  );
}

report();
output.say("Starting …");
for (const name of settings.parts) {
  if (name !== "worker") start(name);
}
try {
  const controlled = (part: PartName): string | undefined =>
    settings.parts.includes(part) ? settings.urls[part] : undefined;
  const controls = { discord: controlled("discord"), faceit: controlled("faceit") };
  await Promise.all([
    buildPage(root, settings.pageDir, controls, ending.signal),
    existsSync(path.join(root, DEPLOYED_PAGE)) ||
      buildPage(root, path.join(root, DEPLOYED_PAGE), undefined, ending.signal),
    applyMigrations(root, settings.workerStateDir, ending.signal),
  ]);
} catch (error) {
  if (!ending.signal.aborted) {
    console.error(error instanceof Error ? error.message : error);
    await end(1);
  }
}
if (!ending.signal.aborted) {
  start("worker");
  await waitUntilReady();
  if (!ending.signal.aborted) {
    isReady = true;
    report();
    printAddresses();
  }
}

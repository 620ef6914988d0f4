// The local stack behind `npm start` (dev/start.mjs): starts every part, restarts a part that dies, and ends all
// of them when it ends.
import { existsSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { areaNames } from "../src/config.ts";
import { commandSettings } from "./stack/command-settings.ts";
import { PART_LABELS, type PartName } from "./stack/names.ts";
import { seconds, showProgress, terminalOutput } from "./stack/output.ts";
import { partSpec } from "./stack/parts.ts";
import { answers, logFile, supervise, USUAL_SUPERVISION, type Part } from "./stack/part.ts";
import { portProblems } from "./stack/ports.ts";
import { applyMigrations, buildPage, DEPLOYED_PAGE } from "./stack/prepare.ts";
import type { Settings } from "./stack/settings.ts";
import { makeStateDir, removeStackFile, runningStack, writeStackFile } from "./stack/stack-file.ts";
import { ensureDevVars } from "./stack/variables.ts";

// The state contains keys and tokens, so only this user may read what this process and its parts write.
process.umask(0o077);

/**
 * The path at which each part answers 200 when it works. The gateway-worker also waits for Discord and the hub.
 */
const READY_PATHS: Readonly<Record<PartName, string>> = {
  worker: "/health",
  gateway: "/readyz",
  idp: "/jwks",
  discord: "/",
  faceit: "/",
  voice: "/",
};
/** The path at which the Worker answers 200 when everything works. The hub decides that. */
const HUB = "hub";
const READY_PATH = "/ready";

const root = path.dirname(import.meta.dirname);
const startedAt = performance.now();
const output = terminalOutput(process.stdout);
const ending = new AbortController();
const running = new Map<PartName, Part>();
let isReady = false;

function refuse(problems: readonly string[]): never {
  for (const problem of problems) console.error(problem);
  process.exit(1);
}

/** Does something with files, or says which one is in the way. */
function orRefuse<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    return refuse([error instanceof Error ? error.message : String(error)]);
  }
}

function settingsOfThisRun(): Settings {
  if (ensureDevVars(path.join(root, ".dev.vars"), path.join(root, ".dev.vars.example"))) {
    output.say("Created .dev.vars with fresh secrets.");
  }
  const settings = commandSettings(root);
  if (!settings.ok) return refuse(settings.error);
  const { madeSecrets } = settings.value;
  if (madeSecrets.length > 0) {
    output.say(`Not in .dev.vars, so fresh ones for this run: ${madeSecrets.join(", ")}.`);
  }
  return settings.value;
}

const settings = orRefuse(settingsOfThisRun);
const logDir = path.join(settings.stateDir, "logs");
const other = runningStack(settings.stateDir);
if (other !== undefined) {
  refuse([`The stack runs already (process ${other}). Stop it first, or set STATE_DIR and ports.`]);
}
orRefuse(() => makeStateDir(settings.stateDir));
const portsTaken = await portProblems(settings);
if (portsTaken.length > 0) refuse(portsTaken);

/** Reports what runs now, to scripts (`stack.json`) and to the process that started this one. */
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
    logDir,
    // While parts wait for each other they print warnings, which are not shown.
    isShown: (severity) =>
      settings.verbose || severity === "error" || (severity === "warning" && isReady),
    onChange: () => queueMicrotask(report),
  });
  running.set(name, part);
}

/** Ends everything. The gateway-worker ends first, so that it can still send its events. */
async function end(exitCode: number): Promise<void> {
  if (ending.signal.aborted) return;
  ending.abort();
  progress.stop();
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

/** The answer of a part to the request for its health, in words. */
async function whatItSays(url: string): Promise<string> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(3_000) });
    const text = (await response.text()).trim();
    const messages = [...text.matchAll(/"message":"([^"]+)"/g)].map(([, message]) => message);
    return messages.length > 0 ? messages.join(" ") : `${new URL(url).pathname} says ${text}`;
  } catch {
    return `nothing answers at ${url}`;
  }
}

async function sayWhyItHangs(name: string): Promise<void> {
  const part = name === HUB ? "worker" : settings.parts.find((one) => PART_LABELS[one] === name);
  if (part === undefined) return output.say(`The ${name} is not ready after a minute.`);
  const says = await whatItSays(
    `${settings.urls[part]}${name === HUB ? READY_PATH : READY_PATHS[part]}`,
  );
  output.say(`The ${name} is not ready after a minute: ${says}`);
  output.say(`Its log: ${logFile(logDir, PART_LABELS[part])}`);
}

const progress = showProgress(output, (name) => void sayWhyItHangs(name));

/** Resolves when a part works, or when the stack ends. */
async function untilReady(part: PartName, where = READY_PATHS[part]): Promise<void> {
  while (!ending.signal.aborted && !(await answers(`${settings.urls[part]}${where}`))) {
    await delay(100);
  }
}

/** The parts in the printed summary, each with a note. */
const ROWS: readonly (readonly [PartName, string])[] = [
  ["worker", "the page, /docs, /ready"],
  ["gateway", "/healthz, /readyz, /metrics"],
  ["idp", "any name signs in"],
  ["discord", "POST /_control/voice moves users"],
  ["faceit", "POST /_control/matches starts a match"],
  ["voice", "POST /_control/customers/<account id> pays"],
];

function printAddresses(): void {
  const { urls, parts, needed, worker } = settings;
  const areas = areaNames(worker);
  // Commands in other terminals look for the stack in .state unless STATE_DIR says where it is.
  const withState = process.env["STATE_DIR"] ? `STATE_DIR=${settings.stateDir} ` : "";
  const took = seconds(performance.now() - startedAt);
  const row = (name: PartName, note: string): string => {
    const isDouble = name === "idp" || name === "discord" || name === "faceit";
    const where = isDouble && !parts.includes(name) ? "not ours: used as it is" : note;
    return `  ${PART_LABELS[name].padEnd(18)} ${urls[name].padEnd(30)} ${output.dim(where)}`;
  };
  output.say(
    [
      "",
      `${output.strong("GuildHub is ready")} after ${took}: ${output.strong(urls.worker)}`,
      "",
      ...ROWS.flatMap(([name, note]) => (needed.has(name) ? [row(name, note)] : [])),
      "",
      ...(areas.includes("rooms")
        ? [
            `  Open ${urls.worker} and sign in with any name, or in a second terminal:`,
            `  curl ${urls.worker}/rooms -H "Authorization: Bearer $(${withState}npm run -s token -- alice)"`,
          ]
        : []),
      ...(areas.includes("sync")
        ? [
            "  Happy's client, in a second terminal:",
            `  export HAPPY_SERVER_URL=${urls.worker} HAPPY_WEBAPP_URL=${urls.worker}`,
            "  npx happy auth login",
          ]
        : []),
      "",
      output.dim(`  Logs: ${logDir} · Ctrl-C stops everything`),
      "",
    ].join("\n"),
  );
}

/** Starts all parts, each as soon as the parts that it needs work. */
async function startAll(): Promise<void> {
  const local = (part: PartName): string | undefined =>
    settings.parts.includes(part) ? settings.urls[part] : undefined;
  const controls = { discord: local("discord"), faceit: local("faceit") };
  const followed: Promise<void>[] = [];
  for (const name of settings.parts) {
    if (name === "worker") continue;
    start(name);
    // The gateway-worker has nothing to do before the Worker works.
    if (name === "gateway") continue;
    followed.push(progress.follow(PART_LABELS[name], untilReady(name)));
  }
  const deployed = path.join(root, DEPLOYED_PAGE);
  await Promise.all([
    progress.follow("page", buildPage(root, settings.pageDir, controls, ending.signal)),
    existsSync(deployed) || buildPage(root, deployed, undefined, ending.signal),
    progress.follow("database", applyMigrations(root, settings.workerStateDir, ending.signal)),
  ]);
  start("worker");
  await progress.follow(PART_LABELS.worker, untilReady("worker"));
  await Promise.all([
    ...followed,
    settings.parts.includes("gateway") &&
      progress.follow(PART_LABELS.gateway, untilReady("gateway")),
    progress.follow(HUB, untilReady("worker", READY_PATH)),
  ]);
}

report();
output.say("Starting …");
try {
  await startAll();
} catch (error) {
  if (!ending.signal.aborted) {
    console.error(error instanceof Error ? error.message : error);
    await end(1);
  }
}
progress.stop();
if (!ending.signal.aborted) {
  isReady = true;
  report();
  printAddresses();
}

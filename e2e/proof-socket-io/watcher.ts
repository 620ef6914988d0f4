import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { createInterface } from "node:readline";
import { z } from "zod";
import { answerBy, serveDouble } from "../../dev/doubles/server.ts";
import { eventually } from "../../dev/testing/eventually.ts";
import { launchBrowser } from "../page-driver.ts";
import { PYTHON } from "../proof-discord/library.ts";

const Told = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("connected"), recovered: z.boolean() }),
  z.object({
    kind: z.literal("refused"),
    message: z.string(),
    data: z.unknown(),
    returns: z.boolean(),
  }),
  z.object({ kind: z.literal("disconnected"), reason: z.string(), returns: z.boolean() }),
  z.object({
    kind: z.literal("event"),
    event: z.string(),
    data: z.unknown(),
    about: z.array(z.unknown()),
  }),
  z.object({ kind: z.literal("acknowledged"), event: z.string(), data: z.unknown() }),
]);

/** What a client reported to its user. `returns`: whether it says that it comes back by itself. */
export type Told = z.infer<typeof Told>;

/** Where a client connects to, and as whom. */
export type Target = { readonly url: string; readonly auth: Readonly<Record<string, unknown>> };

/** A user of a Socket.IO client. */
export type Watcher = {
  readonly told: readonly Told[];
  readonly log: () => string;
  /** Makes the client emit an event with an acknowledgement. */
  readonly ask: (event: string, data: unknown) => void;
  /** Makes it emit an event without one. */
  readonly say: (event: string, data: unknown) => void;
  readonly stop: () => Promise<void>;
};

type Emitted = { readonly event: string; readonly data: unknown; readonly isAnswered: boolean };

/** Starts a program of this folder that prints what its client reported. */
function startProgram(program: string, file: string, target: Target): Watcher {
  const child = spawn(program, [file], {
    cwd: import.meta.dirname,
    env: { ...process.env, TARGET: JSON.stringify(target) },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const told: Told[] = [];
  let log = "";
  createInterface({ input: child.stdout }).on("line", (line) => {
    told.push(Told.parse(JSON.parse(line)));
  });
  child.stderr.on("data", (chunk: Buffer) => (log += chunk.toString()));
  child.stdin.on("error", () => {});
  const emit = (emitted: Emitted): void => void child.stdin.write(`${JSON.stringify(emitted)}\n`);
  child.once("error", (error) => (log += error.message));
  child.once("exit", (code, signal) => (log += `ended with ${code ?? signal}\n`));
  return {
    told,
    log: () => log,
    ask: (event, data) => emit({ event, data, isAnswered: true }),
    say: (event, data) => emit({ event, data, isAnswered: false }),
    stop: () => Promise.resolve(void child.kill("SIGKILL")),
  };
}

/** Waits until a client has told its user what is expected. @throws with what it told last */
export async function hasTold(
  watcher: Watcher,
  what: string,
  check: (told: readonly Told[]) => void,
): Promise<void> {
  await eventually(what, () => {
    try {
      check(watcher.told);
    } catch (error) {
      const last = JSON.stringify(watcher.told.slice(-10));
      throw new Error(`${watcher.log()}\n${last}`, { cause: error });
    }
  });
}

/** Starts socket.io-client in Node. */
async function startInNode(target: Target): Promise<Watcher> {
  return startProgram(process.execPath, "node.mjs", target);
}

/** Starts python3-socketio. */
async function startInPython(target: Target): Promise<Watcher> {
  return startProgram(PYTHON, "client.py", target);
}

/** The page's files, by path: the client's own bundle for browsers is one of them. */
const FILES: Readonly<Record<string, string>> = {
  "/watch.mjs": "watch.mjs",
  "/socket.io.mjs": "node_modules/socket.io-client/dist/socket.io.esm.min.js",
};

const PAGE = `<!doctype html><title>Socket.IO</title><script type="module">
import { io } from "/socket.io.mjs";
import { watch } from "/watch.mjs";
globalThis.emit = watch(io, JSON.parse(decodeURIComponent(location.hash.slice(1))), globalThis.tell);
</script>`;

/** Starts socket.io-client on a page in Chromium. */
async function startInChromium(target: Target): Promise<Watcher> {
  const server = await serveDouble({ port: 0, host: "127.0.0.1" }, () => ({
    request: answerBy({ fetch: ({ url }) => serveFile(new URL(url).pathname) }),
  }));
  const browser = await launchBrowser();
  const stop = async (): Promise<void> => {
    await browser.close();
    await server.close();
  };
  try {
    const told: Told[] = [];
    let log = "";
    const page = await browser.newPage();
    page.on("pageerror", ({ message }) => (log += `${message}\n`));
    page.on("console", (message) => (log += `${message.text()}\n`));
    await page.exposeFunction("tell", (one: unknown) => {
      told.push(Told.parse(one));
    });
    await page.goto(`${server.url}/#${encodeURIComponent(JSON.stringify(target))}`);
    const emit = (emitted: Emitted): void => {
      const call = `globalThis.emit(${JSON.stringify(emitted)})`;
      page.evaluate(call).catch((error: unknown) => (log += String(error)));
    };
    return {
      told,
      log: () => log,
      ask: (event, data) => emit({ event, data, isAnswered: true }),
      say: (event, data) => emit({ event, data, isAnswered: false }),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function serveFile(pathname: string): Promise<Response> {
  if (pathname === "/") return new Response(PAGE, { headers: { "Content-Type": "text/html" } });
  const file = FILES[pathname];
  if (file === undefined) return new Response(null, { status: 404 });
  const script = await readFile(path.join(import.meta.dirname, file));
  return new Response(script, { headers: { "Content-Type": "text/javascript" } });
}

/** A client that nobody here wrote. */
export type Client = {
  readonly name: string;
  readonly start: (target: Target) => Promise<Watcher>;
  /** Whether the client itself knows connection state recovery, and says whether it comes back. */
  readonly recovers: boolean;
};

/** The clients of this proof. */
export const CLIENTS: readonly Client[] = [
  { name: "socket.io-client in Node", start: startInNode, recovers: true },
  { name: "socket.io-client in Chromium", start: startInChromium, recovers: true },
  ...(process.env["WITHOUT_PYTHON_SOCKETIO"] === undefined
    ? [{ name: "python3-socketio of Debian", start: startInPython, recovers: false }]
    : []),
];

import { type ChildProcessWithoutNullStreams, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { isGuildEvent } from "../../src/client/guild-event.ts";
import type { EventDefinition } from "../../src/protocol/events/define-event.ts";
import { join, open } from "../../src/testing/fake-client.ts";
import { FakeHub } from "../../src/testing/fake-hub.ts";
import { SOON } from "../../src/testing/soon.ts";
import { buildSdk, SDK_MAX_GZIP_BYTES } from "./build-sdk.ts";
import { HubServer } from "./hub-server.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const CONSUMER = path.join(import.meta.dirname, "consumer");
/** How `consumer/types.ts` imports the package while it is in this repository. */
const SOURCE_ENTRY = "../../../src/client/index.ts";
const TSC = path.join(ROOT, "node_modules/typescript/bin/tsc");

let scratch: string;
/** A project where the package is installed, like a user's. */
let project: string;
let gzipBytes: number;
let script: string;

beforeAll(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), "guildhub-sdk-test-"));
  const built = path.join(scratch, "built");
  project = path.join(scratch, "project");
  gzipBytes = await buildSdk(built);
  script = await readFile(path.join(built, "index.js"), "utf8");
  await npm(scratch, "pack", built);
  const tarball = (await readdir(scratch)).find((file) => file.endsWith(".tgz")) ?? "";
  await cp(CONSUMER, project, { recursive: true });
  const types = path.join(project, "types.ts");
  const source = (await readFile(types, "utf8")).replace(SOURCE_ENTRY, "guildhub-client");
  await writeFile(types, source);
  await writeFile(path.join(project, "package.json"), '{ "type": "module", "private": true }');
  await npm(project, "install", path.join(scratch, tarball));
});
afterAll(async () => {
  await rm(scratch, { recursive: true, force: true });
});

/** Runs npm in a folder, without a registry. */
async function npm(cwd: string, ...args: readonly string[]): Promise<void> {
  const quiet = ["--offline", "--no-audit", "--no-fund", "--no-update-notifier"];
  // It must not inherit the settings of the npm that runs the tests.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith("npm_")),
  );
  const cache = path.join(scratch, "cache");
  await promisify(execFile)("npm", [...args, ...quiet, "--prefix", cwd, "--cache", cache], {
    cwd,
    env,
  });
}

describe("the package", () => {
  it("is one small ESM file without dependencies", async () => {
    expect(gzipBytes).toBeLessThan(SDK_MAX_GZIP_BYTES);
    expect(script).not.toMatch(/\bimport\b|\brequire\b|\bprocess\./);
    const files = await readdir(path.join(project, "node_modules/guildhub-client"));
    expect(files.filter((file) => file.endsWith(".js"))).toEqual(["index.js"]);
    expect(files).toEqual(expect.arrayContaining(["LICENSE", "README.md", "index.d.ts"]));
    const described = await readFile(
      path.join(project, "node_modules/guildhub-client/package.json"),
      "utf8",
    );
    expect(described).not.toMatch(/dependencies/i);
    expect(await readdir(path.join(project, "node_modules"))).toEqual(
      expect.not.arrayContaining(["zod", "ws"]),
    );
  });

  it.each([
    ["a program without any other types", { lib: ["ES2022"], module: "nodenext" }],
    ["a page", { lib: ["ES2022", "DOM"], module: "preserve", moduleResolution: "bundler" }],
  ])("has types that compile without skipLibCheck in %s", async (_name, options) => {
    const compilerOptions = {
      ...options,
      target: "es2022",
      types: [],
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: false,
      noEmit: true,
    };
    const config = path.join(project, "tsconfig.json");
    await writeFile(config, JSON.stringify({ compilerOptions, files: ["types.ts"] }));
    const compiled = await promisify(execFile)(process.execPath, [TSC, "--project", config]).catch(
      (error: { readonly stdout: string }) => error,
    );
    expect(compiled.stdout).toBe("");
  });

  it("has the types of every event that an area registers", async () => {
    const folder = path.join(ROOT, "src/protocol/events");
    const areas = await Promise.all(
      (await readdir(folder)).map(
        async (file) => (await import(path.join(folder, file))) as Record<string, unknown>,
      ),
    );
    const names = areas
      .flatMap((area) => Object.values(area))
      .filter((value) => Array.isArray(value))
      .flatMap((events: readonly EventDefinition[]) => events.map(({ name }) => name));
    expect(names).toContain("room.created");
    const missing = names.filter((event) => !isGuildEvent({ event }));
    expect(missing, "add these to src/client/guild-event.ts").toEqual([]);
  });
});

describe("a program that has installed it", () => {
  const server = new HubServer();
  let hub: FakeHub;
  let child: ChildProcessWithoutNullStreams;
  let printed: unknown[];

  beforeAll(() => server.start());
  afterAll(() => server.stop());
  afterEach(() => {
    child.kill("SIGKILL");
  });

  function start(withHub: FakeHub): void {
    server.hub = hub = withHub;
    printed = [];
    child = spawn(process.execPath, ["watch.mjs", server.url], { cwd: project });
    createInterface({ input: child.stdout }).on("line", (line) => printed.push(JSON.parse(line)));
    createInterface({ input: child.stderr }).on("line", (line) => printed.push({ stderr: line }));
  }
  const waitFor = (line: unknown): Promise<void> =>
    vi.waitFor(() => expect(printed).toContainEqual(line), SOON);

  it("gets every event once across a reconnect, and ends when the client is closed", async () => {
    const presence = { count: 1, users: null };
    start(new FakeHub());
    await waitFor({ kind: "live", over: "websocket" });
    await vi.waitFor(() => {
      expect(hub.socket.received).toEqual([{ type: "subscribe", channelIds: ["1"] }]);
    }, SOON);
    hub.socket.deliver({
      type: "signal",
      event: "presence",
      key: "presence",
      ts: 1,
      payload: presence,
    });
    await waitFor({ here: 1 });
    hub.publish(open());
    hub.publish(join("u1"));
    await waitFor({ seq: 2, joined: "u1" });
    hub.socket.end(1012);
    hub.publish(join("u2"));
    await waitFor({ seq: 3, joined: "u2" });
    child.stdin.end();
    const [exitCode] = (await once(child, "exit")) as [number | null];
    expect(exitCode).toBe(0);
    // The runtime decides when it reports the error of a handler.
    const fault = { uncaught: "a handler that throws" };
    expect(printed).toContainEqual(fault);
    expect(printed.filter((one) => JSON.stringify(one) !== JSON.stringify(fault))).toEqual([
      { ok: true, value: null },
      { kind: "connecting", over: null },
      { rooms: 0 },
      { kind: "live", over: "websocket" },
      { here: 1 },
      { seq: 2, joined: "u1" },
      { kind: "waiting", over: null },
      { kind: "connecting", over: null },
      { seq: 3, joined: "u2" },
      { kind: "live", over: "websocket" },
      { kind: "stopped", over: null },
    ]);
  });

  it("gets events over HTTP where no WebSocket gets through", async () => {
    const blocked = new FakeHub();
    blocked.websockets = false;
    start(blocked);
    await waitFor({ kind: "live", over: "http" });
    hub.publish(open());
    hub.publish(join("u1"));
    await waitFor({ seq: 2, joined: "u1" });
    hub.socket.end(1006);
    hub.publish(join("u2"));
    await waitFor({ seq: 3, joined: "u2" });
    child.stdin.end();
    const [exitCode] = (await once(child, "exit")) as [number | null];
    expect(exitCode).toBe(0);
    expect(printed.filter((one) => JSON.stringify(one).includes("joined"))).toHaveLength(2);
  });
});

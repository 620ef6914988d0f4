import { execFile, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, symlink } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { decodeJwt } from "jose";
import { afterEach, describe, expect, it } from "vitest";
import { PART_LABELS } from "../dev/stack/names.ts";
import { DiscordControl } from "../dev/discord/control-client.ts";
import { devToken } from "../dev/idp/dev-token.ts";
import { startIdentityProvider } from "../dev/idp/identity-provider.ts";
import { eventually } from "../dev/testing/eventually.ts";
import { freePorts } from "../dev/stack/ports.ts";
import { launchStack, type StackProcess } from "../dev/testing/stack.ts";

const started: StackProcess[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((stack) => stack.stop()));
});

/** Starts `npm start`, with a mark in the environment that all its descendants inherit. */
async function npmStart(
  environment: Readonly<Record<string, string>> = {},
): Promise<{ stack: StackProcess; left: () => number[] }> {
  const mark = randomUUID();
  const stack = await launchStack({ GUILDHUB_E2E: mark, ...environment }, "dev/start.mjs");
  started.push(stack);
  return { stack, left: () => processesWith("GUILDHUB_E2E", mark) };
}

/** The output of a command that is not told the stack's ports and variables. */
async function command(
  stack: StackProcess,
  program: string,
  ...args: readonly string[]
): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [program, ...args], {
    cwd: path.dirname(import.meta.dirname),
    env: { ...process.env, STATE_DIR: stack.stateDir },
  });
  return stdout.trim();
}

/**
 * Runs the README's example unchanged except for the ports, until it printed `expected`, and then that
 * `leaver` has left.
 */
async function runExample(
  stack: StackProcess,
  expected: readonly RegExp[],
  leaver: string,
): Promise<void> {
  const root = path.dirname(import.meta.dirname);
  const readme = await readFile(path.join(root, "README.md"), "utf8");
  const [, example = ""] = /## Open a room and watch it[^]+?```sh\n([^]+?)```/.exec(readme) ?? [];
  // It leaves a file in its working directory, so it must not run in this checkout.
  const folder = await mkdtemp(path.join(tmpdir(), "guildhub-example-"));
  for (const name of ["package.json", "dev", "src", "node_modules", "dist"]) {
    await symlink(path.join(root, name), path.join(folder, name));
  }
  const child = spawn(
    "bash",
    [
      "-c",
      example
        .replaceAll("127.0.0.1:8787", `127.0.0.1:${stack.ports.worker}`)
        .replaceAll("127.0.0.1:8789", `127.0.0.1:${stack.ports.discord}`),
    ],
    {
      cwd: folder,
      detached: true,
      env: {
        ...process.env,
        STATE_DIR: stack.stateDir,
        PATH: `${path.dirname(process.execPath)}:${process.env["PATH"]}`,
      },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  }
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const says = (lines: readonly RegExp[]): Promise<void> =>
    eventually("the example has printed everything", () => {
      for (const line of lines) expect(output).toMatch(line);
    });
  try {
    await says(expected);
    const url = `http://127.0.0.1:${stack.ports.discord}`;
    await new DiscordControl({ url }).move(leaver, null);
    await says([new RegExp(String.raw`^${leaver} has left \d+$`, "m")]);
  } finally {
    process.kill(-(child.pid ?? 0), "SIGKILL");
    await ended;
    await rm(folder, { recursive: true });
  }
}

describe("npm start refuses at once, by name,", () => {
  it("a port in use", async () => {
    const [port = 0] = await freePorts(1);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    try {
      const { stack, left } = await npmStart({ GATEWAY_PORT: String(port) });
      expect(await stack.exited).toBe(1);
      expect(stack.output()).toContain(`Port ${port} (gateway-worker) is taken`);
      expect(stack.output()).toContain("GATEWAY_PORT=");
      expect(left()).toEqual([]);
    } finally {
      server.close();
    }
  });

  it.each([
    ["a secret that is too short", { HUB_SECRET: "short" }, "HUB_SECRET"],
    ["a provider without keys", { JWT_ISSUER: "https://a.test", JWT_PUBLIC_JWK_URL: "" }, "JWT_"],
    ["a malformed port", { IDP_PORT: "http" }, "IDP_PORT"],
    ["a state folder that cannot be made", { STATE_DIR: "/proc/x" }, "STATE_DIR: /proc/x"],
    ["a state folder that is a file", { STATE_DIR: "/etc/passwd" }, "STATE_DIR: /etc/passwd"],
    ["a guild that is none", { PRIMARY_GUILD_ID: "abc" }, "PRIMARY_GUILD_ID"],
  ])("%s", async (_what, environment, named) => {
    const { stack, left } = await npmStart(environment);
    expect(await stack.exited).toBe(1);
    expect(stack.output()).toContain(named);
    expect(stack.output()).not.toMatch(/^\s+at /m);
    expect(left()).toEqual([]);
  });
});

describe("npm start", () => {
  it("runs the README, restarts what dies, refuses a second stack, and leaves nothing", async () => {
    const { stack, left } = await npmStart();
    await stack.isReady();
    await eventually("the stack reports it", () => {
      expect(stack.output()).toMatch(/^GuildHub is ready after [\d.]+ s: http/m);
      expect(stack.output()).toContain("Ctrl-C stops everything");
    });
    const { parts, urls } = stack.file();
    // Voice is started only where a variable names it.
    const { voice: _, ...labels } = PART_LABELS;
    for (const part of Object.keys(labels)) {
      expect(parts).toHaveProperty(part);
      expect(stack.output()).toContain(urls[part]);
    }
    for (const step of [...Object.values(labels), "page", "database", "hub"]) {
      expect(stack.output()).toMatch(new RegExp(`^  ${step} +ready after [\\d.]+ s$`, "m"));
    }

    const token = await command(stack, "dev/token.ts", "alice", "--guilds", "1,2");
    expect(decodeJwt(token)).toMatchObject({
      iss: stack.file().urls["idp"],
      sub: "alice",
      guilds: ["1", "2"],
    });
    expect(await command(stack, "dev/discord-commands.ts")).toContain("has these commands now");
    const printed = /curl (\S+) -H "Authorization: Bearer \$\((.+)\)"/.exec(stack.output());
    expect(printed?.[2]).toBe(`STATE_DIR=${stack.stateDir} npm run -s token -- alice`);

    await runExample(
      stack,
      [
        /^live/m,
        /^open now: 0$/m,
        /^opened: Friday raid$/m,
        /^100000000000000301 is in \d+$/m,
        /^100000000000000302 is in \d+$/m,
      ],
      "100000000000000302",
    );

    const { worker = "" } = stack.file().urls;
    const caching = async (file: string): Promise<unknown> => {
      const { status, headers } = await fetch(`${worker}${file}`);
      return [status, headers.get("cache-control")];
    };
    const page = await (await fetch(worker, { headers: { accept: "text/html" } })).text();
    const [script = ""] = /\/assets\/[\w.-]+\.js/.exec(page) ?? [];
    expect(await caching(script)).toEqual([200, "public, max-age=31536000, immutable"]);
    expect(await caching("/assets/gone.js")).toEqual([404, "no-store"]);

    // The provider's key, the bot's tokens and sessions must not be readable for other users of this
    // machine.
    const written = await readdir(stack.stateDir, { recursive: true });
    expect(written).toContain("identity-provider/identity-provider.sqlite");
    const open = written.filter((name) => {
      const { mode } = statSync(path.join(stack.stateDir, name), { throwIfNoEntry: false }) ?? {};
      return mode !== undefined && (mode & 0o077) !== 0;
    });
    expect(open).toEqual([]);

    const before = stack.file().parts;
    for (const { pid } of Object.values(before))
      if (pid !== undefined) process.kill(pid, "SIGKILL");
    await eventually("every part runs again", () => {
      const now = stack.file().parts;
      for (const [name, { pid }] of Object.entries(before)) {
        expect(now[name]?.pid).toBeGreaterThan(0);
        expect(now[name]?.pid).not.toBe(pid);
      }
    });
    await eventually("it is ready again", async () =>
      expect((await fetch(`${stack.file().urls["worker"]}/ready`)).status).toBe(200),
    );
    expect(stack.output()).toContain("killed by SIGKILL");

    // Wrangler starts this workerd again, but then takes requests and answers none.
    const front = left().filter((pid) =>
      readIfThere(`/proc/${pid}/cmdline`).includes(`entry=127.0.0.1:${stack.ports.worker}\0`),
    );
    expect(front).toHaveLength(1);
    const restarts = stack.file().parts["worker"]?.restarts ?? 0;
    for (const pid of front) process.kill(pid, "SIGKILL");
    await eventually("the worker is restarted", () =>
      expect(stack.file().parts["worker"]?.restarts).toBe(restarts + 1),
    );
    // So it was noticed by what wrangler said, not by a minute without answers.
    expect(stack.output()).not.toContain("no longer answers");
    await eventually("the Worker answers again", async () =>
      expect((await fetch(`${worker}/health`)).status).toBe(200),
    );

    const second = await launchStack({ STATE_DIR: stack.stateDir }, "dev/start.mjs");
    started.push(second);
    expect(await second.exited).toBe(1);
    expect(second.output()).toContain("runs already");

    expect(left().length).toBeGreaterThan(6);
    stack.child.kill("SIGTERM");
    expect(await stack.exited).toBe(0);
    expect(left()).toEqual([]);
  });

  it("uses another provider that the environment names, and leaves nothing behind when killed", async () => {
    const [workerPort = 0] = await freePorts(1);
    const provider = await startIdentityProvider({
      port: 0,
      audience: "guildhub",
      clientId: "guildhub-console",
      webOrigins: [`http://127.0.0.1:${workerPort}`],
    });
    try {
      const { stack, left } = await npmStart({
        WORKER_PORT: String(workerPort),
        WEB_ORIGIN: `http://127.0.0.1:${workerPort}`,
        HUB_ENDPOINT: `http://127.0.0.1:${workerPort}/internal/events`,
        JWT_ISSUER: provider.issuer,
        JWT_PUBLIC_JWK_URL: `${provider.issuer}/jwks`,
      });
      await stack.isReady();
      expect(Object.keys(stack.file().parts).toSorted((a, b) => a.localeCompare(b))).toEqual([
        "discord",
        "faceit",
        "gateway",
        "worker",
      ]);
      const token = await devToken(provider, "alice");
      const rooms = await fetch(`http://127.0.0.1:${workerPort}/rooms`, {
        headers: { authorization: `Bearer ${token}` },
      });
      expect(rooms.status).toBe(200);

      // The worst case: the program that stops the others is killed.
      process.kill(stack.file().pid, "SIGKILL");
      await stack.exited;
      await eventually("everything is gone", () => expect(left()).toEqual([]));
    } finally {
      await provider.close();
    }
  });

  it("starts only the parts that AREAS needs, and they work together", async () => {
    const { stack } = await npmStart({ AREAS: "rooms" });
    await stack.isReady();
    expect(Object.keys(stack.file().parts).toSorted((a, b) => a.localeCompare(b))).toEqual([
      "discord",
      "gateway",
      "idp",
      "worker",
    ]);
    await expect(fetch(`http://127.0.0.1:${stack.ports.faceit}/`)).rejects.toThrow("fetch failed");
    expect(stack.output()).not.toContain("faceit");
    const worker = stack.file().urls["worker"] ?? "";
    const token = await devToken({ url: stack.file().urls["idp"] ?? "" }, "alice");
    const headers = { authorization: `Bearer ${token}` };
    const created = await fetch(`${worker}/create-room`, { method: "POST", headers });
    expect(created.status).toBe(200);
    const first = await fetch(`${worker}/events?wait=0`, { headers });
    const text = await first.text();
    expect([first.status, text]).toEqual([200, expect.stringContaining("snapshot")]);
    expect(text).not.toContain("matches");
    expect((await fetch(`${worker}/matches`, { headers })).status).toBe(404);
    expect(await (await fetch(`${worker}/config.json`)).json()).toMatchObject({ matches: false });
  });
});

/** All processes of this machine with this value of a variable in their environment. */
function processesWith(name: string, value: string): number[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => readIfThere(`/proc/${pid}/environ`).split("\0").includes(`${name}=${value}`))
    .filter((pid) => !/^State:\s+Z/m.test(readIfThere(`/proc/${pid}/status`)))
    .map(Number);
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    // The process has ended or belongs to another user.
    return "";
  }
}

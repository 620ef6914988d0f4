import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { SOON } from "../src/testing/soon.ts";
import { Child } from "./fixtures/child.ts";
import { FakeGateway } from "./fixtures/fake-gateway.ts";
import { FakeHub } from "./fixtures/fake-hub.ts";
import { listenLocally } from "./fixtures/listen.ts";

const GUILD = "100000000000000001";
const SECRET = "process-test-hub-secret-0123456789-abcd";
const TOKEN = "process-test-bot-token-0123456789-abcde";

let gateway: FakeGateway;
let hub: FakeHub;
let stateDir: string;
let children: Child[];

beforeEach(async () => {
  gateway = new FakeGateway();
  hub = new FakeHub(SECRET);
  children = [];
  await Promise.all([gateway.listen(), hub.listen()]);
  stateDir = await mkdtemp(join(tmpdir(), "gateway-worker-"));
  gateway.guilds = [{ id: GUILD, channels: [{ id: "a", type: 2, name: "a" }] }];
});

afterEach(async () => {
  await Promise.all(children.map(async (child) => child.kill("SIGKILL")));
  await Promise.all([gateway.close(), hub.close()]);
  await rm(stateDir, { recursive: true, force: true });
});

function start(more: Readonly<Record<string, string>> = {}): Child {
  const child = new Child({
    DISCORD_BOT_TOKEN: TOKEN,
    PRIMARY_GUILD_ID: GUILD,
    HUB_ENDPOINT: hub.endpoint,
    HUB_SECRET: SECRET,
    DISCORD_API_URL: gateway.apiUrl,
    STATE_DIR: stateDir,
    ...more,
  });
  children.push(child);
  return child;
}

type Readiness = {
  ready: boolean;
  reasons: { code: string; message: string }[];
  outbox: { events: number };
};

async function readyz(child: Child): Promise<{ status: number; body: Readiness }> {
  const response = await fetch(`${child.address}/readyz`);
  const body: Readiness = JSON.parse(await response.text());
  return { status: response.status, body };
}

/** Ready, and the hub has received everything so far. */
async function ready(child: Child): Promise<void> {
  await vi.waitUntil(() => child.address !== null, SOON);
  await vi.waitUntil(async () => {
    const { status, body } = await readyz(child);
    return status === 200 && body.outbox.events === 0;
  }, SOON);
}

async function reasons(child: Child): Promise<string[]> {
  return (await readyz(child)).body.reasons.map(({ code }) => code);
}

describe("an impossible start", () => {
  test("a missing variable is named, without a stack", async () => {
    const child = start({ HUB_SECRET: "" });
    expect(await child.ended()).toBe(78);
    expect(child.output).toContain("HUB_SECRET is missing");
    expect(child.output).not.toContain("    at ");
  });

  test("a port in use is named", async () => {
    const other = createServer();
    const port = await listenLocally(other, 0);
    const child = start({ PORT: String(port) });
    expect(await child.ended()).toBe(69);
    expect(child.output).toContain(`PORT: ${port} is taken`);
    expect(child.output).not.toContain("    at ");
    other.close();
  });
});

test("is ready when Discord and the hub are up, and reports it in three ways", async () => {
  const child = start();
  await ready(child);
  const health = await fetch(`${child.address}/healthz`);
  expect([health.status, await health.json()]).toEqual([200, { status: "ok" }]);
  expect((await readyz(child)).body).toMatchObject({
    ready: true,
    reasons: [],
    discord: { state: "connected" },
    hub: { state: "accepting" },
  });
  const metrics = await (await fetch(`${child.address}/metrics`)).text();
  expect(metrics).toContain("guildhub_discord_connected 1");
  expect(metrics).toContain("guildhub_discord_identifies_total 1");
  expect(metrics).toMatch(/guildhub_publishes_total\{outcome="accepted"\} [1-9]/);
  expect((await fetch(`${child.address}/nothing`)).status).toBe(404);
  expect((await fetch(`${child.address}/healthz`, { method: "POST" })).status).toBe(405);
  await vi.waitUntil(() => hub.heartbeats.some(({ state }) => state === "connected"), SOON);
  expect(hub.heartbeats[0]).toMatchObject({ guildId: GUILD, state: "down" });
  expect(hub.events.map(({ event }) => event)).toEqual([
    "gateway.state",
    "gateway.state",
    "guild.snapshot",
  ]);
  expect(child.output).not.toContain(TOKEN);
  expect(child.output).not.toContain(SECRET);
  const { mode } = await stat(join(stateDir, "state.sqlite"));
  expect(mode & 0o077).toBe(0);
});

test("SIGTERM: closes with a resumable code, sends waiting events, and the next process resumes", async () => {
  const first = start();
  await ready(first);
  gateway.voice(GUILD, "u1", "a");
  expect(await first.kill("SIGTERM")).toBe(0);
  expect(gateway.connections[0]?.closeCode).toBe(4000);
  const voice = () => hub.of(GUILD).filter(({ event }) => event.startsWith("voice."));
  const last = hub.events.findLast(({ event }) => event === "gateway.state");
  expect(last?.payload["state"]).toBe("resuming");
  gateway.voice(GUILD, "u2", "a");
  const second = start();
  await ready(second);
  await vi.waitUntil(() => voice().length === 2, SOON);
  expect(voice().map(({ payload }) => payload["userId"])).toEqual(["u1", "u2"]);
  expect(gateway.count(2)).toBe(1);
  expect(gateway.count(6)).toBe(1);
});

test("SIGTERM stops the process even if the hub does not answer", async () => {
  const child = start();
  await ready(child);
  hub.hang = true;
  gateway.voice(GUILD, "u1", "a");
  await vi.waitUntil(() => hub.hanging > 0, SOON);
  expect(await child.kill("SIGINT")).toBe(0);
});

test("hub down: not ready, and everything arrives in order later", async () => {
  const child = start();
  await ready(child);
  hub.always = { status: 200, cut: true };
  for (let i = 0; i < 150; i += 1) gateway.voice(GUILD, `u${i}`, "a");
  await vi.waitUntil(async () => (await reasons(child)).includes("hub_unreachable"), SOON);
  hub.always = null;
  await vi.waitUntil(() => hub.of(GUILD).length === 151, SOON);
  const users = hub.of(GUILD).flatMap(({ payload }) => payload["userId"] ?? []);
  expect(users).toEqual(Array.from({ length: 150 }, (_, i) => `u${i}`));
  await ready(child);
});

test("a wrong secret: not ready, and the variable is named", async () => {
  const child = start({ HUB_SECRET: "another-process-secret-0123456789-abcdef" });
  await vi.waitUntil(() => child.address !== null, SOON);
  await vi.waitUntil(async () => (await reasons(child)).includes("hub_refuses"), SOON);
  const refusal = (await readyz(child)).body.reasons.find(({ code }) => code === "hub_refuses");
  expect(refusal?.message).toContain("HUB_SECRET");
  expect((await fetch(`${child.address}/healthz`)).status).toBe(200);
});

test("a token that Discord refuses: keeps running, does not loop, and reports it", async () => {
  const child = start();
  await ready(child);
  gateway.last?.close(4004);
  await vi.waitUntil(async () => (await reasons(child)).includes("discord_refused"), SOON);
  expect(child.exitCode).toBeNull();
  expect(gateway.connections).toHaveLength(1);
});

test("the wrong guild: not ready, with the way to fix it", async () => {
  const child = start({ PRIMARY_GUILD_ID: "100000000000000009" });
  await vi.waitUntil(() => child.address !== null, SOON);
  await vi.waitUntil(async () => (await reasons(child)).includes("not_in_primary_guild"), SOON);
});

test("two processes: the older disconnects from Discord, keeps running and reports why", async () => {
  const older = start();
  await ready(older);
  const otherDir = await mkdtemp(join(tmpdir(), "gateway-worker-"));
  const newer = start({ STATE_DIR: otherDir });
  await ready(newer);
  // Discord sends the event to both sessions; the older process receives it on its own connection.
  gateway.connections[0]?.send(
    0,
    { guild_id: GUILD, user_id: "u1", channel_id: "a" },
    99,
    "VOICE_STATE_UPDATE",
  );
  await vi.waitUntil(async () => (await reasons(older)).includes("superseded"), SOON);
  await vi.waitUntil(() => gateway.connections[0]?.closeCode === 4000, SOON);
  expect(older.exitCode).toBeNull();
  await ready(newer);
  await rm(otherDir, { recursive: true, force: true });
});

test("an event that the hub refuses permanently is kept for a person", async () => {
  const child = start();
  await ready(child);
  hub.script.push({ status: 422 });
  gateway.voice(GUILD, "u1", "a");
  await vi.waitUntil(() => child.lines.some(({ level }) => level === "alert"), SOON);
  const letters = await readFile(join(stateDir, "dead-letters.jsonl"), "utf8");
  expect(JSON.parse(letters)).toMatchObject({ why: "http_422", payload: { userId: "u1" } });
  gateway.voice(GUILD, "u2", "a");
  await vi.waitUntil(() => hub.of(GUILD).at(-1)?.payload["userId"] === "u2", SOON);
});

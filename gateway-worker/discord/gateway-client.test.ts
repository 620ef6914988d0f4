import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { SOON } from "../../src/testing/soon.ts";
import type { GatewayState } from "../../src/protocol/events/rooms.ts";
import { FakeGateway } from "../fixtures/fake-gateway.ts";
import { MemoryLog } from "../fixtures/memory-log.ts";
import { testMetrics } from "../fixtures/memory-metrics.ts";
import { prepareSchema } from "../store/database.ts";
import { SettingsStore } from "../store/settings-store.ts";
import { GatewayClient } from "./gateway-client.ts";
import { GUILD_DEADLINE_MS } from "./machine-draft.ts";

const GUILD = "100000000000000001";
const TOKEN = "client-test-bot-token-0123456789-abcdef";

let gateway: FakeGateway;
let settings: SettingsStore;
let log: MemoryLog;
let client: GatewayClient;
let heard: { name: string; seq: number; data: unknown }[];
let states: GatewayState[];
let guildDue: boolean;
let answered: number[];

function create(compress = false): GatewayClient {
  client = new GatewayClient({
    apiUrl: gateway.apiUrl,
    token: TOKEN,
    compress,
    settings,
    log,
    metrics: testMetrics(),
    onDispatch: (session, name, data) => {
      settings.saveSession(session);
      heard.push({ name, seq: session.seq, data });
    },
    onState: (state) => states.push(state),
    onAnswered: (sentAt) => answered.push(sentAt),
    guildDue: () => guildDue,
    now: Date.now,
    // Without jitter a reconnect is immediate, and the first heartbeat is sent with the connection.
    random: () => 0,
  });
  return client;
}

async function connected(): Promise<void> {
  await vi.waitUntil(() => states.at(-1) === "connected", SOON);
}

beforeEach(async () => {
  gateway = new FakeGateway();
  await gateway.listen();
  gateway.guilds = [{ id: GUILD, channels: [{ id: "c1", type: 2, name: "one" }] }];
  const db = new DatabaseSync(":memory:");
  prepareSchema(db);
  settings = new SettingsStore(db);
  log = new MemoryLog();
  heard = [];
  states = [];
  guildDue = false;
  answered = [];
});

afterEach(async () => {
  await client.stop();
  await gateway.close();
});

describe("connecting", () => {
  test("waits a limited time for a guild that Discord lists but does not serve", async () => {
    const timers = vi.spyOn(globalThis, "setTimeout");
    guildDue = true;
    create().start();
    await connected();
    await vi.waitUntil(() => heard.length === 2, SOON);
    expect(timers.mock.calls.filter(([, ms]) => ms === GUILD_DEADLINE_MS)).toHaveLength(1);
    timers.mockRestore();
  });

  test("reads GET /gateway/bot, identifies, sends heartbeats, and names itself everywhere", async () => {
    create().start();
    await connected();
    await vi.waitUntil(() => gateway.count(1) > 0, SOON);
    expect(gateway.restCalls).toEqual([
      {
        url: "/api/v10/gateway/bot",
        authorization: `Bot ${TOKEN}`,
        userAgent: expect.stringMatching(/^DiscordBot \(.+, .+\)$/),
      },
    ]);
    expect(gateway.last?.url.pathname).toBe("/base");
    expect(gateway.last?.url.search).toBe("?v=10&encoding=json");
    expect(gateway.last?.userAgent).toMatch(/^DiscordBot \(/);
    const identify = gateway.last?.frames.find(({ op }) => op === 2);
    expect(identify?.d).toMatchObject({ token: TOKEN, intents: (1 << 0) | (1 << 7) });
    await vi.waitUntil(() => heard.length === 2, SOON);
    expect(heard.map(({ name }) => name)).toEqual(["READY", "GUILD_CREATE"]);
    expect(settings.session()).toEqual({
      sessionId: "session-1",
      resumeUrl: gateway.address("/resume"),
      seq: 2,
    });
  });

  test("REST that is not available at first is tried again", async () => {
    gateway.restScript.push({ status: 503, body: {} }, { status: 200, body: { url: "?" } });
    create().start();
    await connected();
    expect(gateway.restCalls).toHaveLength(3);
  });

  test("a token that REST refuses is not tried again", async () => {
    gateway.restScript.push({ status: 401, body: { message: "401: Unauthorized" } });
    create().start();
    await vi.waitUntil(() => client.status.phase === "fatal", SOON);
    expect(client.status.obstacle).toContain("DISCORD_BOT_TOKEN");
    expect(log.has("alert", "not tried again")).toBe(true);
    expect(gateway.connections).toHaveLength(0);
  });

  test("a token that the gateway refuses is not tried again", async () => {
    create().start();
    await connected();
    gateway.last?.close(4004);
    await vi.waitUntil(() => client.status.phase === "fatal", SOON);
    expect(states.at(-1)).toBe("down");
    expect(gateway.connections).toHaveLength(1);
  });

  test("never logs the token", async () => {
    create().start();
    await connected();
    gateway.last?.close(4000);
    await vi.waitUntil(() => gateway.count(6) === 1, SOON);
    expect(JSON.stringify(log.lines)).not.toContain(TOKEN);
  });
});

describe("reconnecting", () => {
  test("op 7: resumes at the resume URL and gets what it missed", async () => {
    create().start();
    await connected();
    gateway.askToReconnect();
    gateway.voice(GUILD, "u1", "c1");
    await vi.waitUntil(() => heard.some(({ name }) => name === "RESUMED"), SOON);
    expect(gateway.connections[0]?.closeCode).toBe(4000);
    expect(gateway.last?.url.pathname).toBe("/resume");
    expect(gateway.last?.url.search).toBe("?v=10&encoding=json");
    expect(heard.map(({ name }) => name)).toEqual([
      "READY",
      "GUILD_CREATE",
      "VOICE_STATE_UPDATE",
      "RESUMED",
    ]);
    expect(gateway.count(2)).toBe(1);
  });

  test("a connection that was cut is resumed", async () => {
    create().start();
    await connected();
    gateway.last?.terminate();
    await vi.waitUntil(() => heard.some(({ name }) => name === "RESUMED"), SOON);
    expect(states).toEqual(["down", "connected", "resuming", "connected"]);
  });

  test("a connection that no longer answers heartbeats is closed with a resumable code and resumed", async () => {
    gateway.heartbeatIntervalMs = 40;
    gateway.answerHeartbeats = false;
    create().start();
    await vi.waitUntil(() => gateway.connections[0]?.closeCode === 4000, SOON);
    expect(answered).toEqual([]);
    gateway.answerHeartbeats = true;
    await vi.waitUntil(() => heard.some(({ name }) => name === "RESUMED"), SOON);
    await vi.waitUntil(() => answered.length > 0, SOON);
    expect(gateway.connections.length).toBeGreaterThan(1);
  });

  test("op 9 false after a RESUME: a new session at the base URL", async () => {
    settings.saveSession({ sessionId: "lost", resumeUrl: gateway.address("/resume"), seq: 9 });
    create().start();
    await connected();
    expect(gateway.connections.map(({ url }) => url.pathname)).toEqual(["/resume", "/base"]);
    expect(settings.session()?.sessionId).toBe("session-1");
  });

  test("a frame that is not JSON ends the connection, not the session", async () => {
    create().start();
    await connected();
    gateway.last?.sendText("{oops");
    await vi.waitUntil(() => heard.some(({ name }) => name === "RESUMED"), SOON);
  });
});

test("a stop closes with a resumable code; the next process resumes", async () => {
  create().start();
  await connected();
  await client.stop();
  await vi.waitUntil(() => gateway.connections[0]?.closeCode !== null, SOON);
  expect(gateway.connections[0]?.closeCode).toBe(4000);
  gateway.voice(GUILD, "u1", "c1");
  create().start();
  await vi.waitUntil(() => heard.some(({ name }) => name === "RESUMED"), SOON);
  expect(heard.map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
});

test("an IDENTIFY counts for the next process too", async () => {
  create().start();
  await connected();
  expect(settings.identifyRecord().streak).toBe(1);
});

describe("zlib-stream", () => {
  test("one context for each connection, large payloads and many small ones", async () => {
    const channels = Array.from({ length: 20_000 }, (_, i) => ({
      id: `c${i}`,
      type: 2,
      name: `channel number ${(i * 7919) % 20_011}`,
    }));
    gateway.guilds = [{ id: GUILD, channels }];
    create(true).start();
    await vi.waitUntil(() => heard.length === 2, SOON);
    expect(gateway.last?.url.searchParams.get("compress")).toBe("zlib-stream");
    for (let i = 0; i < 500; i += 1) gateway.voice(GUILD, `u${i}`, "c1");
    await vi.waitUntil(() => heard.length === 502, SOON);
    expect(heard[1]?.data).toMatchObject({ channels: { length: 20_000 } });
    expect(heard.map(({ seq }) => seq)).toEqual(Array.from({ length: 502 }, (_, i) => i + 1));

    gateway.last?.terminate();
    await vi.waitUntil(() => heard.some(({ name }) => name === "RESUMED"), SOON);
    expect(gateway.last?.url.search).toBe("?v=10&encoding=json&compress=zlib-stream");
    gateway.voice(GUILD, "u1", "c2");
    await vi.waitUntil(() => heard.at(-1)?.name === "VOICE_STATE_UPDATE", SOON);
  });

  test("a broken stream ends the connection, not the session", async () => {
    create(true).start();
    await connected();
    gateway.last?.sendRaw(Buffer.from([1, 2, 3, 0, 0, 0xff, 0xff]));
    await vi.waitUntil(() => heard.some(({ name }) => name === "RESUMED"), SOON);
    expect(gateway.count(2)).toBe(1);
  });

  test("a frame right before a close is handled before the close", async () => {
    create(true).start();
    await connected();
    gateway.voice(GUILD, "u1", "c1");
    gateway.last?.closeSoon(4000);
    await vi.waitUntil(() => heard.some(({ name }) => name === "RESUMED"), SOON);
    expect(heard.filter(({ name }) => name === "VOICE_STATE_UPDATE")).toHaveLength(1);
    // The frame was handled before the close, not in the replay: the resume requests only later events.
    expect(gateway.last?.frames.find(({ op }) => op === 6)?.d).toMatchObject({ seq: 3 });
  });
});

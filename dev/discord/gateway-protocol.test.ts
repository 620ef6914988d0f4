import { once } from "node:events";
import { describe, expect, it, vi } from "vitest";
import { LOBBY } from "./seed.ts";
import { SOON } from "../../src/testing/soon.ts";
import { REPLAY_EVENTS_MAX } from "./gateway/session.ts";
import type { LocalDiscord } from "./local-discord.ts";
import { control } from "../doubles/control.ts";
import { call, GUILD, INTENTS, PLAYER, RawClient, startForTest } from "./test-client.ts";

const GUILDS = 1 << 0;

async function ready(discord: LocalDiscord, changes = {}): Promise<RawClient> {
  const client = await new RawClient(discord).opened();
  client.identify(changes);
  await client.dispatch("READY");
  return client;
}

/** A session whose client has disconnected without a close frame. */
async function lostSession(discord: LocalDiscord): Promise<{ id: unknown; seq: number }> {
  const client = await ready(discord);
  const { session_id: id } = await client.dispatch("READY");
  await client.dispatch("GUILD_CREATE");
  const seq = client.received.findLast(({ s }) => s !== null)?.s ?? 0;
  client.socket.terminate();
  await disconnected(discord);
  return { id, seq };
}

async function disconnected(discord: LocalDiscord): Promise<void> {
  for (;;) {
    const { gateway } = await control(discord, "GET", "/state");
    if (Object(gateway).connected === false) return;
  }
}

describe("the local gateway", () => {
  it("sends HELLO first, answers a heartbeat at any time, and requests one on command", async () => {
    const discord = await startForTest({ heartbeatIntervalMs: 4_321 });
    const client = new RawClient(discord);
    expect((await client.next(10)).d).toMatchObject({ heartbeat_interval: 4_321 });
    client.send({ op: 1, d: null });
    await client.next(11);
    client.identify();
    await client.dispatch("GUILD_CREATE");
    expect(client.events()).toEqual(["READY", "GUILD_CREATE"]);
    await control(discord, "POST", "/gateway", { action: "heartbeat" });
    await client.next(1);
  });

  it("gives the client's own host as the address for a resume", async () => {
    const discord = await startForTest();
    const url = discord.url.replace("127.0.0.1", "localhost");
    const client = await new RawClient({ ...discord, url }).opened();
    client.identify();
    const { resume_gateway_url: back } = await client.dispatch("READY");
    expect(back).toBe(url.replace("http", "ws"));
  });

  it("leaves IDENTIFY and RESUME unanswered on command, and still answers heartbeats", async () => {
    const discord = await startForTest();
    const { id, seq } = await lostSession(discord);
    await control(discord, "POST", "/gateway", { action: "unanswered", times: 2 });
    const clients = [];
    for (const login of ["identify", "resume", "resume"]) {
      const client = await new RawClient(discord).opened();
      clients.push(client);
      if (login === "identify") client.identify();
      else client.resume(id, seq);
      client.send({ op: 1, d: null });
      await client.next(11);
    }
    await clients.at(-1)?.dispatch("RESUMED");
    expect(clients.map((client) => client.events())).toEqual([[], [], ["RESUMED"]]);
  });

  it("returns members that are requested by id or by the start of a name", async () => {
    const discord = await startForTest();
    const client = await ready(discord);
    const ask = async (d: Record<string, unknown>): Promise<Record<string, unknown>> => {
      client.send({ op: 8, d: { guild_id: GUILD, limit: 2, ...d } });
      const answers = () => client.received.filter(({ t }) => t === "GUILD_MEMBERS_CHUNK");
      await vi.waitUntil(
        () => answers().some(({ d: data }) => Object(data).nonce === d["nonce"]),
        SOON,
      );
      return Object(answers().at(-1)?.d);
    };
    expect(await ask({ query: "PLAYER-", nonce: "a" })).toMatchObject({
      guild_id: GUILD,
      chunk_index: 0,
      chunk_count: 1,
      members: [{ user: { username: "player-1" } }, { user: { username: "player-2" } }],
    });
    expect(await ask({ user_ids: [PLAYER, "7"], limit: 0, nonce: "b" })).toMatchObject({
      members: [{ user: { id: PLAYER } }],
      not_found: ["7"],
    });
    // A request for all members would need a privileged intent.
    expect(await ask({ query: "", limit: 0, nonce: "c" })).toMatchObject({ members: [] });
  });

  it.each([
    ["another version", "?v=9&encoding=json", 4012],
    ["no version", "?encoding=json", 4012],
    ["another encoding", "?v=10&encoding=etf", 4002],
  ])("refuses %s", async (_, query, code) => {
    const client = new RawClient(await startForTest(), query);
    expect(await client.closed()).toBe(code);
  });

  it.each<[string, unknown, number]>([
    ["invalid JSON", "{", 4002],
    ["JSON that is not a payload", [1], 4002],
    ["a payload of 4097 bytes", `{"op":1,"d":"${"x".repeat(4_082)}"}`, 4002],
    ["an unknown opcode", { op: 99, d: {} }, 4001],
    ["an opcode that only the server sends", { op: 7, d: null }, 4001],
    ["anything before IDENTIFY", { op: 3, d: {} }, 4003],
    ["an IDENTIFY without data", { op: 2, d: null }, 4002],
    ["a wrong token", { op: 2, d: { token: "no", intents: INTENTS, properties: {} } }, 4004],
    ["a RESUME with a wrong token", { op: 6, d: { token: "no", session_id: "x", seq: 1 } }, 4004],
  ])("closes on %s", async (_, payload, code) => {
    const client = await new RawClient(await startForTest()).opened();
    client.send(payload);
    expect(await client.closed()).toBe(code);
  });

  it.each<[string, Record<string, unknown>, number]>([
    ["no intents", { intents: undefined }, 4013],
    ["unknown intents", { intents: 1 << 30 }, 4013],
    ["privileged intents", { intents: INTENTS | (1 << 15) }, 4014],
    ["an impossible shard", { shard: [1, 1] }, 4010],
    ["half a shard", { shard: [0] }, 4010],
  ])("closes an IDENTIFY with %s", async (_, changes, code) => {
    const client = await new RawClient(await startForTest()).opened();
    client.identify(changes);
    expect(await client.closed()).toBe(code);
  });

  it("accepts a payload of 4096 bytes and 120 payloads in a minute, and closes on one more", async () => {
    const client = await ready(await startForTest());
    client.send(`{"op":1,"d":"${"x".repeat(4_081)}"}`);
    for (let sent = 2; sent < 120; sent += 1) client.send({ op: 1, d: null });
    await vi.waitUntil(() => client.received.filter(({ op }) => op === 11).length === 119, SOON);
    expect(client.closeCode).toBeNull();
    client.send({ op: 1, d: null });
    expect(await client.closed()).toBe(4008);
  });

  it("closes on a second IDENTIFY", async () => {
    const client = await ready(await startForTest());
    client.identify();
    expect(await client.closed()).toBe(4005);
  });

  it("sends only the events of the intents", async () => {
    const discord = await startForTest();
    await control(discord, "POST", "/voice", { userId: PLAYER, channelId: LOBBY });
    const none = await ready(discord, { intents: 0 });
    const guilds = await ready(discord, { intents: GUILDS });
    const voice = await ready(discord, { intents: 1 << 7 });
    expect(await guilds.dispatch("GUILD_CREATE")).toMatchObject({ voice_states: [] });
    await control(discord, "POST", "/voice", { userId: PLAYER, channelId: null });
    await control(discord, "POST", "/channels", { name: "New" });
    await guilds.dispatch("CHANNEL_CREATE");
    await voice.dispatch("VOICE_STATE_UPDATE");
    expect(none.events()).toEqual(["READY"]);
    expect(guilds.events()).toEqual(["READY", "GUILD_CREATE", "CHANNEL_CREATE"]);
    expect(voice.events()).toEqual(["READY", "VOICE_STATE_UPDATE"]);
  });

  it("sends each shard only its own guilds", async () => {
    const discord = await startForTest();
    const shards = await Promise.all([0, 1].map((shard) => ready(discord, { shard: [shard, 2] })));
    const home = Number((BigInt(GUILD) >> 22n) % 2n);
    await shards[home]?.dispatch("GUILD_CREATE");
    await control(discord, "POST", "/channels", { name: "New" });
    await shards[home]?.dispatch("CHANNEL_CREATE");
    expect(shards[1 - home]?.events()).toEqual(["READY"]);
  });

  it("closes with 4009 when the heartbeats stop, and ends that session", async () => {
    const discord = await startForTest({ heartbeatIntervalMs: 400 });
    const client = await ready(discord);
    const { session_id: id } = await client.dispatch("READY");
    expect(await client.closed()).toBe(4009);
    const next = await new RawClient(discord).opened();
    next.resume(id, 1);
    expect((await next.next(9)).d).toBe(false);
  });

  it("replays exactly the missed events, then RESUMED", async () => {
    const discord = await startForTest();
    const { id, seq } = await lostSession(discord);
    for (const name of ["One", "Two"]) await control(discord, "POST", "/channels", { name });
    const client = await new RawClient(discord).opened();
    client.resume(id, seq);
    await client.dispatch("RESUMED");
    expect(client.received.filter(({ op }) => op === 0).map(({ t, s }) => [t, s])).toEqual([
      ["CHANNEL_CREATE", seq + 1],
      ["CHANNEL_CREATE", seq + 2],
      ["RESUMED", seq + 3],
    ]);
    // A second RESUME moves the session from the first connection to the second.
    const other = await new RawClient(discord).opened();
    other.resume(id, seq + 1);
    await other.dispatch("RESUMED");
    expect(other.events()).toEqual(["CHANNEL_CREATE", "RESUMED"]);
    await client.closed();
  });

  it("refuses to resume a session that it can't replay", async () => {
    const discord = await startForTest();
    const unknown = await new RawClient(discord).opened();
    unknown.resume("no-such-session", 1);
    expect((await unknown.next(9)).d).toBe(false);
    // The connection stays open: a client may identify on it.
    unknown.identify();
    await unknown.dispatch("READY");
    unknown.socket.terminate();
    await disconnected(discord);

    const ahead = await lostSession(discord);
    const client = await new RawClient(discord).opened();
    client.resume(ahead.id, ahead.seq + 1);
    expect(await client.closed()).toBe(4007);

    const { id, seq } = await lostSession(discord);
    for (let n = 0; n <= REPLAY_EVENTS_MAX; n += 1) {
      const body = { userId: PLAYER, channelId: LOBBY, selfMute: n % 2 === 0 };
      await control(discord, "POST", "/voice", body);
    }
    const late = await new RawClient(discord).opened();
    late.resume(id, seq);
    expect((await late.next(9)).d).toBe(false);
  });

  it.each([1000, 1001])("ends the session when the client closes with %i", async (code) => {
    const discord = await startForTest();
    const client = await ready(discord);
    const { session_id: id } = await client.dispatch("READY");
    client.socket.close(code);
    await disconnected(discord);
    const next = await new RawClient(discord).opened();
    next.resume(id, 1);
    expect((await next.next(9)).d).toBe(false);
  });

  it("accepts one IDENTIFY per interval, and counts them", async () => {
    const discord = await startForTest({ identifyIntervalMs: 60_000 });
    await ready(discord);
    const hasty = await new RawClient(discord).opened();
    hasty.identify();
    expect((await hasty.next(9)).d).toBe(false);
    expect((await call(discord, "GET", "/gateway/bot")).body).toMatchObject({
      session_start_limit: { total: 1_000, remaining: 999, max_concurrency: 1 },
    });
  });

  it("releases held payloads when a silent connection recovers", async () => {
    const discord = await startForTest();
    const client = await ready(discord);
    await client.dispatch("GUILD_CREATE");
    await control(discord, "POST", "/gateway", { action: "zombie", ms: 200 });
    await control(discord, "POST", "/channels", { name: "New" });
    client.send({ op: 1, d: null });
    await client.dispatch("CHANNEL_CREATE");
    await client.next(11);
    expect(client.closeCode).toBeNull();
  });

  it("refuses connections and calls during an outage, which ends by itself", async () => {
    const discord = await startForTest();
    const client = await ready(discord);
    await control(discord, "POST", "/gateway", { action: "outage" });
    expect(await client.closed()).toBe(1006);
    const refused = new RawClient(discord);
    const [error]: unknown[] = await once(refused.socket, "error");
    expect(String(error)).toContain("503");
    expect((await call(discord, "GET", "/users/@me")).status).toBe(503);
    await control(discord, "POST", "/gateway", { action: "restore" });
    await ready(discord);
    await control(discord, "POST", "/gateway", { action: "outage", ms: 100 });
    await expect.poll(async () => (await call(discord, "GET", "/users/@me")).status).toBe(200);
  });

  it("answers 404 at any other path", async () => {
    const client = new RawClient(await startForTest(), "?v=10", "/other");
    const [error]: unknown[] = await once(client.socket, "error");
    expect(String(error)).toContain("404");
  });
});

import { describe, expect, it, vi } from "vitest";
import { fullPlace, type DiscordCall } from "./call.ts";
import { createDiscordClient } from "./calling-client.ts";
import type { DiscordClient, NewVoiceChannel } from "./discord-client.ts";
import { FullCategories } from "./full-categories.ts";
import { privateOverwrites } from "./private-overwrites.ts";
import { RateLimits } from "./rate-limits.ts";
import { REQUEST_TIMEOUT_MS, sendToDiscord, USER_AGENT } from "./send.ts";

type Sent = { readonly url: string; readonly init: RequestInit };
type Reply = Response | "connection lost";

const TOKEN = "a-token-that-must-not-leak";
const ROOM: NewVoiceChannel = {
  guildId: "1",
  name: "Ünder the ⭐",
  userLimit: 4,
  parentId: null,
  overwrites: null,
  reason: "Opened (room 01H) – ★",
};

/** A client over `replies`, with a clock that only waiting moves. */
function setUp(replies: readonly Reply[], budgetMs = 3_000) {
  const sent: Sent[] = [];
  const waited: number[] = [];
  let now = 0;
  const clock = () => now;
  const limits = new RateLimits();
  const left = [...replies];
  const send = (call: DiscordCall) =>
    sendToDiscord(call, {
      fetch: async (url, init) => {
        sent.push({ url, init });
        const reply = left.shift();
        if (reply === undefined) throw new Error("no reply was prepared");
        if (reply === "connection lost") throw new TypeError("network");
        return reply;
      },
      baseUrl: "https://discord.test/api/v10",
      token: TOKEN,
      limits,
      full: new FullCategories(),
      clock,
      remember: () => {},
    });
  const client: DiscordClient = createDiscordClient({
    send,
    budgetMs,
    clock,
    sleep: async (ms) => {
      waited.push(ms);
      now += ms;
    },
    random: () => 0.5,
  });
  return { client, sent, waited };
}

const bodyOf = (one: Sent | undefined): unknown =>
  typeof one?.init.body === "string" ? JSON.parse(one.init.body) : undefined;
const json = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), { status, headers });
const done = () => new Response(null, { status: 204 });
const reasonOf = ({ headers }: RequestInit) => new Headers(headers).get("X-Audit-Log-Reason");
const created = () => json(201, { id: "77", name: "under", type: 2 });

describe("the Discord client", () => {
  it("creates a voice channel as Discord wants it", async () => {
    const { client, sent } = setUp([created()]);
    expect(await client.createVoiceChannel(ROOM)).toEqual({
      ok: true,
      value: { id: "77", name: "under" },
    });
    const headers = new Headers(sent[0]?.init.headers);
    expect(sent[0]?.url).toBe("https://discord.test/api/v10/guilds/1/channels");
    expect(headers.get("Authorization")).toBe(`Bot ${TOKEN}`);
    expect(headers.get("User-Agent")).toBe(USER_AGENT);
    expect(decodeURIComponent(headers.get("X-Audit-Log-Reason") ?? "")).toBe(ROOM.reason);
    expect(bodyOf(sent[0])).toEqual({
      name: ROOM.name,
      type: 2,
      user_limit: 4,
    });
  });

  it("closes a private channel to everybody but the named users and the bot", async () => {
    const { client, sent } = setUp([created()]);
    const access = { userIds: ["u1", "u2", "u1"], botUserId: "bot" };
    const overwrites = privateOverwrites("1", access);
    await client.createVoiceChannel({ ...ROOM, parentId: "cat", overwrites });
    const talk = String((1 << 10) + (1 << 20) + (1 << 21) + (1 << 9));
    expect(bodyOf(sent[0])).toMatchObject({
      parent_id: "cat",
      permission_overwrites: [
        { id: "1", type: 0, allow: "0", deny: String((1 << 10) + (1 << 20)) },
        { id: "u1", type: 1, allow: talk, deny: "0" },
        { id: "u2", type: 1, allow: talk, deny: "0" },
        { id: "bot", type: 1, allow: String((1 << 10) + (1 << 20) + (1 << 4)), deny: "0" },
      ],
    });
  });

  it("never creates twice: a lost connection and a 500 are left open", async () => {
    const lost = setUp(["connection lost"]);
    expect(await lost.client.createVoiceChannel(ROOM)).toEqual({
      ok: false,
      error: { kind: "unknown_outcome" },
    });
    const failed = setUp([json(500, {})]);
    expect(await failed.client.createVoiceChannel(ROOM)).toEqual({
      ok: false,
      error: { kind: "failed", status: 500 },
    });
    expect([lost.sent.length, failed.sent.length]).toEqual([1, 1]);
  });

  it("waits for a 429 and asks again, also for a create", async () => {
    const { client, sent, waited } = setUp([json(429, { retry_after: 0.4 }), created()]);
    expect((await client.createVoiceChannel(ROOM)).ok).toBe(true);
    expect([sent.length, waited]).toEqual([2, [400]]);
  });

  it("gives up when the wait is longer than its budget", async () => {
    const { client, sent } = setUp([
      json(429, { retry_after: 9 }, { "X-RateLimit-Scope": "shared" }),
    ]);
    expect(await client.createVoiceChannel(ROOM)).toEqual({
      ok: false,
      error: { kind: "rate_limited", retryAfterMs: 9_000 },
    });
    // The next one is told so without a call.
    expect(await client.createVoiceChannel(ROOM)).toMatchObject({
      error: { kind: "rate_limited" },
    });
    expect(sent).toHaveLength(1);
  });

  it("repeats what is safe to repeat, a few times", async () => {
    const good = setUp([json(502, {}), "connection lost", new Response(null, { status: 204 })]);
    expect((await good.client.deleteChannel("5", "ended")).ok).toBe(true);
    expect(good.sent).toHaveLength(3);
    const bad = setUp([json(500, {}), json(500, {}), json(500, {}), created()]);
    expect(await bad.client.getChannel("5")).toEqual({
      ok: false,
      error: { kind: "failed", status: 500 },
    });
    expect(bad.sent).toHaveLength(3);
  });

  it("takes a channel that is gone for deleted", async () => {
    const gone = json(404, { code: 10_003, message: "Unknown Channel" });
    expect((await setUp([gone]).client.deleteChannel("5", "ended")).ok).toBe(true);
    expect(await setUp([json(404, {})]).client.getChannel("5")).toEqual({ ok: true, value: null });
  });

  it("says what Discord refused", async () => {
    const { client } = setUp([json(403, { code: 50_013, message: "Missing Permissions" })]);
    expect(await client.deleteChannel("5", "ended")).toEqual({
      ok: false,
      error: { kind: "refused", status: 403, code: 50_013, message: "Missing Permissions" },
    });
  });

  it("stops calling when its token is refused", async () => {
    const { client, sent } = setUp([json(401, { message: "401: Unauthorized" })]);
    expect(await client.getChannel("5")).toMatchObject({ error: { kind: "unauthorized" } });
    expect(await client.createVoiceChannel(ROOM)).toMatchObject({
      error: { kind: "unauthorized", retryAfterMs: 60_000 },
    });
    expect(sent).toHaveLength(1);
  });

  it("does not believe a body that is not what was asked for", async () => {
    for (const body of ["<html>", "{}", '{"id":7}', "x".repeat(4 * 1024 * 1024 + 1)]) {
      const { client } = setUp([new Response(body, { status: 200 })]);
      expect(await client.createVoiceChannel(ROOM)).toMatchObject({ error: { kind: "failed" } });
    }
    const moved = setUp([new Response(null, { status: 302, headers: { Location: "/" } })]);
    expect(await moved.client.getChannel("5")).toMatchObject({ error: { kind: "failed" } });
  });

  it("gives up on a call that Discord does not answer", async () => {
    vi.useFakeTimers();
    try {
      const answer = sendToDiscord(
        { method: "POST", route: "/guilds/:guildId/channels", params: { guildId: "1" } },
        {
          fetch: (_, init) =>
            new Promise((_resolve, reject) => {
              init.signal?.addEventListener("abort", () => reject(new Error("aborted")));
            }),
          baseUrl: "https://discord.test",
          token: TOKEN,
          limits: new RateLimits(),
          full: new FullCategories(),
          clock: () => 0,
          remember: () => {},
        },
      );
      await vi.advanceTimersByTimeAsync(REQUEST_TIMEOUT_MS);
      expect(await answer).toEqual({ kind: "unknown_outcome" });
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it("finds a channel by the nonce in the audit log", async () => {
    const log = json(200, {
      audit_log_entries: [
        { target_id: "8", reason: null },
        { target_id: "9", reason: "Opened (room 01HX)" },
      ],
    });
    const { client, sent } = setUp([log, json(200, { audit_log_entries: [] })]);
    expect(await client.findByAuditReason("1", "01HX")).toEqual({ ok: true, value: "9" });
    expect(sent[0]?.url).toContain("/guilds/1/audit-logs?action_type=10&limit=100");
    expect(await client.findByAuditReason("1", "01HX")).toEqual({ ok: true, value: null });
  });

  it("makes an invite", async () => {
    const { client, sent } = setUp([
      json(200, { code: "abc", expires_at: "2026-01-01T00:00:00+00:00" }),
    ]);
    expect(await client.createInvite("5", { maxAge: 60 })).toEqual({
      ok: true,
      value: { code: "abc", expiresAt: "2026-01-01T00:00:00.000Z" },
    });
    expect(bodyOf(sent[0])).toEqual({ max_age: 60 });
  });

  it("keeps an id inside its path segment", async () => {
    const { client, sent } = setUp([json(404, {})]);
    await client.getChannel("../../users/@me");
    expect(sent[0]?.url).toBe("https://discord.test/api/v10/channels/..%2F..%2Fusers%2F%40me");
  });

  it("lists a guild's channels, and believes no list that is malformed", async () => {
    const overwrites = [
      { id: "1", type: 0, allow: "0", deny: "1049600" },
      { id: "42", type: 1, allow: "9007199254740993", deny: "0" },
    ];
    const listed = [
      { id: "10", type: 4, name: "Matches", parent_id: null },
      { id: "11", type: 2, name: "Lobby", parent_id: "10", permission_overwrites: overwrites },
    ];
    const { client, sent } = setUp([json(200, listed)]);
    expect(await client.listChannels("1")).toEqual({
      ok: true,
      value: [
        { id: "10", name: "Matches", type: 4, parentId: null, overwrites: [] },
        {
          id: "11",
          name: "Lobby",
          type: 2,
          parentId: "10",
          overwrites: [
            { id: "1", kind: "role", allow: 0n, deny: 1_049_600n },
            { id: "42", kind: "member", allow: 9_007_199_254_740_993n, deny: 0n },
          ],
        },
      ],
    });
    expect([sent[0]?.init.method, sent[0]?.url]).toEqual([
      "GET",
      "https://discord.test/api/v10/guilds/1/channels",
    ]);
    const [category, lobby] = listed;
    const bad = { ...lobby, permission_overwrites: [{ ...overwrites[0], allow: "-1" }] };
    for (const body of [{}, [category, {}], [bad], [{ ...category, id: "../1" }]]) {
      expect(await setUp([json(200, body)]).client.listChannels("1")).toEqual({
        ok: false,
        error: { kind: "failed", status: 200 },
      });
    }
  });

  it("sets an overwrite and takes it away; one that is not there is away", async () => {
    const absent = json(404, { code: 10_009, message: "Unknown Overwrite" });
    const { client, sent } = setUp([done(), done(), absent]);
    const overwrite = { id: "7", kind: "member", allow: 1_024n, deny: 0n } as const;
    expect((await client.setOverwrite("5", overwrite, "joined")).ok).toBe(true);
    expect((await client.removeOverwrite("5", "7", "left")).ok).toBe(true);
    expect((await client.removeOverwrite("5", "7", "left")).ok).toBe(true);
    expect(sent.map(({ init, url }) => [init.method, url, reasonOf(init)])).toEqual([
      ["PUT", "https://discord.test/api/v10/channels/5/permissions/7", "joined"],
      ["DELETE", "https://discord.test/api/v10/channels/5/permissions/7", "left"],
      ["DELETE", "https://discord.test/api/v10/channels/5/permissions/7", "left"],
    ]);
    expect(bodyOf(sent[0])).toEqual({ type: 1, allow: "1024", deny: "0" });
    const gone = setUp([json(404, { code: 10_003, message: "Unknown Channel" })]);
    expect(await gone.client.removeOverwrite("5", "7", "left")).toMatchObject({
      ok: false,
      error: { kind: "refused", code: 10_003 },
    });
  });

  it("moves who is in voice, and says why somebody cannot be moved", async () => {
    const { client, sent } = setUp([json(200, {}), json(200, {})]);
    expect(await client.moveMember("1", "7", "5", "match")).toEqual({ ok: true, value: "moved" });
    expect(await client.moveMember("1", "7", null, "match")).toEqual({ ok: true, value: "moved" });
    expect(sent[0]?.url).toBe("https://discord.test/api/v10/guilds/1/members/7");
    expect(sent.map(bodyOf)).toEqual([{ channel_id: "5" }, { channel_id: null }]);
    for (const [code, status, value] of [
      [40_032, 400, "not_in_voice"],
      [10_007, 404, "not_member"],
      [10_013, 404, "not_member"],
    ] as const) {
      const refused = setUp([json(status, { code })]);
      expect(await refused.client.moveMember("1", "7", "5", "m")).toEqual({ ok: true, value });
    }
    for (const [code, status] of [
      [50_013, 403],
      [10_003, 404],
    ] as const) {
      const refused = setUp([json(status, { code, message: "No" })]);
      expect(await refused.client.moveMember("1", "7", "5", "m")).toEqual({
        ok: false,
        error: { kind: "refused", status, code, message: "No" },
      });
    }
  });

  it("knows who is in a guild", async () => {
    const { client, sent } = setUp([json(200, { user: { id: "7" } })]);
    expect(await client.isMember("1", "7")).toEqual({ ok: true, value: true });
    expect(sent[0]?.init.method).toBe("GET");
    expect(sent[0]?.url).toBe("https://discord.test/api/v10/guilds/1/members/7");
    const left = setUp([json(404, { code: 10_007 })]);
    expect(await left.client.isMember("1", "7")).toEqual({ ok: true, value: false });
    const refused = setUp([json(403, { code: 50_001, message: "No" })]);
    expect((await refused.client.isMember("1", "7")).ok).toBe(false);
  });

  it("writes to somebody, and takes a closed door for an answer", async () => {
    const open = () => json(200, { id: "900", type: 1 });
    const { client, sent } = setUp([open(), json(200, { id: "1" })]);
    const button = { label: "Enter", url: "https://discord.com/channels/1/5" };
    expect(await client.sendDirectMessage("7", { content: "@everyone <@8>", button })).toEqual({
      ok: true,
      value: "sent",
    });
    expect(sent.map(({ url }) => url)).toEqual([
      "https://discord.test/api/v10/users/@me/channels",
      "https://discord.test/api/v10/channels/900/messages",
    ]);
    expect(bodyOf(sent[0])).toEqual({ recipient_id: "7" });
    expect(bodyOf(sent[1])).toEqual({
      content: "@everyone <@8>",
      allowed_mentions: { parse: [] },
      components: [{ type: 1, components: [{ type: 2, style: 5, ...button }] }],
    });
    for (const code of [50_007, 50_278]) {
      const closed = [setUp([open(), json(403, { code })]), setUp([json(403, { code })])];
      for (const { client: one } of closed) {
        expect(await one.sendDirectMessage("7", { content: "Hello" })).toEqual({
          ok: true,
          value: "closed",
        });
      }
    }
  });

  it("never writes twice when nobody knows whether a message arrived", async () => {
    const { client, sent } = setUp(["connection lost"]);
    expect(await client.sendMessage("5", { content: "Hello" })).toEqual({
      ok: false,
      error: { kind: "unknown_outcome" },
    });
    expect(sent).toHaveLength(1);
    expect(bodyOf(sent[0])).toEqual({ content: "Hello", allowed_mentions: { parse: [] } });
  });

  it("tells a category that is full from a guild that is, and from another bad form", async () => {
    const form = (code: string) => ({
      code: 50_035,
      message: "Invalid Form Body",
      errors: { parent_id: { _errors: [{ code, message: "Upstream text" }] } },
    });
    const refusals = [
      form("CHANNEL_PARENT_MAX_CHANNELS"),
      { code: 30_013, message: "Maximum number of server channels reached (500)" },
      form("CHANNEL_PARENT_INVALID"),
      { ...form("<b>"), errors: [[[[[[[[{ code: "CHANNEL_PARENT_MAX_CHANNELS" }]]]]]]]] },
      { code: 50_013 },
    ];
    const { client } = setUp(refusals.map((body) => json(400, body)));
    const places = [];
    for (const _ of refusals) {
      const refused = await client.createVoiceChannel(ROOM);
      places.push(refused.ok ? "made" : fullPlace(refused.error));
      expect(JSON.stringify(refused)).not.toContain("Upstream");
    }
    expect(places).toEqual(["category", "guild", null, null, null]);
  });
});

import { describe, expect, it, vi } from "vitest";
import { bodyOf, discordWithReplies, json, ROOM, TOKEN } from "../../testing/discord-replies.ts";
import { FullCategories } from "./full-categories.ts";
import { RateLimits } from "./rate-limits.ts";
import { USER_AGENT } from "../../protocol/outbound.ts";
import { REQUEST_TIMEOUT_MS, sendToDiscord } from "./send.ts";

const created = () => json(201, { id: "77", name: "under", type: 2 });

describe("the Discord client", () => {
  it("creates a voice channel with the request that Discord documents", async () => {
    const { client, sent } = discordWithReplies([created()]);
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

  it("never repeats a create after a lost connection or a 500, whose outcome is unknown", async () => {
    const lost = discordWithReplies(["connection lost"]);
    expect(await lost.client.createVoiceChannel(ROOM)).toEqual({
      ok: false,
      error: { kind: "unknown_outcome" },
    });
    const failed = discordWithReplies([json(500, {})]);
    expect(await failed.client.createVoiceChannel(ROOM)).toEqual({
      ok: false,
      error: { kind: "failed", status: 500 },
    });
    expect([lost.sent.length, failed.sent.length]).toEqual([1, 1]);
  });

  it("waits after a 429 and repeats the call, also a create", async () => {
    const { client, sent, waited } = discordWithReplies([
      json(429, { retry_after: 0.4 }),
      created(),
    ]);
    expect((await client.createVoiceChannel(ROOM)).ok).toBe(true);
    expect([sent.length, waited]).toEqual([2, [400]]);
  });

  it("gives up when the wait is longer than its budget", async () => {
    const { client, sent } = discordWithReplies([
      json(429, { retry_after: 9 }, { "X-RateLimit-Scope": "shared" }),
    ]);
    expect(await client.createVoiceChannel(ROOM)).toEqual({
      ok: false,
      error: { kind: "rate_limited", retryAfterMs: 9_000 },
    });
    // The next operation is refused without a call.
    expect(await client.createVoiceChannel(ROOM)).toMatchObject({
      error: { kind: "rate_limited" },
    });
    expect(sent).toHaveLength(1);
  });

  it("repeats idempotent calls a few times", async () => {
    const good = discordWithReplies([
      json(502, {}),
      "connection lost",
      new Response(null, { status: 204 }),
    ]);
    expect((await good.client.deleteChannel("5", "ended")).ok).toBe(true);
    expect(good.sent).toHaveLength(3);
    const bad = discordWithReplies([json(500, {}), json(500, {}), json(500, {}), created()]);
    expect(await bad.client.getChannel("5")).toEqual({
      ok: false,
      error: { kind: "failed", status: 500 },
    });
    expect(bad.sent).toHaveLength(3);
  });

  it("counts a missing channel as deleted", async () => {
    const gone = json(404, { code: 10_003, message: "Unknown Channel" });
    expect((await discordWithReplies([gone]).client.deleteChannel("5", "ended")).ok).toBe(true);
    expect(await discordWithReplies([json(404, {})]).client.getChannel("5")).toEqual({
      ok: true,
      value: null,
    });
  });

  it("returns Discord's status, code and message when it refuses", async () => {
    const { client } = discordWithReplies([
      json(403, { code: 50_013, message: "Missing Permissions" }),
    ]);
    expect(await client.deleteChannel("5", "ended")).toEqual({
      ok: false,
      error: { kind: "refused", status: 403, code: 50_013, message: "Missing Permissions" },
    });
  });

  it("stops calling when its token is refused", async () => {
    const { client, sent } = discordWithReplies([json(401, { message: "401: Unauthorized" })]);
    expect(await client.getChannel("5")).toMatchObject({ error: { kind: "unauthorized" } });
    expect(await client.createVoiceChannel(ROOM)).toMatchObject({
      error: { kind: "unauthorized", retryAfterMs: 60_000 },
    });
    expect(sent).toHaveLength(1);
  });

  it("fails on a body that is not as documented", async () => {
    for (const body of ["<html>", "{}", '{"id":7}', "x".repeat(4 * 1024 * 1024 + 1)]) {
      const { client } = discordWithReplies([new Response(body, { status: 200 })]);
      expect(await client.createVoiceChannel(ROOM)).toMatchObject({ error: { kind: "failed" } });
    }
    const moved = discordWithReplies([
      new Response(null, { status: 302, headers: { Location: "/" } }),
    ]);
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
    const { client, sent } = discordWithReplies([log, json(200, { audit_log_entries: [] })]);
    expect(await client.findByAuditReason("1", "01HX")).toEqual({ ok: true, value: "9" });
    expect(sent[0]?.url).toContain("/guilds/1/audit-logs?action_type=10&limit=100");
    expect(await client.findByAuditReason("1", "01HX")).toEqual({ ok: true, value: null });
  });

  it("creates an invite", async () => {
    const { client, sent } = discordWithReplies([
      json(200, { code: "abc", expires_at: "2026-01-01T00:00:00+00:00" }),
    ]);
    expect(await client.createInvite("5", { maxAge: 60 })).toEqual({
      ok: true,
      value: { code: "abc", expiresAt: "2026-01-01T00:00:00.000Z" },
    });
    expect(bodyOf(sent[0])).toEqual({ max_age: 60 });
  });

  it("keeps an id inside its path segment", async () => {
    const { client, sent } = discordWithReplies([json(404, {})]);
    await client.getChannel("../../users/@me");
    expect(sent[0]?.url).toBe("https://discord.test/api/v10/channels/..%2F..%2Fusers%2F%40me");
  });
});

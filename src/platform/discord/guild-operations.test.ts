import { describe, expect, it, vi } from "vitest";
import { bodyOf, discordWithReplies, json, ROOM } from "../../testing/discord-replies.ts";
import { fullPlace } from "./call.ts";

const done = () => new Response(null, { status: 204 });
const reasonOf = ({ headers }: RequestInit) => new Headers(headers).get("X-Audit-Log-Reason");

describe("the Discord client, for matches", () => {
  it("lists the readable channels of a guild, and fails when the answer is no list", async () => {
    const overwrites = [
      { id: "1", type: 0, allow: "0", deny: "1049600" },
      { id: "42", type: 1, allow: "9007199254740993", deny: "0" },
    ];
    const listed = [
      { id: "10", type: 4, name: "Matches", parent_id: null },
      { id: "11", type: 2, name: "Lobby", parent_id: "10", permission_overwrites: overwrites },
    ];
    const { client, sent } = discordWithReplies([json(200, listed)]);
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
    const odd = [
      { ...lobby, permission_overwrites: [{ ...overwrites[0], allow: "-1" }, overwrites[1]] },
      { ...lobby, id: "12", type: "voice", name: 7, parent_id: {}, permission_overwrites: "none" },
      { ...category, id: "../1" },
      {},
      null,
      category,
    ];
    const warn = vi.spyOn(console, "warn").mockReturnValue();
    const read = await discordWithReplies([json(200, odd)]).client.listChannels("1");
    expect(read.ok && read.value.map(({ id, type }) => [id, type])).toEqual([
      ["11", 2],
      ["12", -1],
      ["10", 4],
    ]);
    expect(read.ok && read.value[0]?.overwrites.map(({ id }) => id)).toEqual(["42"]);
    expect(read.ok && read.value[1]).toMatchObject({ name: "", parentId: null, overwrites: [] });
    expect(String(warn.mock.calls.at(-1))).toContain('"what":"channels","skipped":3');
    warn.mockRestore();
    for (const body of [{}, null, "[]"]) {
      expect(await discordWithReplies([json(200, body)]).client.listChannels("1")).toEqual({
        ok: false,
        error: { kind: "failed", status: 200 },
      });
    }
  });

  it("sets and removes an overwrite, and counts a missing one as removed", async () => {
    const absent = json(404, { code: 10_009, message: "Unknown Overwrite" });
    const { client, sent } = discordWithReplies([done(), done(), absent]);
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
    const gone = discordWithReplies([json(404, { code: 10_003, message: "Unknown Channel" })]);
    expect(await gone.client.removeOverwrite("5", "7", "left")).toMatchObject({
      ok: false,
      error: { kind: "refused", code: 10_003 },
    });
  });

  it("moves a member who is in voice, and reports why a member cannot be moved", async () => {
    const { client, sent } = discordWithReplies([json(200, {}), json(200, {})]);
    expect(await client.moveMember("1", "7", "5", "match")).toEqual({ ok: true, value: "moved" });
    expect(await client.moveMember("1", "7", null, "match")).toEqual({ ok: true, value: "moved" });
    expect(sent[0]?.url).toBe("https://discord.test/api/v10/guilds/1/members/7");
    expect(sent.map(bodyOf)).toEqual([{ channel_id: "5" }, { channel_id: null }]);
    for (const [code, status, value] of [
      [40_032, 400, "not_in_voice"],
      [10_007, 404, "not_member"],
      [10_013, 404, "not_member"],
    ] as const) {
      const refused = discordWithReplies([json(status, { code })]);
      expect(await refused.client.moveMember("1", "7", "5", "m")).toEqual({ ok: true, value });
    }
    for (const [code, status] of [
      [50_013, 403],
      [10_003, 404],
    ] as const) {
      const refused = discordWithReplies([json(status, { code, message: "No" })]);
      expect(await refused.client.moveMember("1", "7", "5", "m")).toEqual({
        ok: false,
        error: { kind: "refused", status, code, message: "No" },
      });
    }
  });

  it("finds out whether a user is in a guild", async () => {
    const { client, sent } = discordWithReplies([json(200, { user: { id: "7" } })]);
    expect(await client.isMember("1", "7")).toEqual({ ok: true, value: true });
    expect(sent[0]?.init.method).toBe("GET");
    expect(sent[0]?.url).toBe("https://discord.test/api/v10/guilds/1/members/7");
    const left = discordWithReplies([json(404, { code: 10_007 })]);
    expect(await left.client.isMember("1", "7")).toEqual({ ok: true, value: false });
    const refused = discordWithReplies([json(403, { code: 50_001, message: "No" })]);
    expect((await refused.client.isMember("1", "7")).ok).toBe(false);
  });

  it("sends a direct message, and returns `closed` when the user does not accept any", async () => {
    const open = () => json(200, { id: "900", type: 1 });
    const { client, sent } = discordWithReplies([open(), json(200, { id: "1" })]);
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
      const closed = [
        discordWithReplies([open(), json(403, { code })]),
        discordWithReplies([json(403, { code })]),
      ];
      for (const { client: one } of closed) {
        expect(await one.sendDirectMessage("7", { content: "Hello" })).toEqual({
          ok: true,
          value: "closed",
        });
      }
    }
  });

  it("never repeats a message when its outcome is unknown", async () => {
    const { client, sent } = discordWithReplies(["connection lost"]);
    expect(await client.sendMessage("5", { content: "Hello" })).toEqual({
      ok: false,
      error: { kind: "unknown_outcome" },
    });
    expect(sent).toHaveLength(1);
    expect(bodyOf(sent[0])).toEqual({ content: "Hello", allowed_mentions: { parse: [] } });
  });

  it("distinguishes a full category from a full guild and from another invalid form", async () => {
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
    const { client } = discordWithReplies(refusals.map((body) => json(400, body)));
    const places = [];
    for (const _ of refusals) {
      const refused = await client.createVoiceChannel(ROOM);
      places.push(refused.ok ? "made" : fullPlace(refused.error));
      expect(JSON.stringify(refused)).not.toContain("Upstream");
    }
    expect(places).toEqual(["category", "guild", null, null, null]);
  });
});

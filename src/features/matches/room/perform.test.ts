import { describe, expect, it } from "vitest";
import type { DiscordFailure } from "../../../platform/discord/call.ts";
import type { GuildChannel, PermissionOverwrite } from "../../../platform/discord/operations.ts";
import { err, ok, type Result } from "../../../platform/result.ts";
import { faceitMatch, MATCH_ID, rosters } from "../../../testing/faceit-matches.ts";
import { DEFAULT_MATCH_SETTINGS } from "../../../testing/virtual-match.ts";
import type { MatchSettings } from "../config.ts";
import type { FaceitMatch } from "../faceit-match.ts";
import type { FaceitFailure, MatchRecord, PerformPorts } from "../ports.ts";
import type { Action } from "./action.ts";
import { isOurs, perform } from "./perform.ts";
import { newRoom, type RoomState } from "./room-state.ts";
import type { Outcome } from "./settle.ts";

const REASON = `FACEIT match ${MATCH_ID}`;
const NOW = 1_800_000_000_000;
const GUILD = "100";
const BOT = "bot";
/** The figures of matches-and-music.md §A4. */
const ENTER = 1_049_600n;
const PLAYER = 36_701_696n;
const MOVING_BOT = 17_826_832n;
const STILL_BOT = 34_604_048n;

const STATE: RoomState = {
  ...newRoom(MATCH_ID, GUILD, NOW),
  match: faceitMatch("READY", 1, rosters()),
};
const faction = "faction1";
const CREATE = {
  kind: "create",
  faction,
  name: "n",
  withCategory: true,
  withStaff: true,
  withMoving: true,
} as const;

type World = {
  readonly config: Partial<MatchSettings>;
  readonly bot: Result<string, DiscordFailure>;
  readonly channels: Result<readonly GuildChannel[], DiscordFailure>;
  readonly faceit: Result<FaceitMatch, FaceitFailure>;
  /** What becomes of a message to a channel. */
  readonly sent: Result<undefined, DiscordFailure>;
  /** Whether nobody has told this trouble yet. */
  readonly isNews: boolean;
};

/** Everything that was asked for, in order, and what came of it. */
async function doing(action: Action, world: Partial<World> = {}, state = STATE) {
  const calls: unknown[] = [];
  const call =
    <T>(name: string, answer: T) =>
    async (...values: unknown[]): Promise<T> => {
      calls.push([name, ...values]);
      return answer;
    };
  const done = ok(undefined);
  const ports: PerformPorts = {
    faceit: {
      match: async () => world.faceit ?? err({ kind: "failed" }),
      playerByNickname: async () => ok(null),
    },
    discord: {
      botUserId: async () => world.bot ?? ok(BOT),
      createVoiceChannel: call("create", ok({ id: "c1", name: "n" })),
      deleteChannel: call("delete", done),
      listChannels: async () => world.channels ?? ok([]),
      setOverwrite: call("set", done),
      removeOverwrite: call("remove", done),
      moveMember: call("move", ok("moved" as const)),
      sendDirectMessage: call("direct", ok("sent" as const)),
      sendMessage: call("send", world.sent ?? done),
    },
    store: {
      write: call("write", undefined),
      get: async () => null,
      list: async () => [],
      liveMatchesOf: async () => [],
      reserve: call("reserve", "taken" as const),
      opened: call("opened", undefined),
      released: call("released", undefined),
      roomsOf: async () => [],
    },
    troubles: {
      add: call("trouble", world.isNews ?? true),
      remove: call("no trouble", undefined),
    },
    hub: { put: call("put", undefined), channelGone: call("channelGone", undefined) },
    settingsOf: (guildId) => ({
      ...DEFAULT_MATCH_SETTINGS,
      // What is another guild's is not this one's.
      ...(guildId === GUILD ? world.config : { categoryId: "not here", staffRoleId: "not here" }),
    }),
    guildOf: (owners) => (owners.includes("hub") ? "200" : null),
    clock: () => NOW,
  };
  const outcome: Outcome = await perform(ports, action, state);
  return { calls, outcome };
}

const member = (id: string, allow: bigint): PermissionOverwrite => {
  return { id, kind: "member", allow, deny: 0n };
};

describe("what the guild's audit log says", () => {
  it.each<[Action, unknown[]]>([
    [
      { kind: "grant", faction, userId: "u", channelId: "c" },
      ["set", "c", member("u", PLAYER), REASON],
    ],
    [{ kind: "revoke", faction, userId: "u", channelId: "c" }, ["remove", "c", "u", REASON]],
    [{ kind: "move", faction, userId: "u", channelId: "c" }, ["move", GUILD, "u", "c", REASON]],
    [{ kind: "evict", userId: "u", channelId: null }, ["move", GUILD, "u", null, REASON]],
    [{ kind: "delete", faction, channelId: "c" }, ["delete", "c", REASON]],
  ])("names the match: %j", async (action, call) => {
    const { calls, outcome } = await doing(action);
    expect(calls[0]).toEqual(call);
    expect(outcome).toMatchObject({ kind: "discord", result: { ok: true } });
  });
});

describe("a channel", () => {
  it("is reported to the hub when it is deleted, because Discord may send no event", async () => {
    const { calls } = await doing({ kind: "delete", faction, channelId: "c" });
    expect(calls).toEqual([
      ["delete", "c", REASON],
      ["channelGone", GUILD, "c"],
    ]);
  });

  it("is created with its permissions, and stored", async () => {
    const { calls, outcome } = await doing(
      { ...CREATE, people: ["u", BOT] },
      { config: { staffRoleId: "staff" } },
    );
    const overwrites = [
      { id: GUILD, kind: "role", allow: 0n, deny: ENTER },
      // The bot may play too, and keeps what it needs.
      member(BOT, MOVING_BOT),
      member("u", PLAYER),
      { id: "staff", kind: "role", allow: ENTER, deny: 0n },
    ];
    const wanted = { guildId: GUILD, name: "n", userLimit: 0, parentId: "category", overwrites };
    expect(calls).toEqual([
      ["create", { ...wanted, reason: REASON }],
      ["opened", MATCH_ID, faction, "c1"],
    ]);
    expect(outcome).toEqual({ kind: "create", result: ok({ id: "c1", name: "n" }) });
  });

  it("is created outside the category and without the permission to move when Discord refuses these", async () => {
    const without = { withCategory: false, withMoving: false, people: [] };
    const { calls } = await doing({ ...CREATE, ...without });
    const everybody = { id: GUILD, kind: "role", allow: 0n, deny: ENTER };
    const overwrites = [everybody, member(BOT, STILL_BOT)];
    expect(calls[0]).toMatchObject(["create", { parentId: null, overwrites }]);
  });

  it.each<[DiscordFailure, DiscordFailure]>([
    [
      { kind: "failed", status: 500 },
      { kind: "rate_limited", retryAfterMs: 1_000 },
    ],
    [{ kind: "unknown_outcome" }, { kind: "rate_limited", retryAfterMs: 1_000 }],
    [
      { kind: "refused", status: 403, code: 1, message: "" },
      { kind: "refused", status: 403, code: 1, message: "" },
    ],
    [
      { kind: "rate_limited", retryAfterMs: 7 },
      { kind: "rate_limited", retryAfterMs: 7 },
    ],
  ])(
    "was certainly not made where Discord does not say who the bot is: %j",
    async (said, known) => {
      const { calls, outcome } = await doing({ ...CREATE, people: [] }, { bot: err(said) });
      expect([calls, outcome]).toEqual([[], { kind: "create", result: err(known) }]);
    },
  );

  const own: GuildChannel = {
    id: "c7",
    name: "n",
    type: 2,
    parentId: null,
    overwrites: [
      { id: GUILD, kind: "role", allow: 0n, deny: ENTER },
      member(BOT, MOVING_BOT),
      member("u", PLAYER),
    ],
  };

  it("is stored with its members when it is found", async () => {
    const channels = ok([{ ...own, id: "c6", overwrites: [] }, { ...own, name: "x" }, own]);
    const { calls, outcome } = await doing({ kind: "find", faction, name: "n" }, { channels });
    expect(calls).toEqual([["opened", MATCH_ID, faction, "c7"]]);
    expect(outcome).toEqual({ kind: "find", result: ok({ id: "c7", access: ["u"] }) });
  });

  it("does not count as missing when Discord does not list channels, or does not tell who the bot is", async () => {
    const failure = err({ kind: "failed", status: 500 } as const);
    for (const world of [{ bot: failure }, { channels: failure }]) {
      const { calls, outcome } = await doing({ kind: "find", faction, name: "n" }, world);
      expect([calls, outcome]).toEqual([[], { kind: "find", result: failure }]);
    }
  });

  it("is recognised as ours by the bot's own permissions in it", () => {
    const having = (...overwrites: PermissionOverwrite[]): GuildChannel => ({ ...own, overwrites });
    expect(isOurs(own, BOT)).toBe(true);
    expect(isOurs(having(member(BOT, STILL_BOT)), BOT)).toBe(true);
    expect(isOurs(having(member(BOT, MOVING_BOT | 8n)), BOT)).toBe(true);
    expect(isOurs({ ...own, type: 0 }, BOT)).toBe(false);
    expect(isOurs(having(member(BOT, ENTER)), BOT)).toBe(false);
    expect(isOurs(having(member("another-bot", MOVING_BOT)), BOT)).toBe(false);
    expect(isOurs(having({ ...member(BOT, MOVING_BOT), kind: "role" }), BOT)).toBe(false);
    expect(isOurs(having(), BOT)).toBe(false);
  });
});

describe("messages", () => {
  /** Nobody is linked but `a1`. */
  const LINE = String.raw`**Nordic Night Hub**: **team\_aurora** against **team\_borealis**, `;
  const said = async (state: RoomState): Promise<string> => {
    const { calls } = await doing({ kind: "notice" }, {}, state);
    const [, channelId, message] = calls[0] as [string, string, { content: string }];
    expect([calls.length, channelId]).toEqual([1, "notices"]);
    expect(message.content.length).toBeLessThanOrEqual(2_000);
    return message.content;
  };

  it("are one direct message with the way to the channel", async () => {
    const { calls } = await doing({ kind: "message", userId: "u", channelId: "c" });
    const content = "Your match is on. Your team's voice channel is open for you.";
    const button = { label: "Join your team", url: "https://discord.com/channels/100/c" };
    expect(calls).toEqual([["direct", "u", { content, button }]]);
  });

  it("name the match, the teams and the players who are not linked", async () => {
    const links = { a1: "d-a1", a2: "d-a2", b1: "d-b1" };
    const how = "cannot be let into the team's channel";
    const last = "Use /link; you are let in at once.";
    expect(await said({ ...STATE, links })).toBe(
      `${LINE}\`${MATCH_ID}\`\n1 player of this match is not linked to Discord and ${how}: b2 (**team\\_borealis**). ${last}`,
    );
    const url = "https://www.faceit.com/en/cs2/room/1";
    const known = { ...STATE, match: { ...faceitMatch("READY", 1, rosters()), url } };
    expect(await said({ ...known, links: { a1: "d-a1", b1: "d-b1" } })).toBe(
      `${LINE}<${url}>\n2 players of this match are not linked to Discord and ${how}: a2 (**team\\_aurora**), b2 (**team\\_borealis**). ${last}`,
    );
  });

  it("number the sides that have no name", async () => {
    const { faction1, faction2 } = rosters();
    const sides = { faction1: { ...faction1, name: "" }, faction2: { ...faction2, name: "" } };
    const text = await said({ ...STATE, match: faceitMatch("READY", 1, sides), links: {} });
    expect(text).toContain("Side 1 against Side 2, ");
    expect(text).toContain("b2 (Side 2)");
  });

  it("show names literally, and as many as fit", async () => {
    const side = (letter: string) => ({
      name: `[x](https://evil.test)${"_".repeat(70)}`,
      players: Array.from({ length: 20 }, (_, n) => ({
        playerId: `${letter}${n}`,
        nickname: n === 0 ? "<@1> **b**" : `${letter}${n}_`.padEnd(100, "*"),
        skillLevel: 1,
      })),
    });
    const match = {
      ...faceitMatch("READY", 1, { faction1: side("a"), faction2: side("b") }),
      competition: "#".repeat(100),
      url: `https://www.faceit.com/${"x".repeat(1_500)}`,
    };
    const text = await said({ ...STATE, match });
    expect(text).toContain("40 players of this match are not linked");
    expect(text).toMatch(/and \d+ more\. Use \/link/);
    expect(text).not.toMatch(/(?<!\\)(?:<@|\]\(|\[x)/);
  });

  it.each(["category", "lobby", "staffRole"] as const)(
    "is said once for all matches of a guild: the %s is not there",
    async (trouble) => {
      const config = { categoryId: "the-id", lobbyId: "the-id", staffRoleId: "the-id" };
      const subject = "the-id";
      const news = await doing({ kind: "complain", trouble }, { config });
      const added = ["trouble", { guildId: GUILD, kind: trouble, subject }, NOW];
      expect(news.calls).toEqual([added, ["send", "notices", expect.anything()]]);
      expect(JSON.stringify(news.calls)).toMatch(
        /(VC_CATEGORY_ID|LOBBY_VC_ID|MATCH_STAFF_ROLE_ID).*the-id/,
      );
      const known = await doing({ kind: "complain", trouble }, { config, isNews: false });
      expect([known.calls, known.outcome]).toEqual([[added], { kind: "done" }]);
      // Nothing is named: it cannot be that.
      const unset = { categoryId: undefined, lobbyId: undefined, staffRoleId: undefined };
      expect((await doing({ kind: "complain", trouble }, { config: unset })).calls).toEqual([]);
    },
  );

  it.each(["rate_limited", "unauthorized"] as const)(
    "is news again when nothing was asked of Discord: %s",
    async (kind) => {
      const sent = err({ kind, retryAfterMs: 5 });
      const { calls, outcome } = await doing({ kind: "complain", trouble: "moving" }, { sent });
      expect(calls.at(-1)).toEqual(["no trouble", GUILD, "moving"]);
      expect(outcome).toEqual({ kind: "discord", result: sent });
    },
  );

  it.each(["full", "refused", "access", "undeletable"] as const)(
    "says of which match it is: %s",
    async (trouble) => {
      const { calls } = await doing({ kind: "complain", trouble });
      expect(calls).toEqual([
        ["send", "notices", { content: expect.stringContaining(LINE) as string }],
      ]);
    },
  );

  it.each<Action>([
    { kind: "notice" },
    { kind: "complain", trouble: "full" },
    { kind: "complain", trouble: "noticeChannel" },
    { kind: "complain", trouble: "moving" },
    { kind: "complain", trouble: "faceitKey" },
    { kind: "complain", trouble: "faceitDown" },
  ])("is nothing where there is no channel for notices: %j", async (action) => {
    const { calls, outcome } = await doing(action, { config: { noticeChannelId: undefined } });
    expect(calls.filter((call) => !JSON.stringify(call).startsWith('["trouble"'))).toEqual([]);
    expect(outcome).toEqual({ kind: "done" });
  });
});

describe("the guild of a match", () => {
  it.each<[string, World["faceit"], string | null]>([
    ["its owners say", ok(faceitMatch("READY", 1, null)), "200"],
    ["owners without a guild say", ok({ ...faceitMatch("READY", 1, null), owners: ["x"] }), null],
    ["nobody contradicts", ok({ ...faceitMatch("READY", 1, null), owners: [] }), GUILD],
    ["stays open while FACEIT fails", err({ kind: "failed" }), GUILD],
  ])("%s", async (_, faceit, guildId) => {
    const { outcome } = await doing({ kind: "read" }, { faceit });
    expect(outcome).toEqual({ kind: "read", result: faceit, guildId });
  });
});

describe("the hub and D1", () => {
  it("get the match as it is shown, and the names that are free again", async () => {
    const tell = await doing({ kind: "tell", revision: 1 });
    const store = await doing({ kind: "store", revision: 1 });
    const record: unknown = expect.objectContaining<Partial<MatchRecord>>({
      matchId: MATCH_ID,
      revision: STATE.revision,
    });
    expect([...tell.calls, ...store.calls]).toEqual([
      ["put", record],
      ["write", record],
    ]);
    const release = await doing({ kind: "release", faction });
    expect(release.calls).toEqual([["released", MATCH_ID, faction]]);
    for (const { outcome } of [tell, store, release]) expect(outcome).toEqual({ kind: "done" });
  });

  it("get nothing of a match that FACEIT has not told about", async () => {
    const unknown = newRoom(MATCH_ID, GUILD, NOW);
    expect((await doing({ kind: "tell", revision: 1 }, {}, unknown)).calls).toEqual([]);
    expect((await doing({ kind: "store", revision: 1 }, {}, unknown)).calls).toEqual([]);
  });

  it("reserve a name for a side, and tell when another match has it", async () => {
    const { calls, outcome } = await doing({ kind: "reserve", faction, name: "n" });
    const row = { matchId: MATCH_ID, guildId: GUILD, faction, channelId: null, channelName: "n" };
    expect([calls, outcome]).toEqual([[["reserve", row, NOW]], { kind: "reserve", taken: true }]);
  });
});

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseDispatch, type GuildDispatch } from "./dispatch.ts";
import {
  applyChange,
  changesOf,
  eventsOf,
  GONE_CHANNELS_MAX,
  snapshotOf,
  unknownGuild,
  type GuildState,
} from "./guild-state.ts";

const GUILD = "g1";

/** The state of a hub that applies every event. */
class Listener {
  readonly rooms = new Map<string, string>();
  readonly voice = new Map<string, string>();

  hear(event: string, payload: Record<string, unknown>): void {
    const channelId = String(payload["channelId"]);
    const userId = String(payload["userId"]);
    switch (event) {
      case "room.created":
        expect(this.rooms.has(channelId), "created twice").toBe(false);
        this.rooms.set(channelId, String(payload["name"]));
        return;
      case "room.updated":
        expect(this.rooms.has(channelId), "updated before it was created").toBe(true);
        this.rooms.set(channelId, String(payload["name"]));
        return;
      case "room.deleted":
        expect([...this.voice.values()], "deleted with people in it").not.toContain(channelId);
        this.rooms.delete(channelId);
        return;
      case "voice.joined":
        expect(this.voice.has(userId), "joined without having left").toBe(false);
        this.voice.set(userId, channelId);
        return;
      case "voice.left":
        expect(this.voice.get(userId), "left a channel that the user was not in").toBe(channelId);
        this.voice.delete(userId);
        return;
      default:
        throw new Error(`unknown event ${event}`);
    }
  }
}

function apply(guild: GuildState, dispatch: GuildDispatch): string[] {
  return changesOf(guild, dispatch).flatMap((change) => {
    applyChange(guild, change);
    return eventsOf(GUILD, change).map(({ event, payload }) =>
      [event, payload["channelId"], payload["userId"]].filter((part) => part).join(" "),
    );
  });
}

function channel(channelId: string, name = channelId, userLimit = 4) {
  return { channelId, name, userLimit };
}

function voice(userId: string, channelId: string | null): GuildDispatch {
  return { type: "voice", guildId: GUILD, userId, channelId };
}

function guildOf(channels: string[], people: Record<string, string> = {}) {
  return {
    type: "guild",
    guildId: GUILD,
    channels: { entries: channels.map((id) => channel(id)), isComplete: true },
    voiceStates: {
      entries: Object.entries(people).map(([userId, channelId]) => ({ userId, channelId })),
      isComplete: true,
    },
  } satisfies GuildDispatch;
}

function knownGuild(channels: string[], people: Record<string, string> = {}): GuildState {
  const guild = unknownGuild(GUILD);
  apply(guild, guildOf(channels, people));
  return guild;
}

describe("voice", () => {
  test("join, mute, move, leave", () => {
    const guild = knownGuild(["a", "b"]);
    expect(apply(guild, voice("u", "a"))).toEqual(["voice.joined a u"]);
    expect(apply(guild, voice("u", "a"))).toEqual([]);
    expect(apply(guild, voice("u", "b"))).toEqual(["voice.left a u", "voice.joined b u"]);
    expect(apply(guild, voice("u", null))).toEqual(["voice.left b u"]);
    expect(apply(guild, voice("u", null))).toEqual([]);
  });

  test("a member who is removed leaves their channel", () => {
    const guild = knownGuild(["a"], { u: "a" });
    const parsed = parseDispatch("GUILD_MEMBER_REMOVE", { guild_id: GUILD, user: { id: "u" } });
    if (parsed.kind !== "guild") throw new Error(parsed.kind);
    expect(apply(guild, parsed.dispatch)).toEqual(["voice.left a u"]);
  });
});

describe("channels", () => {
  test("are created, changed and deleted", () => {
    const guild = knownGuild([]);
    const update = (name: string, userLimit: number) =>
      apply(guild, { type: "channel", guildId: GUILD, channel: channel("a", name, userLimit) });
    expect(update("one", 4)).toEqual(["room.created a"]);
    expect(update("one", 4)).toEqual([]);
    expect(update("two", 4)).toEqual(["room.updated a"]);
    expect(update("two", 5)).toEqual(["room.updated a"]);
    expect(apply(guild, { type: "channel-gone", guildId: GUILD, channelId: "a" })).toEqual([
      "room.deleted a",
    ]);
  });

  test("everybody leaves a channel before it is deleted", () => {
    const guild = knownGuild(["a", "b"], { u: "a", v: "a", w: "b" });
    expect(apply(guild, { type: "channel-gone", guildId: GUILD, channelId: "a" })).toEqual([
      "voice.left a u",
      "voice.left a v",
      "room.deleted a",
    ]);
  });

  test("a deletion is published once, and a deleted channel gets no joins", () => {
    const guild = knownGuild(["a"], { u: "a" });
    const gone: GuildDispatch = { type: "channel-gone", guildId: GUILD, channelId: "a" };
    apply(guild, gone);
    expect(apply(guild, gone)).toEqual([]);
    expect(apply(guild, voice("u", "a"))).toEqual([]);
  });

  test("a channel that was only hidden from us is created again", () => {
    const guild = knownGuild(["a"]);
    apply(guild, guildOf([]));
    expect(apply(guild, { type: "channel", guildId: GUILD, channel: channel("a") })).toEqual([
      "room.created a",
    ]);
    expect(apply(guild, voice("u", "a"))).toEqual(["voice.joined a u"]);
  });

  test("a channel whose creation was missed is still deleted", () => {
    const guild = knownGuild([]);
    expect(apply(guild, { type: "channel-gone", guildId: GUILD, channelId: "a" })).toEqual([
      "room.deleted a",
    ]);
  });

  test(`only the last ${GONE_CHANNELS_MAX} deleted channels are remembered`, () => {
    const guild = knownGuild([]);
    for (let i = 0; i <= GONE_CHANNELS_MAX; i += 1) {
      apply(guild, { type: "channel-gone", guildId: GUILD, channelId: `c${i}` });
    }
    expect(guild.gone.size).toBe(GONE_CHANNELS_MAX);
    expect(guild.gone.has("c0")).toBe(false);
  });
});

describe("the whole guild", () => {
  test("a repeated GUILD_CREATE: only differences become events", () => {
    const guild = knownGuild(["a", "b"], { u: "a", v: "b" });
    expect(apply(guild, guildOf(["a", "b"], { u: "a", v: "b" }))).toEqual([]);
    expect(apply(guild, guildOf(["b", "c"], { u: "c", v: "b", w: "b" }))).toEqual([
      "voice.left a u",
      "room.deleted a",
      "room.created c",
      "voice.joined c u",
      "voice.joined b w",
    ]);
  });

  test("an incomplete GUILD_CREATE: missing entries stay", () => {
    const guild = knownGuild(["a", "b"], { u: "a", v: "b" });
    const whole = guildOf(["b", "c"], { v: "c", w: "c" });
    const odd = { channels: { ...whole.channels, isComplete: false } };
    const oddPeople = { voiceStates: { ...whole.voiceStates, isComplete: false } };
    expect(apply(guild, { ...whole, ...odd, ...oddPeople })).toEqual([
      "voice.left b v",
      "room.created c",
      "voice.joined c v",
      "voice.joined c w",
    ]);
    expect(apply(guild, { ...whole, ...odd })).toEqual(["voice.left a u"]);
    expect(apply(guild, { ...whole, channels: null, voiceStates: null })).toEqual([]);
    expect(apply(guild, whole)).toEqual(["room.deleted a"]);
    expect(apply(guild, { ...guildOf([]), ...oddPeople })).toEqual([
      "voice.left c v",
      "voice.left c w",
      "room.deleted b",
      "room.deleted c",
    ]);
  });

  test("an outage changes only the flag", () => {
    const guild = knownGuild(["a"], { u: "a" });
    expect(apply(guild, { type: "guild-unavailable", guildId: GUILD })).toEqual([]);
    expect(guild.available).toBe(false);
    expect(snapshotOf(guild).voiceStates).toEqual([{ userId: "u", channelId: "a" }]);
    expect(apply(guild, guildOf(["a"], { u: "a" }))).toEqual([]);
    expect(guild.available).toBe(true);
  });

  test("removal of the bot ends everything", () => {
    const guild = knownGuild(["a"], { u: "a" });
    expect(apply(guild, { type: "guild-gone", guildId: GUILD })).toEqual([
      "voice.left a u",
      "room.deleted a",
    ]);
  });
});

const channelIds = fc.constantFrom("a", "b", "c", "d");
const userIds = fc.constantFrom("u", "v", "w");
const dispatches: fc.Arbitrary<GuildDispatch> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(userIds, fc.option(channelIds)).map(([u, c]) => voice(u, c)) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(channelIds, fc.constantFrom("one", "two"))
      .map(([id, name]): GuildDispatch => ({
        type: "channel",
        guildId: GUILD,
        channel: channel(id, name),
      })),
  },
  {
    weight: 2,
    arbitrary: channelIds.map((channelId): GuildDispatch => ({
      type: "channel-gone",
      guildId: GUILD,
      channelId,
    })),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(
        fc.uniqueArray(channelIds),
        fc.dictionary(userIds, channelIds),
        fc.option(fc.boolean()),
        fc.option(fc.boolean()),
      )
      .map(([channels, people, allChannels, allPeople]): GuildDispatch => {
        const whole = guildOf(channels, people);
        const { channels: c, voiceStates: v } = whole;
        return {
          ...whole,
          channels: allChannels === null ? null : { ...c, isComplete: allChannels },
          voiceStates: allPeople === null ? null : { ...v, isComplete: allPeople },
        };
      }),
  },
  {
    weight: 1,
    arbitrary: fc.constant<GuildDispatch>({ type: "guild-unavailable", guildId: GUILD }),
  },
);

test("a reader of the events has our state, even if dispatches are missing or repeated", () => {
  fc.assert(
    fc.property(fc.array(dispatches, { maxLength: 80 }), (sequence) => {
      const guild = unknownGuild(GUILD);
      const listener = new Listener();
      for (const dispatch of sequence) {
        for (const change of changesOf(guild, dispatch)) {
          applyChange(guild, change);
          for (const { event, payload } of eventsOf(GUILD, change)) listener.hear(event, payload);
        }
        expect(changesOf(guild, dispatch), "the same again").toEqual([]);
        const names = [...guild.channels].map(([id, { name }]) => [id, name]);
        expect(Object.fromEntries(listener.rooms)).toEqual(Object.fromEntries(names));
        expect(Object.fromEntries(listener.voice)).toEqual(Object.fromEntries(guild.voice));
      }
    }),
    { numRuns: 500 },
  );
});

describe("names of people", () => {
  const avatar = "0f".repeat(16);
  const read = (name: string, data: object): GuildDispatch => {
    const parsed = parseDispatch(name, { guild_id: GUILD, ...data });
    if (parsed.kind !== "guild") throw new Error(parsed.kind);
    expect(parsed.skipped).toEqual([]);
    return parsed.dispatch;
  };
  const enters = (channel_id: string, member: unknown): GuildDispatch =>
    read("VOICE_STATE_UPDATE", { user_id: "u", channel_id, member });

  test.each<[string, unknown, object | undefined]>([
    [
      "the guild's own name",
      { nick: "Nick", user: { id: "u", username: "user", global_name: "Global", avatar } },
      { name: "Nick", avatar },
    ],
    [
      "the display name",
      { nick: null, user: { id: "u", username: "user", global_name: "Global", avatar: null } },
      { name: "Global", avatar: null },
    ],
    ["the user name", { user: { id: "u", username: "user" } }, { name: "user", avatar: null }],
    [
      "a name without invisible characters",
      { nick: "\u202e\u0000", user: { username: "a\u202eb\u0000c", avatar: "../x" } },
      { name: "ab c", avatar: null },
    ],
    ["a bot", { user: { username: "b", bot: true } }, { name: "b", avatar: null, bot: true }],
    ["no readable name", { nick: 5, user: "u" }, undefined],
    ["nothing", undefined, undefined],
  ])("by %s", (_, member, user) => {
    const dispatched = enters("a", member);
    expect("user" in dispatched ? dispatched.user : undefined).toEqual(user);
  });

  test("are sent with a join and in the snapshot; a new name alone is no event", () => {
    const guild = unknownGuild(GUILD);
    const create = read("GUILD_CREATE", {
      id: GUILD,
      channels: [
        { id: "a", type: 2, name: "a" },
        { id: "b", type: 2, name: "b" },
      ],
      voice_states: [
        { user_id: "u", channel_id: "a" },
        { user_id: "v", channel_id: "a" },
      ],
      members: [{ user: { id: "u", username: "Ada", avatar } }, null, {}],
    });
    for (const change of changesOf(guild, create)) applyChange(guild, change);
    const ada = { name: "Ada", avatar };
    expect(snapshotOf(guild).voiceStates).toEqual([
      { userId: "u", channelId: "a", user: ada },
      { userId: "v", channelId: "a" },
    ]);
    expect(snapshotOf(guild, false).voiceStates[0]).toEqual({ userId: "u", channelId: "a" });
    expect(apply(guild, enters("a", { nick: "Countess", user: { id: "u", avatar } }))).toEqual([]);
    const countess = { name: "Countess", avatar };
    expect(snapshotOf(guild).voiceStates[0]).toMatchObject({ user: countess });
    const moves = changesOf(guild, voice("u", "b")).flatMap((change) => {
      applyChange(guild, change);
      return eventsOf(GUILD, change);
    });
    expect(moves.map(({ payload }) => payload["user"])).toEqual([undefined, countess]);
    apply(guild, voice("u", null));
    expect(guild.users.size).toBe(0);
  });
});

describe("reading dispatches", () => {
  test("a guild: voice channels only, and the people in them", () => {
    expect(
      parseDispatch("GUILD_CREATE", {
        id: GUILD,
        name: "ours",
        channels: [
          { id: "t", type: 0, name: "text" },
          { id: "a", type: 2, name: "voice", user_limit: 4 },
        ],
        voice_states: [
          { user_id: "u", channel_id: "a" },
          { user_id: "v", channel_id: null },
        ],
      }),
    ).toEqual({
      kind: "guild",
      dispatch: {
        type: "guild",
        guildId: GUILD,
        channels: {
          entries: [{ channelId: "a", name: "voice", userLimit: 4 }],
          isComplete: true,
        },
        voiceStates: { entries: [{ userId: "u", channelId: "a" }], isComplete: true },
      },
      skipped: [],
    });
  });

  /** Our guild after a GUILD_CREATE with these malformed parts. */
  function after(guild: GuildState, odd: Record<string, unknown>): readonly string[] {
    const parsed = parseDispatch("GUILD_CREATE", {
      id: GUILD,
      channels: ["a", "b"].map((id) => ({ id, type: 2, name: id, user_limit: 4 })),
      voice_states: [{ user_id: "u", channel_id: "a" }],
      ...odd,
    });
    if (parsed.kind !== "guild") throw new Error(parsed.kind);
    apply(guild, parsed.dispatch);
    return parsed.skipped;
  }
  const stateOf = (guild: GuildState) => ({
    channels: [...guild.channels.keys()],
    voice: Object.fromEntries(guild.voice),
  });

  test.each<[string, Record<string, unknown>, object]>([
    [
      "a text channel with an impossible limit",
      {
        channels: [
          { id: "t", type: 0, user_limit: -1 },
          { id: "a", type: 2, name: "a" },
        ],
      },
      { channels: ["a"], voice: { u: "a" } },
    ],
    [
      "a channel without a type",
      { channels: [{ id: "x" }, { id: "a", type: 2, name: "a" }] },
      { channels: ["a"], voice: { u: "a" } },
    ],
    [
      "channels without an id, and entries that are no channels",
      { channels: [{ type: 2 }, null, 7, "c", { id: 5, type: 2 }, { id: "a", type: 2 }] },
      { channels: ["a"], voice: { u: "a" } },
    ],
    [
      "a voice channel with a malformed name and limit",
      { channels: [{ id: "a", type: 2, name: 7, user_limit: -1 }] },
      { channels: ["a"], voice: { u: "a" } },
    ],
    [
      "voice states without a user, and entries that are no voice states",
      { voice_states: [{ channel_id: "a" }, null, { user_id: "u", channel_id: "a" }] },
      { channels: ["a", "b"], voice: { u: "a" } },
    ],
    [
      "a voice state with a user id only in its member",
      { voice_states: [{ channel_id: "b", member: { user: { id: "w" } } }] },
      { channels: ["a", "b"], voice: { w: "b" } },
    ],
    ["no list of voice states", { voice_states: null }, { channels: ["a", "b"], voice: {} }],
  ])(
    "a new guild with %s: the rest is used, and the malformed part is recorded",
    (what, odd, state) => {
      const guild = unknownGuild(GUILD);
      const skipped = after(guild, odd);
      expect(guild.known).toBe(true);
      expect(stateOf(guild)).toEqual(state);
      // A text channel is not parsed, and the id in the member is sufficient.
      expect(skipped.length > 0).toBe(!/text channel|its member/.test(what));
    },
  );

  test.each([null, undefined, "all", {}])(
    "no list of channels (%o) is not taken for an empty one",
    (channels) => {
      const fresh = unknownGuild(GUILD);
      expect(after(fresh, { channels })).toHaveLength(1);
      expect([fresh.known, fresh.available]).toEqual([false, false]);
      const known = knownGuild(["a"], { v: "a" });
      after(known, { channels });
      expect(stateOf(known)).toEqual({ channels: ["a"], voice: { u: "a" } });
    },
  );

  test.each<[string, Record<string, unknown>, Record<string, unknown>, object]>([
    [
      "a channel without a readable id",
      {
        channels: [
          { id: "a", type: 2 },
          { id: 5, type: 2 },
        ],
      },
      { channels: [{ id: "a", type: 2 }] },
      { channels: ["a"], voice: { u: "a" } },
    ],
    [
      "an entry that is no channel",
      { channels: [null] },
      { channels: [] },
      { channels: [], voice: {} },
    ],
    [
      "a user in voice without an id",
      { voice_states: [{ channel_id: "a" }] },
      { voice_states: [] },
      { channels: ["a", "b"], voice: {} },
    ],
    [
      "a user in an unreadable channel",
      { voice_states: [{ user_id: "u", channel_id: 5 }] },
      { voice_states: [{ user_id: "u", channel_id: null }] },
      { channels: ["a", "b"], voice: {} },
    ],
    [
      "no list of voice states",
      { voice_states: undefined },
      { voice_states: [] },
      { channels: ["a", "b"], voice: {} },
    ],
  ])("a known guild with %s: nothing is deleted", (_, odd, whole, left) => {
    const everybody = [
      { user_id: "u", channel_id: "a" },
      { user_id: "w", channel_id: "b" },
    ];
    const guild = knownGuild(["a", "b"], { u: "a", w: "b" });
    expect(after(guild, { voice_states: everybody, ...odd })).toHaveLength(1);
    expect(stateOf(guild)).toEqual({ channels: ["a", "b"], voice: { u: "a", w: "b" } });
    expect(after(guild, { voice_states: everybody, ...whole })).toEqual([]);
    expect(stateOf(guild)).toEqual(left);
  });

  test("unreadable members of a known channel stay as they were", () => {
    const guild = knownGuild(["a", "b"]);
    after(guild, { channels: [{ id: "a" }, { id: "b", type: 2, user_limit: "many" }] });
    expect([...guild.channels.values()]).toEqual([channel("a"), channel("b")]);
    const update = parseDispatch("CHANNEL_UPDATE", { guild_id: GUILD, id: "a", name: "new" });
    if (update.kind !== "guild") throw new Error(update.kind);
    expect(apply(guild, update.dispatch)).toEqual([]);
    const gone = parseDispatch("CHANNEL_DELETE", { guild_id: GUILD, id: "a", type: null });
    if (gone.kind !== "guild") throw new Error(gone.kind);
    expect(apply(guild, gone.dispatch)).toEqual(["voice.left a u", "room.deleted a"]);
  });

  test("a name is cut to Discord's limit, or the hub would refuse it", () => {
    const guild = unknownGuild(GUILD);
    after(guild, { channels: [{ id: "a", type: 2, name: "😀".repeat(150) }] });
    expect(guild.channels.get("a")?.name).toBe("😀".repeat(100));
  });

  test("an unclear deletion of a guild counts as an outage", () => {
    const parsed = (unavailable: unknown) =>
      parseDispatch("GUILD_DELETE", { id: GUILD, unavailable });
    expect(parsed(undefined)).toMatchObject({ dispatch: { type: "guild-gone" } });
    expect(parsed(false)).toMatchObject({ dispatch: { type: "guild-gone" } });
    expect(parsed("yes")).toMatchObject({ dispatch: { type: "guild-unavailable" } });
  });

  test("READY with a malformed guild: the others are used, and the malformed one is recorded", () => {
    expect(parseDispatch("READY", { guilds: [{ id: "g1" }, null, { id: 5 }] })).toMatchObject({
      kind: "ready",
      guilds: { entries: ["g1"], isComplete: false },
      skipped: [expect.stringMatching(/^guilds\.1:/), expect.stringMatching(/^guilds\.2\.id:/)],
    });
    for (const guilds of [null, undefined, "g1"]) {
      expect(parseDispatch("READY", { guilds }).kind).toBe("malformed");
    }
  });

  test.each([
    ["CHANNEL_CREATE", { id: "t", type: 0, guild_id: GUILD, name: "text" }],
    ["CHANNEL_DELETE", { id: "t", type: 4, guild_id: GUILD }],
    ["VOICE_STATE_UPDATE", { user_id: "u", channel_id: "a" }],
    ["TYPING_START", {}],
  ])("%s that is not ours is ignored", (name, data) => {
    expect(parseDispatch(name, data)).toEqual({ kind: "ignored" });
  });

  test("any input is parsed or refused", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(
          "READY",
          "GUILD_CREATE",
          "GUILD_DELETE",
          "CHANNEL_UPDATE",
          "CHANNEL_DELETE",
          "VOICE_STATE_UPDATE",
          "GUILD_MEMBER_REMOVE",
        ),
        fc.oneof(
          fc.anything(),
          fc.record({
            id: fc.constantFrom("g1", 5),
            guild_id: fc.constantFrom("g1", null),
            guilds: fc.anything(),
            channels: fc.oneof(fc.anything(), fc.array(fc.anything())),
            voice_states: fc.oneof(fc.anything(), fc.array(fc.anything())),
            user: fc.anything(),
          }),
        ),
        (name, data) => {
          expect(["guild", "ready", "ignored", "malformed"]).toContain(
            parseDispatch(name, data).kind,
          );
        },
      ),
    );
  });
});

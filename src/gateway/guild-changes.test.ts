import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { IncomingEvent, Publication } from "../hub/publisher.ts";
import { KeptObjects } from "../hub/extension-turns.ts";
import { MemoryStorage } from "../testing/memory-storage.ts";
import { SIGNED_EVENT_PAYLOADS } from "../protocol/signed-events.ts";
import { changesOf, GUILD_EVENTS, type GuildChange } from "./guild-changes.ts";
import { createVoiceTables, isVoiceKnown, sqlGuildVoice } from "./guild-voice.ts";

const GUILD = "1";
const NOW = 1_000_000;

/** A guild whose voice is not known yet. */
function setUp() {
  const { sql } = new MemoryStorage();
  createVoiceTables(sql);
  const objects = new KeptObjects(sql);
  const voice = objects.kept(sqlGuildVoice);
  const published: Publication[] = [];
  const hub = {
    name: GUILD,
    now: () => NOW,
    publish: (publication: Publication) => {
      published.push(publication);
      return { kind: "published", seq: published.length } as const;
    },
  };
  const take = (event: IncomingEvent): GuildChange[] => [...changesOf({ voice, hub }, event)];
  return {
    sql,
    voice,
    /** Ends the turn. */
    end: () => objects.write(),
    published,
    take,
    /** The changes as short texts. */
    news: (event: IncomingEvent): string[] =>
      take(event).map((change) =>
        [
          change.kind,
          "userId" in change ? change.userId : [],
          "channelId" in change ? change.channelId : [],
        ]
          .flat()
          .join(" "),
      ),
  };
}

const told = (event: string, payload: object, ts?: number): IncomingEvent => ({
  event,
  payload: { guildId: GUILD, ...payload },
  ...(ts === undefined ? {} : { ts }),
});
const joined = (userId: string, channelId: string, user?: object): IncomingEvent =>
  told("voice.joined", { userId, channelId, ...(user && { user }) });
const left = (userId: string, channelId: string): IncomingEvent =>
  told("voice.left", { userId, channelId });
const snapshot = (
  voiceStates: readonly { readonly userId: string; readonly channelId: string; user?: object }[],
  channelIds: readonly string[] = [],
): IncomingEvent =>
  told("guild.snapshot", {
    channels: channelIds.map((channelId) => ({ channelId, name: "c", userLimit: 0 })),
    voiceStates,
  });
const gateway = (state: string, since: number): IncomingEvent =>
  told("gateway.state", { state, since });

it("changes come from every event that a container may send, except its heartbeat", () => {
  const sent = [...SIGNED_EVENT_PAYLOADS.keys()].filter((name) => name !== "gateway.heartbeat");
  expect([...GUILD_EVENTS].toSorted()).toEqual(sent.toSorted());
});

describe("changes of who is in voice", () => {
  it("are a leave and a join for a move, also if only the join is reported", () => {
    const { news, voice } = setUp();
    expect(news(joined("u1", "a"))).toEqual(["joined u1 a"]);
    expect(news(joined("u1", "b"))).toEqual(["left u1 a", "joined u1 b"]);
    expect(voice.of("u1")).toEqual({ userId: "u1", channelId: "b", since: NOW });
  });

  it("are none for a leave from another channel, or of a user who is not in voice", () => {
    const { news } = setUp();
    news(joined("u1", "b"));
    expect(news(left("u1", "a"))).toEqual([]);
    expect(news(left("u2", "b"))).toEqual([]);
    expect(news(left("u1", "b"))).toEqual(["left u1 b"]);
    expect(news(left("u1", "b"))).toEqual([]);
  });

  it("have the time since when a user was there, also if the join is reported again", () => {
    const { take, voice } = setUp();
    take({ ...joined("u1", "a"), ts: 5 });
    expect(take({ ...joined("u1", "a"), ts: 9 })).toMatchObject([{ kind: "seen", ts: 9 }]);
    expect(voice.membersOf("a")).toEqual([{ userId: "u1", channelId: "a", since: 5 }]);
    expect(take({ ...left("u1", "a"), ts: 12 })).toMatchObject([{ since: 5, ts: 12 }]);
  });

  it("empty a channel before its deletion", () => {
    const { news, voice } = setUp();
    for (const event of [joined("u2", "a"), joined("u1", "a"), joined("u3", "b")]) news(event);
    expect(news(told("room.deleted", { channelId: "a" }))).toEqual([
      "left u1 a",
      "left u2 a",
      "channel_deleted a",
    ]);
    expect(voice.all().map(({ userId }) => userId)).toEqual(["u3"]);
  });

  it("have the event's id only if the event reports exactly them, and always its trace", () => {
    const { take } = setUp();
    take(joined("u1", "a"));
    const cause = { id: "e1", trace: "t1" };
    const [leave, join] = take({ ...joined("u1", "b"), ...cause });
    expect(leave).not.toHaveProperty("id");
    expect(leave).toMatchObject({ kind: "left", trace: "t1" });
    expect(join).toMatchObject({ kind: "joined", ...cause });
    for (const change of take({ ...snapshot([{ userId: "u2", channelId: "a" }]), ...cause })) {
      expect(change).not.toHaveProperty("id");
      expect(change.trace).toBe("t1");
    }
    const [emptied, gone] = take({ ...told("room.deleted", { channelId: "a" }), ...cause });
    expect([emptied?.id, gone?.id]).toEqual([undefined, "e1"]);
  });

  it("keep who is a bot through events without that flag, until an event changes it", () => {
    const { take, voice } = setUp();
    const bot = { name: "Music", avatar: null, bot: true };
    take(joined("u1", "a"));
    expect(voice.isBot("u1")).toBe(false);
    take(joined("u1", "a", bot));
    take(joined("u1", "a"));
    take(joined("u1", "b"));
    take(snapshot([{ userId: "u1", channelId: "b" }]));
    expect(voice.isBot("u1")).toBe(true);
    take(joined("u1", "b", { name: "Ada", avatar: null }));
    expect(voice.isBot("u1")).toBe(false);
  });
});

describe("a snapshot", () => {
  it("yields its channels, then the leaves, then the joins, then its end", () => {
    const { news, voice } = setUp();
    for (const event of [joined("u1", "a"), joined("u2", "a"), joined("u3", "b")]) news(event);
    const now = [
      { userId: "u3", channelId: "b" },
      { userId: "u4", channelId: "a" },
      { userId: "u2", channelId: "b" },
    ];
    expect(news(snapshot(now, ["a", "b"]))).toEqual([
      "channels_listed",
      "left u1 a",
      "left u2 a",
      "seen u3 b",
      "joined u4 a",
      "joined u2 b",
      "snapshot_done",
    ]);
    expect(voice.membersOf("b").map(({ userId }) => userId)).toEqual(["u2", "u3"]);
  });

  it("names the channels that it lists, and those that only a voice state names", () => {
    const { take } = setUp();
    const done = take(snapshot([{ userId: "u1", channelId: "b" }], ["a"]));
    expect(done.at(-1)).toMatchObject({ channelIds: new Set(["a", "b"]) });
  });
});

describe("the gateway's state", () => {
  const isKnown = ({ voice }: ReturnType<typeof setUp>): boolean => isVoiceKnown(voice.knowledge());

  it("makes voice known once it is connected and a snapshot has arrived, in either order", () => {
    const world = setUp();
    expect(world.news(gateway("connected", 5))).toEqual([]);
    expect(isKnown(world)).toBe(false);
    expect(world.take(snapshot([])).at(-1)).toMatchObject({ kind: "voice_known", isKnown: true });
    expect(isKnown(world)).toBe(true);
    // A state from before the connection is ignored.
    expect(world.take(gateway("down", 4))).toEqual([]);
    expect(world.take(gateway("resuming", 6))).toMatchObject([{ isKnown: false }]);
    world.take(snapshot([]));
    expect(isKnown(world)).toBe(false);
    expect(world.take(gateway("connected", 7))).toMatchObject([{ isKnown: true }]);
  });

  it("is published when it changes, with a time that is not in the future", () => {
    const { take, published, voice } = setUp();
    for (const state of ["connected", "connected", "down"]) take(gateway(state, NOW + 50_000));
    expect(published.map(({ payload }) => payload)).toEqual([
      { guildId: GUILD, state: "connected", since: NOW },
      { guildId: GUILD, state: "down", since: NOW },
    ]);
    expect(voice.standing()).toEqual({ state: "down", since: NOW });
  });
});

describe("for any events", () => {
  const user = fc.constantFrom("u1", "u2", "u3");
  const channel = fc.constantFrom("a", "b", "c");
  const event = fc.oneof(
    fc.tuple(user, channel).map(([userId, channelId]) => joined(userId, channelId)),
    fc.tuple(user, channel).map(([userId, channelId]) => left(userId, channelId)),
    channel.map((channelId) => told("room.deleted", { channelId })),
    fc
      .dictionary(user, channel)
      .map((voice) =>
        snapshot(Object.entries(voice).map(([userId, channelId]) => ({ userId, channelId }))),
      ),
  );

  it("the changes add up to the voice table, and a repeated event changes nothing", () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        const { take, voice } = setUp();
        const heard = new Map<string, string>();
        for (const one of events) {
          for (const change of take(one)) {
            if (change.kind === "joined") {
              expect(heard.has(change.userId)).toBe(false);
              heard.set(change.userId, change.channelId);
            } else if (change.kind === "left") {
              expect(heard.get(change.userId)).toBe(change.channelId);
              heard.delete(change.userId);
            } else if (change.kind === "channel_deleted") {
              expect([...heard.values()]).not.toContain(change.channelId);
            }
          }
          const shown = voice.all().map(({ userId, channelId }) => [userId, channelId] as const);
          expect(new Map(shown)).toEqual(heard);
          const again = take(one).map(({ kind }) => kind);
          expect(again).not.toContain("joined");
          expect(again).not.toContain("left");
        }
      }),
    );
  });
});

describe("a payload that the Worker's schemas cannot have passed", () => {
  it.each([
    ["room.created", { channelId: 5 }, "channelId"],
    ["room.deleted", {}, "channelId"],
    ["room.updated", { channelId: "a", userLimit: 0 }, "name"],
    ["room.updated", { channelId: "a", name: "n", userLimit: "4" }, "userLimit"],
    ["voice.joined", { channelId: "a", userId: "0 or 1" }, "userId"],
    ["voice.left", { channelId: null, userId: "u1" }, "channelId"],
    ["guild.snapshot", { channels: {}, voiceStates: [] }, "channels"],
    ["guild.snapshot", { channels: [], voiceStates: [{ userId: "u2" }] }, "channelId"],
    ["guild.snapshot", { channels: [], voiceStates: ["u2"] }, "voiceStates"],
    ["gateway.state", { state: "asleep", since: 1 }, "state"],
  ])("is refused: %s %o", (event, payload, member) => {
    const { take, voice } = setUp();
    take(joined("u1", "a"));
    expect(() => take(told(event, payload))).toThrow(member);
    expect(voice.all().map(({ userId }) => userId)).toEqual(["u1"]);
  });

  it("loses no event because of the user's data", () => {
    const { take } = setUp();
    const users = [null, 5, {}, { name: 5, avatar: null }, { name: "A", avatar: 1 }];
    for (const [at, user] of users.entries()) {
      expect(take(told("voice.joined", { userId: `u${at}`, channelId: "a", user }))).toMatchObject([
        { kind: "joined", user: undefined },
      ]);
    }
    expect(
      take(joined("u9", "a", { name: "A", avatar: null, bot: true, token: "x" })),
    ).toMatchObject([{ kind: "joined", user: { name: "A", avatar: null, bot: true } }]);
  });
});

describe("the users that are kept in memory", () => {
  it.each([
    ["a guild with few in voice", 3],
    ["a guild with more in voice than are kept", 2_100],
  ])("are those of the table: %s", (_, count) => {
    const { sql, voice, end } = setUp();
    const others = Array.from({ length: count }, (_nobody, at) => `other-${at}`);
    // Everybody is in memory from here on, as long as they are few enough.
    expect(voice.of("u1")).toBeNull();
    for (const userId of others) voice.save({ userId, channelId: "a", since: 1, isBot: false });
    expect(voice.of("other-0")).toEqual({ userId: "other-0", channelId: "a", since: 1 });
    end();
    const objects = new KeptObjects(sql);
    const kept = objects.kept(sqlGuildVoice);
    const user = fc.constantFrom("u1", "u2", ...others.slice(0, 2), ...others.slice(-2));
    const isBot = fc.boolean();
    const channelId = fc.constantFrom("a", "b", null);
    fc.assert(
      fc.property(fc.array(fc.record({ user, isBot, channelId })), (steps) => {
        for (const step of steps) {
          const { user: userId } = step;
          if (step.channelId === null) kept.remove(userId);
          else kept.save({ userId, channelId: step.channelId, since: 2, isBot: step.isBot });
          expect(kept.of(userId)?.channelId ?? null).toBe(step.channelId);
          const members = kept.membersOf("a");
          objects.write();
          const fresh = new KeptObjects(sql).kept(sqlGuildVoice);
          expect(members).toEqual(fresh.membersOf("a"));
          expect(kept.all()).toEqual(fresh.all());
          for (const one of ["u1", "u2", userId]) {
            expect(kept.of(one)).toEqual(fresh.of(one));
            expect(kept.isBot(one)).toBe(fresh.isBot(one));
          }
        }
      }),
      { numRuns: count > 1_000 ? 10 : 100 },
    );
  });
});

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { IncomingEvent, Publication } from "../../../hub/publisher.ts";
import { HELD_EVENTS_MAX, PEOPLE_KEEP_MS, PEOPLE_MAX } from "../../../protocol/limits.ts";
import { roomsWorld } from "../../../testing/rooms-turn.ts";
import { audienceOf, type RoomRecord } from "../room-record.ts";
import { HOLD_MS, SNAPSHOT_MARGIN_MS } from "./apply-change.ts";
import { confirmEnd, giveUpRoom, openRoom, reopenRoom, watchCreation } from "./creation.ts";
import { PEOPLE_TASK, sweepPeople } from "./people.ts";
import { endRoom, roomTask } from "./room-changes.ts";

const GUILD = "1";
const IDLE_MS = 60_000;

function reserved(id: string, isPrivate = false): RoomRecord {
  return {
    id,
    guildId: GUILD,
    channelId: null,
    name: id,
    userLimit: 4,
    private: isPrivate,
    allowedUserIds: ["u1"],
    parentId: null,
    createdBy: "alice",
    createdByDiscordId: null,
    createdAt: 0,
    openedAt: null,
    state: "creating",
    endedAt: null,
    idempotencyKey: null,
    idleMs: IDLE_MS,
    revision: 1,
  };
}

/** A hub in memory, with access to all that it stores and publishes. */
function setUp() {
  let now = 1_000_000;
  const { turn, voice, take, end, published, tasks } = roomsWorld(GUILD, () => now);
  const { state } = turn;
  return {
    turn,
    take,
    end,
    voice,
    state,
    published,
    tasks,
    at: (ms: number) => {
      now = ms;
    },
    /** What was published since the last call, in short. */
    news: (): string[] =>
      published.splice(0).map(({ event, payload }) => {
        const user = typeof payload["userId"] === "string" ? ` ${payload["userId"]}` : "";
        return `${event} ${String(payload["channelId"] ?? payload["state"])}${user}`;
      }),
    open: (channelId: string, isPrivate = false): RoomRecord => {
      const id = `room-${channelId}`;
      state.saveRoom(reserved(id, isPrivate));
      openRoom(turn, id, { id: channelId, name: id });
      return state.room(id) ?? reserved(id);
    },
  };
}

const joined = (userId: string, channelId: string): IncomingEvent => ({
  event: "voice.joined",
  payload: { guildId: GUILD, channelId, userId },
});
const named = (userId: string, channelId: string, name: string, bot = false): IncomingEvent => ({
  event: "voice.joined",
  payload: {
    guildId: GUILD,
    channelId,
    userId,
    user: { name, avatar: `a_${"0f".repeat(16)}`, ...(bot ? { bot: true } : {}) },
  },
});
const left = (userId: string, channelId: string): IncomingEvent => ({
  event: "voice.left",
  payload: { guildId: GUILD, channelId, userId },
});
const channelCreated = (channelId: string): IncomingEvent => ({
  event: "room.created",
  payload: { guildId: GUILD, channelId, name: "in Discord" },
});
const gateway = (state: string, since = 1): IncomingEvent => ({
  event: "gateway.state",
  payload: { guildId: GUILD, state, since },
});
const channelUpdated = (channelId: string, name: string): IncomingEvent => ({
  event: "room.updated",
  payload: { guildId: GUILD, channelId, name, userLimit: 4 },
});
const channelDeleted = (channelId: string): IncomingEvent => ({
  event: "room.deleted",
  payload: { guildId: GUILD, channelId },
});
const snapshot = (
  channels: readonly string[],
  voice: Readonly<Record<string, string>>,
  ts?: number,
): IncomingEvent => ({
  event: "guild.snapshot",
  payload: {
    guildId: GUILD,
    channels: channels.map((channelId) => ({
      channelId,
      name: `room-${channelId}`,
      userLimit: 4,
    })),
    voiceStates: Object.entries(voice).map(([userId, channelId]) => ({ userId, channelId })),
  },
  ...(ts === undefined ? {} : { ts }),
});

describe("events of the gateway", () => {
  it("publishes a room once, whether Discord's answer or its event comes first", () => {
    const { take, open, news } = setUp();
    open("c1");
    take(channelCreated("c1"));
    expect(news()).toEqual(["room.created c1"]);
    take(channelDeleted("c1"));
    take(channelDeleted("c1"));
    expect(news()).toEqual(["room.deleted c1"]);
  });

  it("publishes voice of a channel that is not ours, but not the channel", () => {
    const { take, news } = setUp();
    take(channelCreated("lobby"));
    take(joined("u1", "lobby"));
    take(channelDeleted("lobby"));
    expect(news()).toEqual(["voice.joined lobby u1", "voice.left lobby u1"]);
  });

  it("publishes nothing for an event that changes nothing", () => {
    const { take, open, news } = setUp();
    open("c1");
    news();
    take(left("u1", "c1"));
    take(joined("u1", "c1"));
    take(joined("u1", "c1"));
    take(left("u1", "c2"));
    expect(news()).toEqual(["voice.joined c1 u1"]);
  });

  it("fills in the leave of a move whose leave is missing", () => {
    const { take, open, news } = setUp();
    open("c1");
    open("c2");
    news();
    take(joined("u1", "c1"));
    take(joined("u1", "c2"));
    expect(news()).toEqual(["voice.joined c1 u1", "voice.left c1 u1", "voice.joined c2 u1"]);
  });

  it("empties a room before it ends it", () => {
    const { take, turn, open, news } = setUp();
    const room = open("c1");
    take(joined("u1", "c1"));
    take(joined("u2", "c1"));
    news();
    endRoom(turn, room);
    expect(news()).toEqual(["voice.left c1 u1", "voice.left c1 u2", "room.deleted c1"]);
  });

  it("ignores late events of a room that has ended", () => {
    const { take, turn, open, news } = setUp();
    endRoom(turn, open("c1", true));
    news();
    expect(take(joined("u1", "c1"))).toBe("done");
    take(channelCreated("c1"));
    take(snapshot(["c1"], { u1: "c1" }));
    expect(news()).toEqual([]);
  });

  it("asks Discord when the channel of an ended room is seen again, and reopens the room if it exists", () => {
    const { take, turn, state, open, news, tasks, at } = setUp();
    const shown = [
      joined("u1", "c1"),
      channelCreated("c1"),
      channelUpdated("c1", "now"),
      snapshot(["c1"], { u1: "c1" }),
    ];
    for (const event of shown) {
      open("c1", true);
      const ended = state.roomOfChannel("c1");
      if (ended === null) throw new Error("no room");
      if (ended.state === "open") endRoom(turn, ended);
      news();
      const check = roomTask.check(ended.id);
      at(turn.hub.now() + 10_000);
      // From before the end: it is only late.
      take({ ...event, ts: turn.hub.now() - 10_000 });
      expect([tasks.has(check), state.heldCount()]).toEqual([false, 0]);
      take(event);
      expect(tasks.get(check)).toBe(turn.hub.now());
      take(joined("u2", "c1"));
      expect(news()).toEqual([]);
      const room = state.roomOfChannel("c1");
      if (room === null) throw new Error("no room");
      reopenRoom(turn, room, { id: "c1", name: "again" });
      const told = news();
      expect(told[0]).toBe("room.created c1");
      expect(told.at(-1)).toBe("voice.joined c1 u2");
      expect([state.heldCount(), state.unsettledChannels()]).toEqual([0, []]);
      const back = state.roomOfChannel("c1");
      expect(back).toMatchObject({ state: "open", private: true, endedAt: null });
      if (back !== null) endRoom(turn, back);
      expect(news().at(-1)).toBe("room.deleted c1");
      // If the channel does not exist, its held events are dropped.
      at(turn.hub.now() + 10_000);
      take(joined("u3", "c1"));
      const gone = state.roomOfChannel("c1");
      if (gone !== null) confirmEnd(turn, gone);
      expect([news(), state.heldCount(), state.publishedVoiceOf("u3")]).toEqual([[], 0, null]);
      tasks.clear();
      state.removeRoom(ended.id);
    }
  });

  it("treats a room with only bots as empty", () => {
    const { take, open, tasks, at } = setUp();
    take(gateway("connected"));
    take(snapshot([], {}));
    const task = roomTask.idle(open("c1").id);
    const user = { name: "Music", avatar: null, bot: true };
    const bot: IncomingEvent = {
      event: "voice.joined",
      payload: { guildId: GUILD, channelId: "c1", userId: "bot", user },
    };
    at(1_010_000);
    take(bot);
    expect(tasks.get(task)).toBe(1_000_000 + IDLE_MS);
    take(joined("u1", "c1"));
    expect(tasks.has(task)).toBe(false);
    take(left("u1", "c1"));
    expect(tasks.get(task)).toBe(1_010_000 + IDLE_MS);
    at(1_020_000);
    take(left("bot", "c1"));
    expect(tasks.get(task)).toBe(1_010_000 + IDLE_MS);
    // A snapshot shows that a user is a bot.
    take(joined("bot2", "c1"));
    expect(tasks.has(task)).toBe(false);
    const told = snapshot(["c1"], {});
    const voiceStates = [{ userId: "bot2", channelId: "c1", user }];
    take({ ...told, payload: { ...told.payload, voiceStates } });
    expect(tasks.get(task)).toBe(1_020_000 + IDLE_MS);
  });

  it("keeps events of a channel that may be a room's until it is opened, and lets others pass", () => {
    const { take, turn, state, news, published } = setUp();
    take(channelCreated("lobby"));
    state.saveRoom(reserved("r1", true));
    expect(take({ ...joined("u1", "new"), id: "e1", trace: "t1" })).toBe("done");
    expect(take(channelCreated("new"))).toBe("done");
    expect(state.isForeign("new")).toBe(false);
    expect(take(channelUpdated("new", "now"))).toBe("done");
    expect(take(joined("u2", "lobby"))).toBe("done");
    expect(news()).toEqual(["voice.joined lobby u2"]);
    openRoom(turn, "r1", { id: "new", name: "r1" });
    expect(published).toMatchObject([
      { event: "room.created", audience: ["sub:alice", "discord:u1", "scope:rooms:manage"] },
      { event: "voice.joined", id: "e1", trace: "t1", ts: 1_000_000 },
      { event: "room.updated", payload: { name: "now" } },
    ]);
    for (const { audience } of published) expect(audience).toHaveLength(3);
    news();
    take(left("u1", "new"));
    expect(news()).toEqual(["voice.left new u1"]);
  });

  it("holds later changes of the same user or channel too, and keeps their order", () => {
    const { take, turn, state, news } = setUp();
    for (const channelId of ["lobby", "hall"]) take(channelCreated(channelId));
    state.saveRoom(reserved("r1"));
    for (const event of [
      joined("u1", "new"),
      left("u1", "new"),
      joined("u1", "lobby"),
      joined("u2", "lobby"),
      // Otherwise the user whose join is held would be in a channel that is gone.
      channelDeleted("lobby"),
      joined("u2", "hall"),
      channelDeleted("new"),
    ]) {
      expect(take(event)).toBe("done");
    }
    expect(news()).toEqual([
      "voice.joined lobby u2",
      "voice.left lobby u2",
      "voice.joined hall u2",
    ]);
    openRoom(turn, "r1", { id: "new", name: "r1" });
    expect(news()).toEqual([
      "room.created new",
      "voice.joined new u1",
      "voice.left new u1",
      "voice.joined lobby u1",
      "voice.left lobby u1",
      "room.deleted new",
    ]);
    expect(state.heldCount()).toBe(0);
  });

  it("asks Discord at once what became of a creation, when the first event waits for it", () => {
    const { take, turn, state, tasks, at } = setUp();
    state.saveRoom(reserved("r1"));
    const task = roomTask.repair("r1");
    watchCreation(turn, "r1", { lookMs: 30_000, decideMs: 45_000 });
    take(joined("u1", "new"));
    expect(tasks.get(task)).toBe(1_000_000);
    tasks.set(task, 1_010_000);
    at(1_005_000);
    // The second event waits for the same answer.
    take(joined("u2", "new"));
    expect(tasks.get(task)).toBe(1_010_000);
  });

  it("does not hold a channel's events for rooms that were requested after it was seen", () => {
    const { take, turn, state, news } = setUp();
    state.saveRoom(reserved("r1"));
    take(channelCreated("hall"));
    take(joined("u1", "hall"));
    state.saveRoom(reserved("r2"));
    giveUpRoom(turn, "r1");
    expect(news()).toEqual(["voice.joined hall u1"]);
    expect([state.isForeign("hall"), state.unsettledChannels()]).toEqual([true, []]);
    take(joined("u2", "hall"));
    expect(news()).toEqual(["voice.joined hall u2"]);
  });

  it("applies a snapshot while a room is being created, except for the channel that may be its", () => {
    const { take, turn, state, open, news } = setUp();
    open("c1");
    take(channelCreated("lobby"));
    for (const user of ["u1", "u2"]) take(joined(user, "c1"));
    state.saveRoom(reserved("r1", true));
    take(joined("u3", "new"));
    news();
    // u2 has gone on to the unknown channel, u3 has left it for the lobby.
    const voice = { u1: "lobby", u2: "new", u3: "lobby" };
    expect(take(snapshot(["c1", "lobby", "new"], voice))).toBe("done");
    expect(news()).toEqual(["voice.left c1 u1", "voice.left c1 u2", "voice.joined lobby u1"]);
    expect(state.isForeign("new")).toBe(false);
    openRoom(turn, "r1", { id: "new", name: "r1" });
    expect(news()).toEqual([
      "room.created new",
      "voice.joined new u3",
      "voice.left new u3",
      "voice.joined new u2",
      "voice.joined lobby u3",
    ]);
  });

  it("has the publisher send again when it holds as many events as it may, and loses nothing", () => {
    const { take, turn, state, news } = setUp();
    state.saveRoom(reserved("r1"));
    for (let i = 0; i < HELD_EVENTS_MAX; i += 1) {
      expect(take(joined(`u${i}`, "new"))).toBe("done");
    }
    expect(take(joined("one-more", "new"))).toEqual({ holdMs: HOLD_MS });
    // The join of u1 is held already, so this adds no held event.
    expect(take(joined("u1", "new"))).toBe("done");
    openRoom(turn, "r1", { id: "new", name: "r1" });
    expect(news()).toHaveLength(HELD_EVENTS_MAX + 1);
    expect(take(joined("one-more", "new"))).toBe("done");
  });

  it("applies held events when a creation was given up", () => {
    const { take, turn, state } = setUp();
    state.saveRoom(reserved("r1"));
    giveUpRoom(turn, "r1");
    expect(take(joined("u1", "new"))).toBe("done");
    expect(openRoom(turn, "r1", { id: "c9", name: "late" })).toBe(false);
  });

  it("shows a private room's events to those who may see it only", () => {
    const { take, open, published } = setUp();
    const room = open("c1", true);
    take(joined("u1", "c1"));
    take({
      event: "room.updated",
      payload: { guildId: GUILD, channelId: "c1", name: "renamed", userLimit: 4 },
    });
    take(channelDeleted("c1"));
    expect(published.map(({ event }) => event)).toEqual([
      "room.created",
      "voice.joined",
      "room.updated",
      "voice.left",
      "room.deleted",
    ]);
    expect(audienceOf(room)).toEqual(["sub:alice", "discord:u1", "scope:rooms:manage"]);
    for (const { audience } of published) expect(audience).toEqual(audienceOf(room));
  });

  it("starts the idle time of an empty room, and not of an occupied one", () => {
    const { take, open, tasks, at } = setUp();
    take(gateway("connected"));
    take(snapshot([], {}));
    const task = roomTask.idle(open("c1").id);
    expect(tasks.get(task)).toBe(1_000_000 + IDLE_MS);
    take(joined("u1", "c1"));
    expect(tasks.has(task)).toBe(false);
    at(2_000_000);
    take(left("u1", "c1"));
    expect(tasks.get(task)).toBe(2_000_000 + IDLE_MS);
  });

  it("stops the idle time while voice is not known, and restarts it when it is", () => {
    const { take, open, tasks, at } = setUp();
    const [empty, used] = [roomTask.idle(open("c1").id), roomTask.idle(open("c2").id)];
    const idle = (): string[] => [...tasks.keys()].filter((key) => key.startsWith("idle/"));
    const voice = { u1: "c2" };
    // First nothing is known of the gateway; then it connects; then its snapshot comes.
    expect(idle()).toEqual([]);
    take(gateway("connected"));
    expect(idle()).toEqual([]);
    take(snapshot(["c1", "c2"], voice));
    expect(idle()).toEqual([empty]);
    for (const [i, away] of (["resuming", "down"] as const).entries()) {
      const now = 2_000_000 * (i + 1);
      at(now);
      take(gateway(away, now));
      expect(idle()).toEqual([]);
      // Somebody may join unseen after this leave.
      take(left("u1", "c2"));
      take(joined("u1", "c2"));
      take(gateway("connected", now));
      expect(idle()).toEqual([]);
      at(now + 5_000);
      take(snapshot(["c1", "c2"], voice));
      expect([idle(), tasks.get(empty)]).toEqual([[empty], now + 5_000 + IDLE_MS]);
      // A late report from before the connection changes nothing.
      take(gateway("down", now - 1));
      expect(tasks.get(empty)).toBe(now + 5_000 + IDLE_MS);
    }
    // A clock that is far ahead does not keep it connected for ever.
    take(gateway("connected", 99_000_000));
    at(8_000_000);
    take(gateway("down", 8_000_000));
    expect(idle()).toEqual([]);
    // A gateway that resumed sends its snapshot before it reports that it is connected.
    take(gateway("resuming", 9_000_000));
    take(snapshot(["c1", "c2"], {}));
    expect(idle()).toEqual([]);
    take(gateway("connected", 9_000_001));
    expect(idle().toSorted()).toEqual([empty, used]);
  });

  it("publishes a gateway state only when it changes", () => {
    const { take, news } = setUp();
    for (const state of ["connected", "connected", "down", "connected"]) {
      take(gateway(state));
    }
    expect(news()).toEqual([
      "gateway.state connected",
      "gateway.state down",
      "gateway.state connected",
    ]);
  });

  it("does not end a room that is younger than the snapshot, but has it checked", () => {
    const { take, open, news, tasks } = setUp();
    const room = open("c1");
    news();
    take(snapshot([], {}, 1_000_000 + SNAPSHOT_MARGIN_MS - 1));
    expect(news()).toEqual([]);
    expect(tasks.has(roomTask.check(room.id))).toBe(true);
    take(snapshot([], {}, 1_000_000 + SNAPSHOT_MARGIN_MS));
    expect(news()).toEqual(["room.deleted c1"]);
    expect(tasks.has(roomTask.check(room.id))).toBe(false);
  });

  it("publishes the difference to a snapshot: leaves before joins", () => {
    const { take, open, news, at } = setUp();
    open("c1");
    open("c2");
    for (const event of [joined("u1", "c1"), joined("u2", "c1"), joined("u3", "c2")]) {
      take(event);
    }
    news();
    at(2_000_000);
    take(snapshot(["c1", "lobby"], { u1: "lobby", u2: "c1", u4: "c1" }));
    expect(news()).toEqual([
      "voice.left c2 u3",
      "room.deleted c2",
      "voice.left c1 u1",
      "voice.joined lobby u1",
      "voice.joined c1 u4",
    ]);
  });
});

describe("a snapshot", () => {
  it("publishes the leave of a user whom readers still see in a channel", () => {
    const { take, state, open, news } = setUp();
    open("c1");
    news();
    state.savePublishedVoice("u1", { userId: "u1", channelId: "c1", since: 1 });
    take(snapshot(["c1"], {}));
    expect(news()).toEqual(["voice.left c1 u1"]);
    expect(state.membersOf("c1")).toEqual([]);
    take(snapshot(["c1"], {}));
    expect(news()).toEqual([]);
  });
});

describe("the state that results from all published events", () => {
  const user = fc.constantFrom("u1", "u2", "u3");
  const channel = fc.constantFrom("c1", "c2", "lobby", "hall");
  const step = fc.oneof(
    fc.record({ kind: fc.constant("joined" as const), user, channel }),
    fc.record({ kind: fc.constant("left" as const), user, channel }),
    fc.record({ kind: fc.constantFrom("created" as const, "deleted" as const), channel }),
    fc.record({ kind: fc.constantFrom("open" as const, "end" as const), channel }),
    fc.record({
      kind: fc.constant("snapshot" as const),
      channels: fc.uniqueArray(channel),
      voice: fc.dictionary(user, channel),
    }),
  );

  it("equals the stored state after any events in any order, and a second delivery changes nothing", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const world = setUp();
        const { take, turn, state, published } = world;
        let now = 1_000_000;
        for (const one of steps) {
          now += SNAPSHOT_MARGIN_MS;
          world.at(now);
          if (one.kind === "open") {
            if (state.roomOfChannel(one.channel) === null && !state.isForeign(one.channel)) {
              world.open(one.channel, one.channel === "c1");
            }
            continue;
          }
          if (one.kind === "end") {
            const room = state.roomOfChannel(one.channel);
            if (room !== null) endRoom(turn, room);
            continue;
          }
          const event =
            one.kind === "snapshot"
              ? snapshot(one.channels, one.voice)
              : one.kind === "joined"
                ? joined(one.user, one.channel)
                : one.kind === "left"
                  ? left(one.user, one.channel)
                  : one.kind === "created"
                    ? channelCreated(one.channel)
                    : channelDeleted(one.channel);
          expect(take(event)).toBe("done");
          const before = published.length;
          expect(take(event)).toBe("done");
          expect(published.length).toBe(before);
        }

        const rooms = new Set<string>();
        const voice = new Map<string, string>();
        for (const { event, payload, audience, topic } of published) {
          const channelId = String(payload["channelId"]);
          const userId = String(payload["userId"]);
          expect(topic).toBe(channelId);
          const ours = rooms.has(channelId) || event === "room.created";
          expect(audience !== null).toBe(ours && channelId === "c1");
          switch (event) {
            case "room.created":
              expect(rooms.has(channelId)).toBe(false);
              rooms.add(channelId);
              break;
            case "room.deleted":
              expect(rooms.delete(channelId)).toBe(true);
              expect([...voice.values()]).not.toContain(channelId);
              break;
            case "voice.joined":
              expect(voice.has(userId)).toBe(false);
              voice.set(userId, channelId);
              break;
            case "voice.left":
              expect(voice.get(userId)).toBe(channelId);
              voice.delete(userId);
          }
        }
        expect(rooms).toEqual(new Set(state.roomsIn("open").map((room) => room.channelId)));
        expect(Object.fromEntries(voice)).toEqual(
          Object.fromEntries(
            ["u1", "u2", "u3"].flatMap((id) => {
              const told = state.publishedVoiceOf(id);
              return told === null ? [] : [[id, told.channelId]];
            }),
          ),
        );
      }),
    );
  });

  it("publishes a user's name if Discord sent it, now or earlier", () => {
    const { take, published } = setUp();
    take(joined("u1", "lobby"));
    take(named("u2", "lobby", "Ada"));
    take(joined("u2", "hall"));
    const shown = {
      name: "Ada",
      avatarUrl: `https://cdn.discordapp.com/avatars/u2/a_${"0f".repeat(16)}.webp?size=64`,
    };
    const at = (userId: string, channelId: string) => ({ guildId: GUILD, channelId, userId });
    expect(published.map(({ payload }) => payload)).toEqual([
      at("u1", "lobby"),
      { ...at("u2", "lobby"), user: shown },
      at("u2", "lobby"),
      { ...at("u2", "hall"), user: shown },
    ]);
  });

  it("takes names from a snapshot, also of users who stay in their channel", () => {
    const { take, state, news } = setUp();
    take(joined("u1", "lobby"));
    news();
    const told = ["u1", "u2"].map((userId) => ({
      userId,
      channelId: "lobby",
      user: { name: `Name of ${userId}`, avatar: null },
    }));
    take({
      event: "guild.snapshot",
      payload: { guildId: GUILD, channels: [], voiceStates: told },
    });
    expect(news()).toEqual(["voice.joined lobby u2"]);
    expect(state.person("u1")).toMatchObject({ name: "Name of u1" });
    expect(state.person("u2")).toMatchObject({ name: "Name of u2" });
    expect(state.person("u3")).toBeNull();
  });

  it("finds people by a part of the name, names that begin with it first, and no bots", () => {
    const { take, state } = setUp();
    const names = { u1: "Zoë", u2: "zoe", u3: "Bezoe", u4: "ﬁona", u5: "100%", u6: "Zoebot" };
    for (const [id, name] of Object.entries(names)) {
      take(named(id, "lobby", name, id === "u6"));
    }
    const find = (q: string, limit = 10): string[] =>
      state.findPeople({ q, limit }).map(({ userId }) => userId);
    expect(find("ZOE")).toEqual(["u1", "u2", "u3"]);
    expect(find("ZOE", 2)).toEqual(["u1", "u2"]);
    expect(find("fi")).toEqual(["u4"]);
    expect(find("%")).toEqual(["u5"]);
    expect(find("' OR 1=1 --")).toEqual([]);
    expect(find("")).toEqual(["u5", "u3", "u4", "u1", "u2"]);
  });

  it("does not list people seen only in a private room, but shows their names there", () => {
    const { take, state, open, published } = setUp();
    open("c1", true);
    take(named("u1", "c1", "Ada"));
    expect(published.at(-1)).toMatchObject({
      payload: { user: { name: "Ada" } },
      audience: expect.arrayContaining(["sub:alice"]),
    });
    expect(state.findPeople({ q: "", limit: 10 })).toEqual([]);
    take(named("u1", "lobby", "Ada"));
    take(named("u1", "c1", "Ada L."));
    expect(state.findPeople({ q: "", limit: 10 })).toMatchObject([{ name: "Ada L." }]);
  });

  it("deletes people who were not seen for long, once a day", () => {
    const { take, turn, state, tasks, at } = setUp();
    const day = 24 * 3_600_000;
    at(10 * day + 5);
    take(named("u1", "lobby", "Ada"));
    expect(tasks.get(PEOPLE_TASK)).toBe(11 * day);
    at(10 * day + 5 + PEOPLE_KEEP_MS);
    take(named("u2", "lobby", "Bea"));
    sweepPeople(turn);
    expect(state.person("u1")).not.toBeNull();
    at(10 * day + 6 + PEOPLE_KEEP_MS);
    tasks.clear();
    sweepPeople(turn);
    expect([state.person("u1"), state.person("u2")?.name]).toEqual([null, "Bea"]);
    expect(tasks.has(PEOPLE_TASK)).toBe(true);
    at(20 * day + 2 * PEOPLE_KEEP_MS);
    tasks.clear();
    sweepPeople(turn);
    expect([state.person("u2"), tasks.has(PEOPLE_TASK)]).toEqual([null, false]);
  });

  it(`keeps the names of ${PEOPLE_MAX} people: one more drops the one seen longest ago`, () => {
    const { state, end } = setUp();
    const save = (n: number, seenAt: number): boolean =>
      state.savePerson({ userId: `p${n}`, name: `P ${n}`, avatar: null, listed: true, seenAt });
    for (let n = 0; n < PEOPLE_MAX; n += 1) expect(save(n, 1_000 + n)).toBe(true);
    expect(save(0, 9_999_999)).toBe(false);
    end();
    expect(state.person("p1")).not.toBeNull();
    save(PEOPLE_MAX, 9_999_999);
    end();
    expect(state.person("p0")).not.toBeNull();
    expect(state.person("p1")).toBeNull();
    expect(state.person(`p${PEOPLE_MAX}`)).not.toBeNull();
  });

  it("is the same for each user and channel if events had to wait for the room to open", () => {
    const event = fc.oneof(
      fc.tuple(user, channel).map(([userId, channelId]) => joined(userId, channelId)),
      fc.tuple(user, channel).map(([userId, channelId]) => left(userId, channelId)),
      channel.map(channelCreated),
      channel.map(channelDeleted),
      fc.dictionary(user, channel).map((voice) => snapshot(["c1", "lobby", "hall"], voice)),
    );
    fc.assert(
      fc.property(
        fc.array(event, { maxLength: 40 }),
        fc.subarray(["c2", "lobby", "hall"]),
        fc.nat(40),
        fc.boolean(),
        (events, known, openAt, isOpened) => {
          const publishedWhen = (opensAfter: number): Publication[] => {
            const { turn, take, state, published } = setUp();
            for (const channelId of known) state.addForeign(channelId);
            state.saveRoom(reserved("r1", true));
            const settle = (): void => {
              if (isOpened) openRoom(turn, "r1", { id: "c1", name: "room-c1" });
              else giveUpRoom(turn, "r1");
            };
            for (const [i, one] of events.entries()) {
              if (i === opensAfter) settle();
              // Far enough from the opening that both trust the snapshot.
              expect(take({ ...one, ts: 1 })).toBe("done");
            }
            settle();
            expect(state.heldCount()).toBe(0);
            expect(state.unsettledChannels()).toEqual([]);
            return published;
          };
          const of = (published: readonly Publication[], key: string) =>
            Object.groupBy(
              // The hub assigns its id.
              published.map((one) => ({ ...one, id: undefined })),
              ({ payload }) => String(payload[key]),
            );
          const atOnce = publishedWhen(0);
          const late = publishedWhen(openAt);
          const { undefined: channelsAtOnce, ...usersAtOnce } = of(atOnce, "userId");
          const { undefined: channelsLate, ...usersLate } = of(late, "userId");
          expect(usersLate).toEqual(usersAtOnce);
          expect(channelsLate?.length).toBe(channelsAtOnce?.length);
        },
      ),
    );
  });
});

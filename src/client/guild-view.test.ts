import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { newRoom } from "../testing/fake-hub.ts";
import type { GuildEvent } from "./guild-event.ts";
import {
  applyItems,
  applyPast,
  applyRoomDetails,
  EMPTY_VIEW,
  type GuildView,
  LOG_MAX_ENTRIES,
} from "./guild-view.ts";
import type { StreamEvent, StreamItem } from "./stream-item.ts";

const guildId = "g";
let ids = 0;

function event(seq: number, body: GuildEvent): StreamEvent {
  ids += 1;
  return { type: "event", ...body, ts: 1_000 + seq, seq, id: `e${seq}-${ids}` };
}
function snapshot(seq: number, ...names: string[]): Extract<StreamItem, { type: "snapshot" }> {
  const rooms = names.map((name) => newRoom(name));
  return { type: "snapshot", epoch: "e1", seq, reason: "first_connection", rooms };
}
const created = (channelId: string): GuildEvent => ({
  event: "room.created",
  payload: { channelId, name: `room ${channelId}`, guildId },
});
const joined = (channelId: string, userId: string): GuildEvent => ({
  event: "voice.joined",
  payload: { guildId, channelId, userId },
});
const left = (channelId: string, userId: string): GuildEvent => ({
  event: "voice.left",
  payload: { guildId, channelId, userId },
});
const deleted = (channelId: string): GuildEvent => ({
  event: "room.deleted",
  payload: { guildId, channelId },
});

const see = (items: readonly StreamItem[], from: GuildView = EMPTY_VIEW) =>
  applyItems(from, items, 5);
const members = (view: GuildView, channelId: string) =>
  view.rooms.get(channelId)?.members.map((member) => member.userId);

describe("the view", () => {
  it("knows nothing before the first snapshot", () => {
    expect(EMPTY_VIEW.known).toBe(false);
    expect(see([{ type: "accepted", guildId, connectionId: "x" }]).known).toBe(false);
    expect(see([snapshot(3)]).known).toBe(true);
  });

  it("shows people who join, move and leave", () => {
    const view = see([
      snapshot(0, "a"),
      event(1, created("b")),
      event(2, joined("a", "u1")),
      event(3, joined("a", "u2")),
      event(4, left("a", "u1")),
      event(5, joined("b", "u1")),
    ]);
    expect(members(view, "a")).toEqual(["u2"]);
    expect(members(view, "b")).toEqual(["u1"]);
    expect(view.rooms.get("b")?.members[0]?.joinedAt).toBe(1_005);
    expect(view.seq).toBe(5);
  });

  it("is replaced by a snapshot: open rooms only, oldest first", () => {
    const before = see([snapshot(0, "old"), event(1, joined("old", "u1"))]);
    const rooms = [
      { ...newRoom("young"), createdAt: "2026-01-03T00:00:00Z" },
      { ...newRoom("elder"), createdAt: "2026-01-02T00:00:00Z" },
      { ...newRoom("gone"), state: "ended" as const },
    ];
    const view = see([{ type: "snapshot", epoch: "e2", seq: 4, reason: "too_old", rooms }], before);
    expect([...view.rooms.keys()]).toEqual(["elder", "young"]);
    expect(view).toMatchObject({ epoch: "e2", seq: 4 });
    expect(view.log).toHaveLength(3);
  });

  it("logs the name that the room had at that time", () => {
    const view = see([
      snapshot(0),
      event(1, created("a")),
      event(2, {
        event: "room.updated",
        payload: { channelId: "a", name: "renamed", guildId, userLimit: 9 },
      }),
      event(3, deleted("a")),
      event(4, joined("not-ours", "u1")),
    ]);
    const names = view.log.map((entry) => (entry.kind === "event" ? entry.roomName : "mark"));
    expect(names).toEqual([null, "renamed", "renamed", "room a", "mark"]);
  });

  it("adds room details once, and keeps later changes", () => {
    const renamed: GuildEvent = {
      event: "room.updated",
      payload: { channelId: "a", name: "a", guildId, userLimit: 7 },
    };
    const bare = see([snapshot(0), event(1, created("a")), event(2, joined("a", "u1"))]);
    expect(bare.rooms.get("a")?.details).toBeNull();
    const room = { ...newRoom("a"), private: true, members: [] };
    const full = applyRoomDetails(bare, room);
    expect(full.rooms.get("a")?.details).toMatchObject({ private: true, userLimit: 4 });
    expect(members(full, "a")).toEqual(["u1"]);
    const later = see([event(3, renamed)], full);
    expect(applyRoomDetails(later, room).rooms.get("a")?.details?.userLimit).toBe(7);
    expect(applyRoomDetails(see([snapshot(9)]), room).rooms.size).toBe(0);
  });

  it("takes the gateway's state from a snapshot", () => {
    const gateway = { state: "down", since: 5 } as const;
    expect(see([{ ...snapshot(0), gateway }]).gateway).toEqual(gateway);
  });

  it("keeps the newest state of the gateway", () => {
    const state: GuildEvent = {
      event: "gateway.state",
      payload: { guildId, state: "resuming", since: 77 },
    };
    expect(see([snapshot(0), event(1, state)]).gateway).toEqual({ state: "resuming", since: 77 });
  });

  it("logs an event of an unknown kind by its name and goes on", () => {
    const strange: StreamItem = {
      type: "other",
      event: "match.started",
      payload: { x: 1 },
      ts: 1,
      seq: 1,
      id: "e1",
    };
    const view = see([snapshot(0, "a"), strange, event(2, joined("a", "u1"))]);
    expect(view.log[1]).toMatchObject({ event: null, eventName: "match.started" });
    expect(members(view, "a")).toEqual(["u1"]);
  });

  it("shows the newest presence, and none after a loss", () => {
    const view = see([
      snapshot(0),
      { type: "presence", count: 1, users: [{ userId: "u1", since: 5 }] },
      { type: "presence", count: 5_000, users: null },
      { type: "signal", event: "typing", key: "typing:u1", payload: {}, ts: 1 },
    ]);
    expect(view.presence).toEqual({ count: 5_000, users: null });
    expect(view.log).toHaveLength(1);
    expect(see([{ type: "lost", why: "Cut." }], view).presence).toBeNull();
  });

  it("marks breaks in the log", () => {
    const view = see([
      snapshot(4),
      { type: "lost", why: "Cut." },
      { type: "hole", after: 4, got: 6 },
      { type: "resumed", from: 4, to: 6, events: 2 },
    ]);
    expect(view.log.map((entry) => (entry.kind === "mark" ? entry.mark.type : ""))).toEqual([
      "resumed",
      "hole",
      "lost",
      "snapshot",
    ]);
    expect(new Set(view.log.map((entry) => entry.key)).size).toBe(4);
  });

  it("appends past events below the log, and changes nothing else", () => {
    const now = see([snapshot(5, "a"), event(6, joined("a", "u1"))]);
    const past = [
      event(1, created("old")),
      { ...event(3, joined("old", "u1")), prev: 1 },
      event(4, deleted("old")),
      event(5, joined("a", "u2")),
      event(6, joined("a", "u1")),
      event(7, left("a", "u1")),
    ];
    const view = applyPast(now, past);
    expect(
      view.log.map((entry) =>
        entry.kind === "mark" ? entry.mark.type : [entry.seq, entry.prev, entry.roomName],
      ),
    ).toEqual([
      [6, undefined, "a"],
      "snapshot",
      [5, undefined, "a"],
      [4, undefined, "room old"],
      [3, 1, "room old"],
      [1, undefined, "room old"],
    ]);
    expect({ ...view, log: now.log }).toEqual(now);
    expect(applyPast(view, past)).toEqual(view);
  });

  it("keeps at most LOG_MAX_ENTRIES entries", () => {
    const events = Array.from({ length: LOG_MAX_ENTRIES + 1 }, (_, n) =>
      event(n + 1, n % 2 === 0 ? joined("a", "u1") : left("a", "u1")),
    );
    const view = see([snapshot(0, "a"), ...events]);
    expect(view.log).toHaveLength(LOG_MAX_ENTRIES);
    expect(view.log[0]).toMatchObject({ seq: LOG_MAX_ENTRIES + 1 });
  });
});

const channel = fc.constantFrom("a", "b", "c");
const user = fc.constantFrom("u1", "u2", "u3");
const history = fc
  .array(
    fc.oneof(
      channel.map(created),
      channel.map(deleted),
      fc.tuple(channel, user).map((args) => joined(...args)),
      fc.tuple(channel, user).map((args) => left(...args)),
    ),
    { maxLength: 60 },
  )
  .map((bodies) => bodies.map((body, index) => event(index + 1, body)));

describe("any way to receive the same history", () => {
  it("gives the same view: losses, resumes and repeats leave only marks", () => {
    const breaks = fc.array(fc.tuple(fc.nat(60), fc.nat(10)), { maxLength: 8 });
    fc.assert(
      fc.property(history, breaks, (events, cuts) => {
        const straight = see([snapshot(0), ...events]);
        const broken: StreamItem[] = [snapshot(0)];
        let at = 0;
        for (const [cut, back] of cuts.toSorted((a, b) => a[0] - b[0])) {
          broken.push(...events.slice(at, Math.max(at, cut)));
          at = Math.max(at, cut);
          const again = Math.max(0, at - back);
          broken.push({ type: "lost", why: "" }, ...events.slice(again, at));
          broken.push({ type: "resumed", from: again, to: at, events: 0 });
        }
        broken.push(...events.slice(at));
        const view = see(broken);
        const eventsOf = (one: GuildView) => one.log.filter((entry) => entry.kind === "event");
        expect(view.rooms).toEqual(straight.rooms);
        expect(view.seq).toBe(straight.seq);
        expect(eventsOf(view)).toEqual(eventsOf(straight));
      }),
    );
  });

  it("gives the same rooms when a snapshot replaces the first part", () => {
    fc.assert(
      fc.property(history, fc.nat(60), (events, cut) => {
        const straight = see([snapshot(0), ...events]);
        const half = see([snapshot(0), ...events.slice(0, cut)]);
        const rooms = [...half.rooms.values()].map((room) => ({
          ...newRoom(room.channelId, room.name),
          members: room.members.map(({ userId, joinedAt }) => ({
            userId,
            joinedAt: new Date(joinedAt).toISOString(),
          })),
        }));
        const { seq } = half;
        const joinedLate = see([
          { type: "snapshot", epoch: "e1", seq, reason: "too_old", rooms },
          ...events.slice(cut),
        ]);
        const plain = (view: GuildView) =>
          Object.fromEntries(
            [...view.rooms.values()].map(({ channelId, name, members: inside }) => [
              channelId,
              { name, inside },
            ]),
          );
        expect(plain(joinedLate)).toEqual(plain(straight));
      }),
    );
  });
});

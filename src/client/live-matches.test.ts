import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { GuildEvent } from "./guild-event.ts";
import { applyItems, EMPTY_VIEW, type GuildView } from "./guild-view.ts";
import type { Faction, Match, MatchSide } from "./resources.ts";
import type { Snapshot, StreamEvent, StreamItem } from "./stream-item.ts";

const guildId = "g";
const SIDE: MatchSide = { name: "", players: [], room: null, problem: null, inVoice: [] };

function match(matchId: string, revision: number, more: Partial<Match> = {}): Match {
  return {
    matchId,
    guildId,
    state: "live",
    status: "READY",
    game: "cs2",
    region: "EU",
    competition: "Hub",
    map: null,
    bestOf: 1,
    url: null,
    demoUrl: null,
    demoUrls: [],
    factions: { faction1: SIDE, faction2: SIDE },
    createdAt: "2026-11-20T19:00:00.000Z",
    endedAt: null,
    revision,
    ...more,
  };
}
const withRoom = (channelId: string, inVoice: readonly string[] = []) => ({
  factions: {
    faction1: { ...SIDE, room: { channelId, name: `match-${channelId}` }, inVoice },
    faction2: SIDE,
  },
});
const matchEvent = (
  event: "match.created" | "match.updated" | "match.ended",
  one: Match,
): GuildEvent => ({
  event,
  payload: { guildId, match: one },
});
const opened = (channelId: string, faction: Faction = "faction1"): GuildEvent => ({
  event: "match.room.created",
  payload: { guildId, matchId: "m1", faction, channelId, name: `match-${channelId}` },
});
const deleted = (channelId: string, faction: Faction = "faction1"): GuildEvent => ({
  event: "match.room.deleted",
  payload: { guildId, matchId: "m1", faction, channelId },
});
const voice = (
  event: "voice.joined" | "voice.left",
  channelId: string,
  userId: string,
): GuildEvent => ({ event, payload: { guildId, channelId, userId } });

function snapshot(seq: number, ...matches: readonly Match[]): Snapshot & { type: "snapshot" } {
  const reason = "first_connection";
  return { type: "snapshot", epoch: "e", seq, reason, rooms: [], matches };
}
const numbered = (bodies: readonly GuildEvent[]): StreamEvent[] =>
  bodies.map((body, at) => ({ type: "event", ...body, ts: at, seq: at + 1, id: `e${at}` }));
const see = (items: readonly StreamItem[]): GuildView => applyItems(EMPTY_VIEW, items, 0);
/** The view after a snapshot with these matches, followed by these events. */
const after = (known: readonly Match[], ...bodies: readonly GuildEvent[]): GuildView =>
  see([snapshot(0, ...known), ...numbered(bodies)]);
const sideOf = (view: GuildView, faction: Faction = "faction1") =>
  view.matches.get("m1")?.factions[faction];

describe("the matches of the view", () => {
  it("are the live matches of the snapshot, oldest first; none when it has no `matches`", () => {
    const view = after([
      match("young", 1, { createdAt: "2026-11-20T20:00:00.000Z" }),
      match("old", 1),
      match("over", 1, { state: "ended" }),
    ]);
    expect([...view.matches.keys()]).toEqual(["old", "young"]);
    const { matches: _, ...without } = snapshot(1);
    expect(applyItems(view, [without], 0).matches.size).toBe(0);
  });

  it("are added, change, end, and return when they are reopened", () => {
    const ended = match("m1", 3, { state: "ended" });
    const first = [
      matchEvent("match.created", match("m1", 1)),
      matchEvent("match.updated", match("m1", 2)),
    ];
    expect(after([], ...first).matches.get("m1")?.revision).toBe(2);
    expect(after([], ...first, matchEvent("match.ended", ended)).matches.size).toBe(0);
    const again = matchEvent("match.updated", match("m1", 4, { status: "ONGOING" }));
    const reopened = after([], ...first, matchEvent("match.ended", ended), again);
    expect(reopened.matches.get("m1")?.status).toBe("ONGOING");
  });

  it("are not changed by an older or the same revision", () => {
    const known = match("m1", 5, { status: "ONGOING" });
    const before = after([known]);
    for (const revision of [4, 5]) {
      for (const event of ["match.created", "match.updated"] as const) {
        expect(after([known], matchEvent(event, match("m1", revision))).matches).toEqual(
          before.matches,
        );
      }
      const late = matchEvent("match.ended", match("m1", revision, { state: "ended" }));
      expect(after([known], late).matches).toEqual(before.matches);
    }
  });

  it("have the room of each side", () => {
    const view = after([match("m1", 1)], opened("c1"), opened("c2", "faction2"), deleted("c1"));
    expect(sideOf(view)?.room).toBeNull();
    expect(sideOf(view, "faction2")?.room).toEqual({ channelId: "c2", name: "match-c2" });
    // An event about a deleted room does not remove the side's newer room.
    expect(sideOf(after([match("m1", 1)], opened("c3"), deleted("c1")))?.room).toMatchObject({
      channelId: "c3",
    });
    expect(after([], opened("c1"), deleted("c1")).matches.size).toBe(0);
  });

  it("list users in voice: only in the side's own channel, and each once", () => {
    const known = [match("m1", 1, withRoom("c1", ["u1"]))];
    const joined = after(
      known,
      voice("voice.joined", "c1", "u2"),
      voice("voice.joined", "c1", "u2"),
      voice("voice.joined", "lobby", "u3"),
      voice("voice.left", "c1", "u1"),
      voice("voice.left", "c1", "u1"),
    );
    expect(sideOf(joined)?.inVoice).toEqual(["u2"]);
    expect(sideOf(after(known, opened("c1")))?.inVoice).toEqual(["u1"]);
    expect(sideOf(after(known, deleted("c1")))?.inVoice).toEqual([]);
    const updated = matchEvent("match.updated", match("m1", 2, withRoom("c1", ["u1", "u9"])));
    expect(sideOf(after(known, updated))?.inVoice).toEqual(["u1", "u9"]);
  });

  it("appear in the log with all other events", () => {
    const names = after([], matchEvent("match.created", match("m1", 1))).log.map((entry) =>
      entry.kind === "event" ? entry.event?.event : entry.mark.type,
    );
    expect(names).toEqual(["match.created", "snapshot"]);
  });
});

const channel = fc.constantFrom("c1", "c2");
const faction = fc.constantFrom<Faction>("faction1", "faction2");
const revision = fc.nat(6);
const happening = fc.oneof(
  revision.map((n) => matchEvent("match.created", match("m1", n))),
  fc
    .tuple(revision, channel)
    .map(([n, c]) => matchEvent("match.updated", match("m1", n, withRoom(c)))),
  revision.map((n) => matchEvent("match.ended", match("m1", n, { state: "ended" }))),
  fc.tuple(channel, faction).map((args) => opened(...args)),
  fc.tuple(channel, faction).map((args) => deleted(...args)),
  channel.map((c) => voice("voice.joined", c, "u1")),
  channel.map((c) => voice("voice.left", c, "u1")),
);

it("gives the same matches whichever part of the history a snapshot replaces, and with repeated events", () => {
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 40 }), fc.nat(40), (bodies, cut) => {
      const events = numbered(bodies);
      const straight = see([snapshot(0), ...events]);
      const half = see([snapshot(0), ...events.slice(0, cut)]);
      const whole = snapshot(half.seq, ...half.matches.values());
      expect(see([whole, ...events]).matches).toEqual(straight.matches);
      expect(see([snapshot(0), ...events, ...events.slice(cut)]).matches).toEqual(straight.matches);
    }),
  );
});

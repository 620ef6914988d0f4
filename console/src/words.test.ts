import { describe, expect, it } from "vitest";
import type { GuildEvent } from "../../src/client/guild-event.ts";
import type { LogEntry, Mark } from "../../src/client/guild-view.ts";
import type { Match, MatchSide } from "../../src/client/match.ts";
import type { ConnectionState } from "../../src/client/stream-item.ts";
import { rememberChannels } from "./names.ts";
import {
  clock,
  connectionWords,
  duration,
  entryInWords,
  peopleHere,
  plain,
  type Tone,
  topicOf,
} from "./words.ts";

const guildId = "g";
const matchId = "1-7c1f0a52";
const side = (name: string): MatchSide => ({
  name,
  players: [],
  room: null,
  problem: null,
  inVoice: [],
});
const match = (status: string): Match => ({
  matchId,
  guildId,
  state: "live",
  status,
  game: "cs2",
  region: "EU",
  competition: "Nordic Night Hub",
  map: null,
  bestOf: 1,
  url: null,
  demoUrl: null,
  demoUrls: [],
  factions: { faction1: side("aurora"), faction2: side("borealis") },
  createdAt: "2026-11-20T19:00:00Z",
  endedAt: null,
  revision: 1,
});
function line(event: GuildEvent | null, roomName: string | null = "Friday"): LogEntry {
  const eventName = event?.event ?? "match.started";
  return { kind: "event", key: "k", seq: 1, ts: 1, event, eventName, roomName };
}
const mark = (one: Mark): LogEntry => ({ kind: "mark", key: "k", at: 1, mark: one });
const said = (entry: LogEntry) => plain(entryInWords(entry));

describe("the log in words", () => {
  it.each<[GuildEvent, string, string]>([
    [
      { event: "room.created", payload: { channelId: "c", name: "Friday", guildId } },
      "Friday was opened",
      "rooms",
    ],
    [
      {
        event: "room.updated",
        payload: { channelId: "c", name: "Friday", guildId, userLimit: 0 },
      },
      "Friday was changed, no limit",
      "rooms",
    ],
    [{ event: "room.deleted", payload: { channelId: "c", guildId } }, "Friday ended", "rooms"],
    [
      { event: "voice.joined", payload: { channelId: "c", userId: "u1", guildId } },
      "u1 joined Friday",
      "people",
    ],
    [
      { event: "voice.left", payload: { channelId: "c", userId: "u1", guildId } },
      "u1 left Friday",
      "people",
    ],
    [
      { event: "gateway.state", payload: { guildId, state: "down", since: 1 } },
      "Discord is not connected",
      "connection",
    ],
    [
      { event: "match.created", payload: { guildId, match: match("CHECK_IN") } },
      "New match: aurora against borealis",
      "matches",
    ],
    [
      { event: "match.updated", payload: { guildId, match: match("ONGOING") } },
      "aurora against borealis: Being played",
      "matches",
    ],
    [
      {
        event: "match.room.created",
        payload: {
          guildId,
          matchId,
          faction: "faction1",
          channelId: "c",
          name: "match-1-faction1",
        },
      },
      "match-1-faction1 was opened for a match",
      "matches",
    ],
    [
      {
        event: "match.room.deleted",
        payload: { guildId, matchId, faction: "faction1", channelId: "c" },
      },
      "Friday was removed",
      "matches",
    ],
    [
      { event: "match.ended", payload: { guildId, match: match("ABORTED") } },
      "aurora against borealis is over: aborted",
      "matches",
    ],
  ])("tells %j", (event, words, topic) => {
    expect(said(line(event))).toBe(words);
    expect(topicOf(line(event))).toBe(topic);
  });

  it("does without a room's name", () => {
    const payload = { channelId: "c7", userId: "u1", guildId };
    expect(said(line({ event: "voice.left", payload }, null))).toBe("u1 left channel c7");
    expect(said(line({ event: "room.deleted", payload }, null))).toBe("A room ended");
    const gone = { guildId, matchId, faction: "faction2", channelId: "c7" } as const;
    expect(said(line({ event: "match.room.deleted", payload: gone }, null))).toBe(
      "A match's channel was removed",
    );
    const side2 = { ...side("borealis"), room: { channelId: "c7", name: "match-1-faction2" } };
    const factions = { faction1: side("aurora"), faction2: side2 };
    rememberChannels([{ ...match("READY"), factions }]);
    expect(said(line({ event: "match.room.deleted", payload: gone }, null))).toBe(
      "match-1-faction2 was removed",
    );
    expect(said(line({ event: "voice.left", payload }, null))).toBe("u1 left match-1-faction2");
  });

  it("names an event of another kind", () => {
    expect(said(line(null))).toContain("match.started");
  });

  it.each<[Mark, string]>([
    [{ type: "snapshot", seq: 8, reason: "first_connection" }, "Everything loaded, as of event 8"],
    [{ type: "resumed", events: 0 }, "Back again: nothing was missed"],
    [{ type: "resumed", events: 1 }, "Back again: 1 missed event caught up"],
    [{ type: "resumed", events: 4 }, "Back again: 4 missed events caught up"],
    [{ type: "hole", after: 4, got: 6 }, "An event after 4 did not arrive: asking for it again"],
    [{ type: "lost", why: "Cut." }, "Disconnected. Cut."],
  ])("tells the break %j", (one, words) => {
    expect(said(mark(one))).toBe(words);
    expect(topicOf(mark(one))).toBe("connection");
  });
});

describe("a length of time", () => {
  it.each([
    [-5_000, "less than a minute"],
    [59_999, "less than a minute"],
    [60_000, "1 min"],
    [59 * 60_000, "59 min"],
    [60 * 60_000, "1 h"],
    [130 * 60_000, "2 h 10 min"],
    [24 * 60 * 60_000, "1 day"],
    [50 * 60 * 60_000, "2 days"],
  ])("%i ms is %s", (ms, words) => {
    expect(duration(ms)).toBe(words);
  });
});

describe("the connection in words", () => {
  const live = (over: "websocket" | "http"): ConnectionState => ({ kind: "live", since: 0, over });

  it.each<[ConnectionState, Tone, string]>([
    [{ kind: "connecting" }, "busy", "Connecting"],
    [live("websocket"), "good", "Live"],
    [live("http"), "good", "Live over HTTP"],
    [{ kind: "waiting", until: 1, why: "Cut." }, "busy", "Reconnecting"],
    [{ kind: "waiting", until: 1, why: "Cut.", offline: true }, "busy", "Offline"],
    [{ kind: "signed-out" }, "bad", "Signed out"],
    [{ kind: "stopped", why: "Closed." }, "bad", "Stopped"],
  ])("says %j", (state, tone, text) => {
    expect(connectionWords(state)).toMatchObject({ tone, text });
  });

  it("has more for who asks", () => {
    expect(connectionWords({ kind: "waiting", until: 1, why: "Cut." }).more).toBe("Cut.");
    expect(connectionWords(live("http")).more).toMatch(`${clock(0)}. Your network`);
  });

  it("counts people, oneself among them", () => {
    expect([1, 2, 40].map(peopleHere)).toEqual([
      "1 person here",
      "2 people here",
      "40 people here",
    ]);
  });
});

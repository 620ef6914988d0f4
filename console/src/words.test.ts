import { describe, expect, it } from "vitest";
import type { GuildEvent } from "../../src/client/guild-event.ts";
import type { LogEntry, Mark } from "../../src/client/guild-view.ts";
import type { Match, MatchSide } from "../../src/client/resources.ts";
import { rememberMatchChannels, rememberPeople } from "./people.ts";
import {
  entryInWords,
  idleEndInWords,
  openerInWords,
  pageReaders,
  plain,
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
      "Friday was changed: for any number of people",
      "rooms",
    ],
    [{ event: "room.deleted", payload: { channelId: "c", guildId } }, "Friday ended", "rooms"],
    [
      { event: "voice.joined", payload: { channelId: "c", userId: "u1", guildId } },
      "User …u1 joined Friday",
      "people",
    ],
    [
      { event: "voice.left", payload: { channelId: "c", userId: "u1", guildId } },
      "User …u1 left Friday",
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
      "match-1-faction1 was opened",
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

  it("works without a room's name", () => {
    const payload = { channelId: "c7", userId: "u1", guildId };
    expect(said(line({ event: "voice.left", payload }, null))).toBe(
      "User …u1 left a voice channel",
    );
    expect(said(line({ event: "room.deleted", payload }, null))).toBe("A room ended");
    const gone = { guildId, matchId, faction: "faction2", channelId: "c7" } as const;
    expect(said(line({ event: "match.room.deleted", payload: gone }, null))).toBe(
      "A match's channel was removed",
    );
    const side2 = { ...side("borealis"), room: { channelId: "c7", name: "match-1-faction2" } };
    const factions = { faction1: side("aurora"), faction2: side2 };
    rememberMatchChannels([{ ...match("READY"), factions }]);
    expect(said(line({ event: "match.room.deleted", payload: gone }, null))).toBe(
      "borealis's voice channel was removed",
    );
    expect(said(line({ event: "voice.left", payload }, null))).toBe(
      "User …u1 left borealis's voice channel",
    );
    const opened = { ...gone, name: "match-1-faction2" };
    expect(said(line({ event: "match.room.created", payload: opened }, null))).toBe(
      "borealis's voice channel was opened",
    );
  });

  it("works with an unknown event", () => {
    expect(said(line(null))).toMatch(/^This page is out of date/);
  });

  it.each<[Mark, string]>([
    [{ type: "snapshot", seq: 8, reason: "first_connection" }, "You opened this page"],
    [{ type: "resumed", events: 0 }, "Reconnected: nothing was missed"],
    [{ type: "resumed", events: 1 }, "Reconnected, with 1 missed event"],
    [{ type: "resumed", events: 4 }, "Reconnected, with 4 missed events"],
    [{ type: "hole", after: 4, got: 6 }, "An event did not arrive, and is requested again"],
    [{ type: "lost", why: "Cut." }, "The connection was lost. Cut."],
    [{ type: "lost", why: "The connection was lost." }, "The connection was lost."],
  ])("tells the break %j", (one, words) => {
    expect(said(mark(one))).toBe(words);
    expect(topicOf(mark(one))).toBe("connection");
  });
});

describe("when a room ends by itself", () => {
  it.each([
    [0, null],
    [15, "when it stays empty for 15 min"],
    [0.5, "when it stays empty for 1 min"],
  ])("after %d minutes", (minutes, words) => {
    expect(idleEndInWords(minutes)).toBe(words);
  });
});

it("names the owner of a room, if known", () => {
  rememberPeople([{ userId: "301", name: "Ada", avatarUrl: null }]);
  expect(["301", "302", "me"].map((one) => openerInWords(one, "me"))).toEqual([
    " by Ada",
    "",
    " by you",
  ]);
});

it("counts people, including the reader", () => {
  expect([1, 2, 40].map(pageReaders)).toEqual([
    "1 person has this page open",
    "2 people have this page open",
    "40 people have this page open",
  ]);
});

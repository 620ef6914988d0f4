import { describe, expect, it } from "vitest";
import type { Match, MatchPlayer, MatchSide } from "../../src/client/resources.ts";
import { ENDED_STATUSES } from "../../src/protocol/match.ts";
import {
  isEnded,
  liveMatches,
  matchFacts,
  matchName,
  playersInWords,
  sidesOf,
  statusWords,
} from "./match-words.ts";

const player = (nickname: string, discordId: string | null = null): MatchPlayer => ({
  playerId: `id-${nickname}`,
  nickname,
  skillLevel: 7,
  discordId,
});
const side = (change: Partial<MatchSide> = {}): MatchSide => ({
  name: "team_aurora",
  players: [player("one", "301"), player("two")],
  room: { channelId: "c1", name: "match-7c1f0a52-faction1" },
  problem: null,
  inVoice: [],
  ...change,
});
const match = (change: Partial<Match> = {}): Match => ({
  matchId: "1-7c1f0a52",
  guildId: "g",
  state: "live",
  status: "READY",
  game: "cs2",
  region: "EU",
  competition: "Nordic Night Hub",
  map: "de_inferno",
  bestOf: 3,
  url: null,
  demoUrl: null,
  demoUrls: [],
  factions: { faction1: side(), faction2: side({ name: "team_borealis" }) },
  createdAt: "2026-11-20T19:00:00.000Z",
  endedAt: null,
  revision: 1,
  ...change,
});
const firstSide = (change: Partial<MatchSide>) => {
  const [first] = sidesOf(match({ factions: { faction1: side(change), faction2: side() } }));
  if (first === undefined) throw new Error("no side");
  return first;
};

describe("a side of a match", () => {
  it("shows who is linked and who is in the side's channel", () => {
    const { players, guests } = firstSide({
      players: [player("one", "301"), player("two"), player("three", "303")],
      inVoice: ["301", "999"],
    });
    expect(
      players.map(({ nickname, discordId, inVoice }) => [nickname, discordId, inVoice]),
    ).toEqual([
      ["one", "301", true],
      ["two", null, false],
      ["three", "303", false],
    ]);
    expect(guests).toEqual(["999"]);
  });

  it("has no note about an existing channel", () => {
    expect(firstSide({})).toMatchObject({
      channel: { name: "match-7c1f0a52-faction1" },
      note: "",
    });
    expect(firstSide({ problem: "discord_unreachable" })).toMatchObject({
      note: "",
      trouble: false,
    });
  });

  it.each<[Partial<MatchSide>, RegExp]>([
    [{}, /^The channel is being made\.$/],
    [{ players: [] }, /once the players are known/],
    [{ players: [player("two")] }, /nobody on this side has typed \/link/],
  ])("without a channel, and no trouble: %j", (change, words) => {
    const { note, channel, trouble } = firstSide({ room: null, ...change });
    expect(note).toMatch(words);
    expect({ channel, trouble }).toEqual({ channel: null, trouble: false });
  });

  it.each([
    ["discord_full", /server is full.*as soon as/],
    ["discord_refused", /does not let the bot.*administrator.*permissions/],
    ["discord_unreachable", /does not answer.*keeps trying/],
  ] as const)("says what to do about %s", (problem, words) => {
    const { note, trouble } = firstSide({ room: null, problem });
    expect(note).toMatch(words);
    expect(trouble).toBe(true);
  });

  it("has a name even if FACEIT gives none", () => {
    expect(firstSide({ name: " " }).name).toBe("Side 1");
  });
});

describe("a match", () => {
  it("is named after its sides, or its competition while they have no names", () => {
    expect(matchName(match())).toBe("team_aurora against team_borealis");
    const nameless = { factions: { faction1: side(), faction2: side({ name: "" }) } };
    expect(matchName(match(nameless))).toBe("Nordic Night Hub");
    expect(matchName(match({ ...nameless, competition: "" }))).toBe("A match");
  });

  it.each<[Partial<Match>, readonly string[]]>([
    [{}, ["Counter-Strike 2", "Inferno", "best of 3", "EU"]],
    [{ game: "chess", map: null, bestOf: null, region: "" }, ["chess"]],
    [{ game: "cs2", map: "Dust II", bestOf: 1 }, ["Counter-Strike 2", "Dust II", "EU"]],
  ])("tells what is played: %j", (change, facts) => {
    expect(matchFacts(match(change))).toEqual(facts);
  });

  it("counts its players, those who are linked, and those in voice", () => {
    const faction1 = side({ inVoice: ["301", "999"] });
    const sides = sidesOf(match({ factions: { faction1, faction2: side() } }));
    expect(playersInWords(sides)).toBe("2 of 4 linked to Discord, 1 in voice");
    expect(playersInWords([])).toBe("");
  });

  it("is listed while it is live, the newest first", () => {
    const old = match({ matchId: "old", createdAt: "2026-11-20T18:00:00Z" });
    const ended = match({ matchId: "ended", state: "ended" });
    const listed = liveMatches([old, ended, match()]).map(({ matchId }) => matchId);
    expect(listed).toEqual(["1-7c1f0a52", "old"]);
  });
});

describe("FACEIT's status", () => {
  it.each([
    ["CHECK_IN", "Check-in"],
    ["VOTING", "Voting"],
    ["CONFIGURING", "Being set up"],
    ["READY", "Ready"],
    ["ongoing", "Being played"],
    ["CANCELLED", "Cancelled"],
    ["SOME_NEW_ONE", "Some new one"],
    ["", "Unknown"],
  ])("%s is told as %s", (status, words) => {
    expect(statusWords(status).text).toBe(words);
  });

  it("ends a match or not, in any case of letters", () => {
    expect([...ENDED_STATUSES].filter((status) => !isEnded(status))).toEqual([]);
    expect(["FINISHED", "aborted", "CANCELLED", "READY", "NEW"].map(isEnded)).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
  });
});

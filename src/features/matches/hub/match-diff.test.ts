import { describe, expect, it } from "vitest";
import { MATCH_EVENTS } from "../../../protocol/events/matches.ts";
import type { Match } from "../../../protocol/match.ts";
import { testMatch, testPlayer, testSide } from "../../../testing/match.ts";
import { publicationsOf, type Remembered } from "./match-diff.ts";

type More = Parameters<typeof testMatch>[2];
const match = (revision: number, more: More = {}): Match =>
  testMatch("1-m", "100", { ...more, revision });
const room = (channelId: string, name = "match-aaaaaaaa-faction1") => ({ channelId, name });
const withRoom = (channelId: string, inVoice: string[] = []): More => ({
  factions: { faction1: testSide("aurora", { room: room(channelId), inVoice }) },
});
const ENDED: More = { state: "ended", status: "FINISHED", endedAt: "2026-11-20T20:00:00.000Z" };
const known = (record: Match): Remembered => ({ announced: true, record });

/** Names and channels of the publications. Checks every payload against the registry. */
function told(before: Remembered | null, now: Match): string[] {
  return publicationsOf(before, now).map(({ event, payload, audience, topic }) => {
    const definition = MATCH_EVENTS.find(({ name }) => name === event);
    expect(definition?.payload.parse(payload)).toEqual(payload);
    expect(audience).toBeNull();
    if ("match" in payload) expect(payload["match"]).toBe(now);
    expect(topic).toBe(payload["channelId"] ?? null);
    return topic === null ? event : `${event} ${topic}`;
  });
}

describe("a match that is new to the hub", () => {
  it("is published as created, with the rooms that it has", () => {
    expect(told(null, match(1))).toEqual(["match.created"]);
    expect(told(null, match(1, withRoom("7")))).toEqual(["match.created", "match.room.created 7"]);
  });

  it("is not published if it has ended already, since nobody saw it live", () => {
    expect(told(null, match(1, ENDED))).toEqual([]);
    const unseen = { announced: false, record: null };
    expect(told(unseen, match(2, ENDED))).toEqual([]);
    expect(told(unseen, match(2))).toEqual(["match.created"]);
  });
});

describe("a room", () => {
  const side2: More = { factions: { faction2: testSide("borealis", { room: room("8", "b") }) } };

  it("that is created or deleted alone has only its own event", () => {
    expect(told(known(match(1)), match(2, withRoom("7")))).toEqual(["match.room.created 7"]);
    expect(told(known(match(1, side2)), match(2))).toEqual(["match.room.deleted 8"]);
  });

  it("that replaces another one is published as deleted, then created", () => {
    expect(told(known(match(1, withRoom("7"))), match(2, withRoom("9")))).toEqual([
      "match.room.deleted 7",
      "match.room.created 9",
    ]);
  });

  it("with somebody inside is published with the whole match, because they joined before it was known", () => {
    const now = match(2, withRoom("7", ["200"]));
    expect(told(known(match(1)), now)).toEqual(["match.updated", "match.room.created 7"]);
    expect(told(known(match(1, withRoom("7"))), now)).toEqual([]);
  });

  it("with a new name is published with the match", () => {
    const renamed = {
      faction1: testSide("aurora", { room: room("7", "match-aaaaaaaaaaaa-faction1") }),
    };
    const now = match(2, { factions: renamed });
    expect(told(known(match(1, withRoom("7"))), now)).toEqual(["match.updated"]);
  });

  it("is deleted with the end of its match or after it", () => {
    const live = known(match(1, withRoom("7")));
    expect(told(live, match(2, ENDED))).toEqual(["match.ended", "match.room.deleted 7"]);
    expect(told(live, match(2, { ...withRoom("7"), ...ENDED }))).toEqual(["match.ended"]);
    const ended = known(match(2, { ...withRoom("7"), ...ENDED }));
    expect(told(ended, match(3, ENDED))).toEqual(["match.room.deleted 7"]);
  });
});

describe("a match that clients know", () => {
  it("is not published again if only its revision changed", () => {
    expect(told(known(match(1)), match(2))).toEqual([]);
  });

  it.each<[string, More]>([
    ["status", { status: "ONGOING" }],
    ["map", { map: "de_inferno" }],
    ["demo", { demoUrl: "https://demos.example.invalid/1.dem.zst" }],
    ["roster", { factions: { faction2: testSide("borealis", { players: [testPlayer("new")] }) } }],
    [
      "link",
      { factions: { faction1: testSide("aurora", { players: [testPlayer("aurora-1", "200")] }) } },
    ],
    ["problem", { factions: { faction1: testSide("aurora", { problem: "discord_full" }) } }],
  ])("is published when its %s changes", (_, more) => {
    expect(told(known(match(1)), match(2, more))).toEqual(["match.updated"]);
  });

  it("is published before its rooms if both changed", () => {
    const now = match(2, { ...withRoom("7"), status: "ONGOING" });
    expect(told(known(match(1)), now)).toEqual(["match.updated", "match.room.created 7"]);
  });

  it("is published as ended once, and later changes as updates", () => {
    expect(told(known(match(1)), match(2, ENDED))).toEqual(["match.ended"]);
    const over = { announced: true, record: null };
    expect(told(over, match(3, { ...ENDED, demoUrl: "https://demos.example.invalid/1" }))).toEqual([
      "match.updated",
    ]);
  });

  it("is published as an update, with its new rooms, when it is reopened", () => {
    const over = { announced: true, record: null };
    expect(told(over, match(3))).toEqual(["match.updated"]);
    expect(told(over, match(3, withRoom("7")))).toEqual(["match.updated", "match.room.created 7"]);
    const closing = known(match(2, { ...withRoom("7"), ...ENDED }));
    expect(told(closing, match(3, withRoom("7")))).toEqual(["match.updated"]);
  });
});

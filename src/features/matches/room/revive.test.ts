import { describe, expect, it } from "vitest";
import { finish, readyMatch } from "../../../testing/linked-match.ts";
import { testMatch, testPlayer } from "../../../testing/match.ts";
import { unsettled } from "../../../testing/unsettled.ts";
import { reopened, revived } from "./revive.ts";
import { newRoom, recordOf, type RoomState, withSide } from "./room-state.ts";
import { retryAfterPause } from "./timetable.ts";

const GUILD = "100000000000000100";
const USER = "100000000000000001";
const NOW = 1_800_000_000_000;

const room = { channelId: "100000000000000007", name: "match-0123456789ab-faction1" };
const side = { name: "aurora", problem: null, inVoice: [] };
const record = testMatch("1-7c1f0a52-4b1e-4d0e-9a34-2f6d5b8e1c90", GUILD, {
  map: "de_nuke",
  demoUrl: "https://demos.example/1.dem",
  factions: {
    faction1: { ...side, room, players: [testPlayer("a1", USER), testPlayer("a2")] },
  },
});

describe("a room that was lost", () => {
  it("shows what clients were shown, except channels that it has to look for", () => {
    const { faction1, faction2 } = record.factions;
    expect(recordOf(revived(record, NOW))).toEqual({
      ...record,
      factions: { faction1: { ...faction1, room: null }, faction2 },
      // What comes next is newer.
      revision: NOW,
    });
    const newest = { ...record, revision: NOW + 5 };
    expect(revived(newest, NOW).revision).toBe(NOW + 5);
  });

  it("knows who may have been let in, and asks FACEIT whose match it is", () => {
    const state = revived(record, NOW);
    expect([state.links, state.admitted]).toEqual([{ a1: USER }, [`faction1:${USER}`]]);
    expect([state.mustRead, state.match?.owners, state.match?.version]).toEqual([true, [], 0]);
    // A channel keeps the name that it was made with.
    expect(state.sides.faction1).toMatchObject({ name: room.name, creationUnanswered: true });
    expect(state.sides.faction2).toMatchObject({
      name: "match-7c1f0a52-faction2",
      creationUnanswered: true,
    });
  });

  it("has no rosters until both sides are known", () => {
    const { faction1 } = record.factions;
    const half = { ...record, factions: { faction1, faction2: { ...faction1, players: [] } } };
    expect(revived(half, NOW).match?.rosters).toBeNull();
  });

  it("reserves its names again: the rows may be lost as well", async () => {
    const match = await readyMatch();
    if (match.record === null) throw new Error("no record");
    match.rows.clear();
    match.store(revived(match.record, match.now));
    match.look();
    await match.pass(60_000);
    expect(unsettled(match)).toEqual([]);
    expect(match.rows.size).toBe(2);
  });

  it("deletes at the end what was created besides the channels that it found", async () => {
    const match = await readyMatch();
    const own = match.channelOf("faction1");
    if (match.record === null || own === undefined) throw new Error("no channel");
    match.store(revived(match.record, match.now));
    match.look();
    await match.pass(60_000);
    match.channels.set("twin", { ...own, id: "twin" });
    finish(match);
    await match.pass(60_000);
    expect(unsettled(match)).toEqual([]);
  });
});

const fresh = { ...newRoom("1-m", "100", NOW), version: 9, links: { a1: "d-a1" } };

/** It is over, and everything has happened that may happen once. */
const over: RoomState = {
  ...retryAfterPause(fresh, "tell", NOW, 5_000),
  phase: "closing",
  end: { version: 9, status: "CANCELLED", at: NOW, confirmed: true, contradicted: 0 },
  admitted: ["faction1:d-a1"],
  moved: ["faction1:d-a1"],
  messaged: ["d-a2"],
  absent: ["d-b1"],
  evacuated: ["d-a1"],
  noticePosted: true,
  troubles: ["full"],
  postedTroubles: ["full"],
};

it("starts again with everybody, and keeps what is in Discord", () => {
  const used = withSide(over, "faction1", {
    channelsMade: 4,
    problem: "discord_refused",
    maybeDuplicate: true,
  });
  const left = withSide(used, "faction2", { name: "n2", channelsMade: 1, withoutCategory: true });
  const expected = withSide(fresh, "faction1", { maybeDuplicate: true });
  expect(reopened(left)).toEqual({
    ...withSide(expected, "faction2", { name: "n2", withoutCategory: true }),
    admitted: ["faction1:d-a1"],
  });
});

it("checks whether channels still exist, if any is known", () => {
  expect(reopened(over).checksWanted).toBe(0);
  const channel = { id: "c2", access: [] };
  expect(reopened(withSide(over, "faction2", { channel })).checksWanted).toBe(1);
});

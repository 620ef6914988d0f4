import { describe, expect, it } from "vitest";
import { ok } from "../../../platform/result.ts";
import { rosters } from "../../../testing/faceit-matches.ts";
import { begin, calls, finish, linkedMatch, readyMatch } from "../../../testing/linked-match.ts";
import { unsettled } from "../../../testing/unsettled.ts";
import { newRoom, recordOf, restored, normalized, withSide } from "./room-state.ts";
import { settle } from "./settle.ts";

const HOUR = 3_600_000;
const FACTS = {
  matchId: "1-7c1f0a52-4b1e-4d0e-9a34-2f6d5b8e1c90",
  guildId: "100",
  game: "cs2",
  region: "EU",
  competition: "Nordic Night Hub",
  map: null,
  bestOf: 1,
  url: null,
  demoUrl: null,
  demoUrls: [],
  createdAt: "2027-01-15T08:00:00.000Z",
};
const NOBODY = { name: "", players: [], room: null, problem: null, inVoice: [] };

describe("the match that clients are shown", () => {
  it("has no sides at first, then sides, then an end", async () => {
    const match = linkedMatch();
    match.hint("match_object_created");
    await match.pass(0);
    const { revision: first } = match.record ?? {};
    expect(match.record).toEqual({
      ...FACTS,
      state: "live",
      status: "CHECK_IN",
      factions: { faction1: NOBODY, faction2: NOBODY },
      endedAt: null,
      revision: first,
    });

    match.links.delete("b2");
    begin(match);
    await match.pass(5_000);
    const player = (playerId: string, discordId: string | null) => {
      return { playerId, nickname: playerId, skillLevel: 5, discordId };
    };
    const sides = {
      faction1: {
        ...NOBODY,
        name: "team_aurora",
        players: [player("a1", "d-a1"), player("a2", "d-a2")],
      },
      faction2: {
        ...NOBODY,
        name: "team_borealis",
        players: [player("b1", "d-b1"), player("b2", null)],
      },
    };
    const room = (faction: "faction1" | "faction2") => {
      return { channelId: match.channelOf(faction)?.id, name: `match-7c1f0a52-${faction}` };
    };
    expect(match.record).toMatchObject({
      ...FACTS,
      status: "READY",
      factions: {
        faction1: { ...sides.faction1, room: room("faction1") },
        faction2: { ...sides.faction2, room: room("faction2") },
      },
    });

    // By the webhook alone.
    match.faceitFaults = Array.from({ length: 50 }, () => ({ kind: "failed" }) as const);
    finish(match);
    await match.pass(0);
    expect(match.record).toMatchObject({
      state: "ended",
      status: "FINISHED",
      factions: sides,
      endedAt: "2027-01-15T08:00:05.000Z",
    });
  });
});

describe("stored state", () => {
  describe("under older names of its fields", () => {
    const older = { told: 3, stored: 2, shown: "{}", noticed: true, complained: ["full"] } as const;
    const olderSide = { name: "n", asked: true, absences: 1, doubtful: true, made: 2 };
    const now = {
      toldRevision: 3,
      storedRevision: 2,
      shownRecord: "{}",
      noticePosted: true,
      postedTroubles: ["full"],
    };
    const nowSide = {
      name: "n",
      creationUnanswered: true,
      missedSearches: 1,
      maybeDuplicate: true,
      channelsMade: 2,
    };

    it("is read under the present ones", () => {
      const state = restored({
        ...older,
        matchId: "1-m",
        guildId: "100",
        firstSeenAt: 7,
        sides: { faction1: olderSide, faction2: {} },
      });
      const { faction1, faction2 } = newRoom("1-m", "100", 7).sides;
      const sides = { faction1: { ...faction1, ...nowSide }, faction2 };
      expect(state).toEqual({ ...newRoom("1-m", "100", 7), ...now, sides });
    });

    it("wins over the present ones, because an older version wrote it after a rollback", () => {
      const { sides, ...before } = newRoom("1-m", "100", 7);
      const state = restored({
        ...before,
        ...older,
        sides: { faction1: { ...sides.faction1, ...olderSide }, faction2: sides.faction2 },
      });
      expect(state).toMatchObject({
        ...now,
        sides: { faction1: nowSide, faction2: sides.faction2 },
      });
      for (const name of Object.keys(older)) expect(state).not.toHaveProperty(name);
      for (const name of Object.keys(olderSide).filter((one) => one !== "name")) {
        expect(state.sides.faction1).not.toHaveProperty(name);
      }
    });
  });

  it("of the oldest version has only the beginning of the match", () => {
    const side = {
      name: null,
      reserving: false,
      namesTaken: 0,
      channel: null,
      creationUnanswered: false,
      missedSearches: 0,
      maybeDuplicate: false,
      channelsMade: 0,
      withoutCategory: false,
      withoutPeople: false,
      withoutStaff: false,
      withoutMoving: false,
      problem: null,
    };
    // What an older version stored has none of what came later.
    const oldest = { matchId: "1-m", guildId: "100", firstSeenAt: 7 };
    expect(restored({ ...oldest, sides: { faction1: {}, faction2: { name: "n" } } })).toEqual({
      ...oldest,
      v: 1,
      heardAt: 7,
      revision: 7,
      phase: "live",
      match: null,
      version: 0,
      end: null,
      links: {},
      mustRead: false,
      readAt: null,
      emptyReads: 0,
      sides: { faction1: side, faction2: { ...side, name: "n" } },
      admitted: [],
      moved: [],
      messaged: [],
      absent: [],
      evacuated: [],
      noticePosted: false,
      troubles: [],
      postedTroubles: [],
      checksWanted: 0,
      checksDone: 0,
      retries: {},
      shownRecord: "",
      toldRevision: 0,
      storedRevision: 0,
    });
  });

  it("of a match that is over has nothing left to do", async () => {
    const match = await readyMatch();
    finish(match);
    await match.pass(HOUR);
    const { sides, retries, phase } = match.state ?? newRoom("", "", 0);
    const nothing = {
      name: null,
      reserving: false,
      channel: null,
      creationUnanswered: false,
      maybeDuplicate: false,
    };
    expect([phase, retries]).toEqual(["closed", {}]);
    expect([sides.faction1, sides.faction2]).toMatchObject([nothing, nothing]);
  });
});

describe("a side", () => {
  it("gets its people together with its channel, in one call", async () => {
    const match = await readyMatch();
    expect(unsettled(match)).toEqual([]);
    expect([calls(match, "create"), calls(match, "grant")]).toEqual([2, 0]);
  });

  it("keeps its channel while FACEIT has no rosters, and loses it at the end", async () => {
    const match = await readyMatch();
    match.advance("CONFIGURING", null);
    match.hint("match_status_configuring");
    await match.pass(10_000);
    expect(match.ours).toHaveLength(2);
    finish(match);
    await match.pass(0);
    expect(unsettled(match)).toEqual([]);
  });

  it("is not forgotten when its channel appears after nothing was left", () => {
    const closed = {
      ...withSide(newRoom("1-m", "100", 7), "faction1", { channelsMade: 1 }),
      match: { ...FACTS, owners: [], version: 1, status: "READY", scheduledAt: null },
      phase: "closed",
      end: { version: 1, status: "CANCELLED", at: 7, confirmed: true, contradicted: 0 },
    } as const;
    const create = { kind: "create", faction: "faction1", name: "n", people: [] } as const;
    const action = { ...create, withCategory: true, withStaff: true, withMoving: true } as const;
    const result = { kind: "create", result: ok({ id: "c" }) } as const;
    const before = { ...closed, match: { ...closed.match, rosters: rosters() } };
    const state = normalized(settle(before, action, result, 7));
    expect(state.phase).toBe("closing");
    // It has no name any more, so it is nobody's room.
    expect(recordOf(state)?.factions.faction1.room).toBeNull();
  });
});

import { describe, expect, it } from "vitest";
import { err, ok } from "../../../platform/result.ts";
import { faceitMatch, MATCH_ID, rosters } from "../../../testing/faceit-matches.ts";
import { GUILD } from "../../../testing/virtual-discord.ts";
import { DEFAULT_MATCH_SETTINGS } from "../../../testing/virtual-match.ts";
import type { Action } from "./action.ts";
import { reconcile, type ReconcilePorts } from "./reconcile.ts";
import { newRoom, normalized, withSide, type RoomState } from "./room-state.ts";

const NOW = 1_800_000_000_000;

/** A match that is read and toldRevision: nothing is left to be done but people. */
function played(): RoomState {
  const state = normalized({
    ...newRoom(MATCH_ID, GUILD, NOW),
    match: faceitMatch("READY", 1, rosters(["a1"], ["b1"])),
    version: 1,
    readAt: NOW,
    links: { a1: "d-a1" },
  });
  return { ...state, toldRevision: state.revision, storedRevision: state.revision };
}

/** The same with the channel of its first side. */
function withChannel(state: RoomState): RoomState {
  const channel = { id: "c1", access: ["d-a1"] };
  const open = normalized(withSide(state, "faction1", { name: "n", channel, channelsMade: 4 }));
  return { ...open, toldRevision: open.revision, storedRevision: open.revision };
}

/** Works on a match once, and says what came of it. */
async function working(before: RoomState, change: Partial<ReconcilePorts> = {}) {
  let state = before;
  const did: Action[] = [];
  const broken: unknown[] = [];
  const asked: string[] = [];
  const next = await reconcile(
    {
      read: () => state,
      update: (update) => {
        state = update(state);
      },
    },
    {
      links: {
        ofPlayers: async () => {
          asked.push("links");
          const link = { nickname: "", verifiedMethod: "oauth" as const, linkedAt: 0 };
          return [{ ...link, faceitId: "a1", discordId: "d-a1" }];
        },
      },
      hub: {
        whereabouts: async () => {
          asked.push("voice");
          return [{ userId: "d-a1", channelId: "c1" }];
        },
        // It may not know of the match yet.
        inVoice: async () => new Map(),
      },
      settingsOf: () => ({
        ...DEFAULT_MATCH_SETTINGS,
        hasApi: true,
        noticeChannelId: undefined,
        // The second side has nobody, and gets no channel.
        skipEmptyFactions: true,
      }),
      clock: () => NOW,
      perform: async (action) => {
        did.push(action);
        return { kind: "discord", result: ok(undefined) };
      },
      broke: (...what) => broken.push(what),
      ...change,
    },
  );
  return { state, next, did, broken, asked };
}

const LIVE_LOOK_MS = 5 * 60_000;
const down = new Error("down");

describe("a match without anything left to do", () => {
  it("is looked at again when FACEIT is due, and nothing is asked twice", async () => {
    const { next, did, broken, asked } = await working(withChannel(played()));
    expect([next, did, broken, asked]).toEqual([NOW + LIVE_LOOK_MS, [], [], ["links", "voice"]]);
  });

  it("is looked at again soon when the hub does not tell who is in voice", async () => {
    const whereabouts = async (): Promise<never> => Promise.reject(down);
    const hub = { whereabouts, inVoice: async () => new Map() };
    const { next, did, broken } = await working(withChannel(played()), { hub });
    expect([next, did, broken]).toEqual([NOW + 5_000, [], [["whereabouts", MATCH_ID, down]]]);
  });

  it("is looked at again soon when D1 does not tell who is linked", async () => {
    const links = { ofPlayers: async (): Promise<never> => Promise.reject(down) };
    const { next, did, broken } = await working(withChannel(played()), { links });
    expect([next, did, broken]).toEqual([NOW + 5_000, [], [["links", MATCH_ID, down]]]);
  });

  it("does not ask where people are while it has no channels", async () => {
    const before = { ...played(), match: faceitMatch("CHECK_IN", 1, null), shownRecord: "" };
    expect((await working(before)).asked).not.toContain("voice");
  });

  it("asks nothing once it is over", async () => {
    const end = { version: 2, status: "FINISHED", at: NOW, confirmed: true, contradicted: 0 };
    const { next, did, asked } = await working({ ...played(), phase: "closed", end });
    expect([next, did.map(({ kind }) => kind), asked]).toEqual([null, ["tell", "store"], []]);
  });
});

describe("a match that ends", () => {
  const NOBODY = new Map([[MATCH_ID, { faction1: [], faction2: [], bots: [], isKnown: true }]]);

  it("waits while the hub cannot tell who is in its channel", async () => {
    const end = { version: 2, status: "FINISHED", at: NOW, confirmed: true, contradicted: 0 };
    const before: RoomState = { ...withChannel(played()), phase: "closing", end };
    const unknown = new Map([[MATCH_ID, { faction1: [], faction2: [], bots: [], isKnown: false }]]);
    for (const sides of [unknown, new Map()]) {
      const hub = { whereabouts: async () => [], inVoice: async () => sides };
      const { state, next } = await working(before, { hub });
      expect([state.phase, next]).toEqual(["closing", NOW + 60_000]);
    }
  });

  it("keeps its links, and loses its channel as soon as that is known to be empty", async () => {
    const end = { version: 2, status: "FINISHED", at: NOW, confirmed: true, contradicted: 0 };
    const before: RoomState = { ...withChannel(played()), phase: "closing", end };
    const hub = { whereabouts: async () => [], inVoice: async () => NOBODY };
    const { state, did, asked, broken } = await working(before, { hub });
    expect(did[0]).toEqual({ kind: "delete", faction: "faction1", channelId: "c1" });
    expect([asked, broken]).toEqual([[], []]);
    expect([state.phase, state.links]).toEqual(["closed", { a1: "d-a1" }]);
  });
});

describe("an action that fails", () => {
  it("is reported by name, and tried again", async () => {
    const before = { ...newRoom(MATCH_ID, GUILD, NOW), mustRead: true };
    const perform = async (): Promise<never> => Promise.reject(down);
    const { next, broken } = await working(before, { perform });
    expect([next, broken]).toEqual([NOW + 1_000, [["read", MATCH_ID, down]]]);
  });

  it("for ever is reported, and does not block the others", async () => {
    const before = { ...played(), match: null, mustRead: true };
    let rounds = 0;
    const { next, broken } = await working(before, {
      perform: async () => {
        rounds += 1;
        // An outcome of something else changes nothing.
        return { kind: "discord", result: err({ kind: "unknown_outcome" }) };
      },
    });
    expect([rounds, next]).toEqual([50, NOW + 1_000]);
    expect(broken).toEqual([["rounds", MATCH_ID, new Error("more than 50 rounds at once")]]);
  });
});

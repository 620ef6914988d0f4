import { describe, expect, it } from "vitest";
import { MATCH_DEMOS_MAX } from "../../../protocol/limits.ts";
import type { FaceitMatch } from "../faceit-match.ts";
import { faceitMatch, MATCH_ID, rosters } from "../../../testing/faceit-matches.ts";
import { GUILD } from "../../../testing/virtual-discord.ts";
import { takeHint } from "./hint.ts";
import { newRoom, type RoomState } from "./room-state.ts";

const SEEN = 1_800_000_000_000;
const NOW = SEEN + 60_000;

/** A room that knows this match. */
const knowing = (match: FaceitMatch | null, version = match?.version ?? 0): RoomState => ({
  ...newRoom(MATCH_ID, GUILD, SEEN),
  match,
  version,
});

const READY = {
  ...faceitMatch("READY", 10, rosters()),
  map: "de_nuke",
  url: "https://f.example/1",
};
const DEMO = "https://demos.example/1.dem";

const hear = (state: RoomState, event: string, match: FaceitMatch, hasApi: boolean): RoomState =>
  takeHint(state, { event, match }, NOW, hasApi);

/** The same after its end. */
const ended = (hasApi: boolean): RoomState =>
  hear(
    knowing(READY),
    "match_status_finished",
    { ...READY, version: 20, status: "FINISHED" },
    hasApi,
  );

describe("a webhook, when FACEIT cannot be asked", () => {
  it("is used when it is newer, and removes nothing that it does not mention", () => {
    const bare = faceitMatch("ONGOING", 11, null);
    const state = hear(knowing(READY), "match_status_ready", bare, false);
    const { rosters: known, map, url } = READY;
    expect(state.match).toEqual({ ...bare, rosters: known, map, url });
    expect([state.version, state.heardAt, state.mustRead]).toEqual([11, NOW, false]);
  });

  it("replaces what it mentions", () => {
    const change = { rosters: rosters(["c1"]), map: "de_dust2", url: "https://f.example/2" };
    const newer = { ...READY, ...change, version: 11 };
    expect(hear(knowing(READY), "match_status_ready", newer, false).match).toEqual(newer);
  });

  it.each([9, 10])("changes nothing when it has version %i and that of 10 is known", (version) => {
    const late = { ...READY, version, status: "CONFIGURING" };
    const before = knowing(READY);
    const state = hear(before, "match_status_configuring", late, false);
    expect(state).toEqual({ ...before, heardAt: NOW });
  });

  it("is used whatever its version, if it is the first", () => {
    const first = { ...READY, version: 0 };
    expect(hear(knowing(null), "match_status_ready", first, false).match).toEqual(first);
  });

  it("tells the recording's address", () => {
    const told = hear(knowing(READY), "match_demo_ready", { ...READY, demoUrl: DEMO }, false);
    const recorded = { ...READY, demoUrl: DEMO, demoUrls: [DEMO] };
    expect(told).toEqual({ ...knowing(READY), heardAt: NOW, match: recorded });
    const untold = { ...READY, demoUrl: null };
    expect(hear(told, "match_demo_ready", untold, false).match?.demoUrl).toBe(DEMO);
    const unknown = hear(knowing(null), "match_demo_ready", { ...READY, demoUrl: DEMO }, false);
    expect(unknown.match).toBeNull();
  });

  it("tells the recording's address of each map once, up to the number that is kept", () => {
    const addresses = Array.from({ length: MATCH_DEMOS_MAX + 1 }, (_, i) => `${DEMO}?map=${i}`);
    let state = knowing(READY);
    for (const demoUrl of [...addresses, ...addresses]) {
      state = hear(state, "match_demo_ready", { ...READY, demoUrl }, false);
      state = hear(state, "match_status_ready", { ...READY, version: state.version + 1 }, false);
    }
    expect(state.match?.demoUrl).toBe(addresses[0]);
    expect(state.match?.demoUrls).toEqual(addresses.slice(0, MATCH_DEMOS_MAX));
  });

  it("ends the match, unless newer facts are known", () => {
    const state = ended(false);
    const end = { version: 20, status: "FINISHED", at: NOW, confirmed: true, contradicted: 0 };
    expect([state.phase, state.end, state.mustRead]).toEqual(["closing", end, false]);
    const late = { ...READY, version: 9, status: "CANCELLED" };
    const before = knowing(READY);
    expect(hear(before, "match_status_cancelled", late, false)).toEqual({
      ...before,
      heardAt: NOW,
    });
  });

  it("reopens an ended match when it is newer than the end", () => {
    for (const version of [19, 20]) {
      const late = { ...READY, version };
      const before = ended(false);
      expect(hear(before, "match_status_ready", late, false)).toEqual(before);
    }
    const state = hear(ended(false), "match_status_ready", { ...READY, version: 21 }, false);
    expect([state.phase, state.end, state.match?.version]).toEqual(["live", null, 21]);
  });

  it("may repeat the end", () => {
    const again = { ...READY, version: 30, status: "CANCELLED" };
    expect(hear(ended(false), "match_status_cancelled", again, false)).toMatchObject({
      end: { version: 30, status: "FINISHED", confirmed: true },
      mustRead: false,
    });
  });
});

describe("a webhook, when FACEIT can be asked", () => {
  it.each([
    [10, false],
    [11, true],
  ])("of version %i, where 10 is known, is a reason to ask: %s", (version, isReason) => {
    const state = hear(knowing(READY), "match_status_ready", { ...READY, version, map: "x" }, true);
    expect([state.mustRead, state.match]).toEqual([isReason, READY]);
  });

  it("about the recording only makes us ask; its address is not used", () => {
    const state = hear(knowing(READY), "match_demo_ready", { ...READY, demoUrl: DEMO }, true);
    expect([state.mustRead, state.match]).toEqual([true, READY]);
  });

  it("ends the match, and FACEIT is asked to confirm", () => {
    const state = ended(true);
    const end = { version: 20, status: "FINISHED", at: NOW, confirmed: false, contradicted: 0 };
    expect([state.phase, state.end, state.mustRead]).toEqual(["closing", end, true]);
  });

  it("ends the match also with the version of FACEIT's last answer", () => {
    const same = { ...READY, status: "FINISHED" };
    expect(hear(knowing(READY), "match_status_finished", same, true).phase).toBe("closing");
  });

  it("about an end older than FACEIT's answer only makes us ask", () => {
    const late = { ...READY, version: 9, status: "CANCELLED" };
    const before = knowing(READY);
    const state = hear(before, "match_status_cancelled", late, true);
    expect(state).toEqual({ ...before, heardAt: NOW, mustRead: true });
  });

  it("about a newer end restarts the confirmation", () => {
    const first = ended(true);
    const before: RoomState = {
      ...first,
      mustRead: false,
      end: first.end === null ? null : { ...first.end, at: SEEN, contradicted: 3 },
    };
    for (const version of [19, 20]) {
      const same = { ...READY, version, status: "CANCELLED" };
      expect(hear(before, "match_status_cancelled", same, true)).toEqual(before);
    }
    const newer = { ...READY, version: 21, status: "CANCELLED" };
    expect(hear(before, "match_status_cancelled", newer, true)).toEqual({
      ...before,
      version: 21,
      mustRead: true,
      end: { version: 21, status: "FINISHED", at: SEEN, confirmed: false, contradicted: 0 },
    });
  });

  it("that is newer than the end makes us ask, and reopens nothing", () => {
    const before: RoomState = { ...ended(true), mustRead: false };
    const same = hear(before, "match_status_ready", { ...READY, version: 20 }, true);
    expect([same.mustRead, same.phase]).toEqual([false, "closing"]);
    const newer = hear(before, "match_status_ready", { ...READY, version: 21 }, true);
    expect([newer.mustRead, newer.phase]).toEqual([true, "closing"]);
  });
});

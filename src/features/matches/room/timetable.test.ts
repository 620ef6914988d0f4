import { describe, expect, it } from "vitest";
import { FACEIT_FRESH_MS } from "../../../protocol/limits.ts";
import { faceitMatch, MATCH_ID, rosters } from "../../../testing/faceit-matches.ts";
import { GUILD } from "../../../testing/virtual-discord.ts";
import { VirtualMatch } from "../../../testing/virtual-match.ts";
import { newRoom, type RoomState } from "./room-state.ts";
import { freshUntil, isDue, nextLookAt, silentAt } from "./timetable.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const SEEN = 1_800_000_000_000;

const room = (change: Partial<RoomState> = {}): RoomState => ({
  ...newRoom(MATCH_ID, GUILD, SEEN),
  ...change,
});

describe("FACEIT is asked without a reason", () => {
  it("at once about a match that nothing is known of", () => {
    expect(nextLookAt(room())).toBe(SEEN);
    expect(nextLookAt(room({ match: faceitMatch("READY", 1, rosters()) }))).toBe(SEEN);
    expect(nextLookAt(room({ readAt: SEEN + HOUR }))).toBe(SEEN);
  });

  it.each([
    [1, 0, 15 * SECOND],
    [4, 0, 2 * MINUTE],
    [5, 0, 5 * MINUTE],
    [9, 30 * MINUTE, 5 * MINUTE],
    [9, 30 * MINUTE + 1, 30 * MINUTE],
  ])("after %i answers without rosters, %i ms after the first word: in %i ms", (...row) => {
    const [emptyReads, age, pause] = row;
    const match = faceitMatch("CHECK_IN", 1, null);
    const readAt = SEEN + age;
    expect(nextLookAt(room({ match, readAt, emptyReads })) - readAt).toBe(pause);
  });

  it("every five minutes about one that is played, also when that began before its time", () => {
    const early = { ...faceitMatch("READY", 1, rosters()), scheduledAt: SEEN + 5 * HOUR };
    expect(nextLookAt(room({ match: early, readAt: SEEN }))).toBe(SEEN + 5 * MINUTE);
    expect(isDue(early, SEEN)).toBe(true);
  });

  it("when a scheduled match gets its channels, and before that every six hours", () => {
    const at = (scheduledAt: number | null): number => {
      const match = { ...faceitMatch("SCHEDULED", 1, rosters()), scheduledAt };
      return nextLookAt(room({ match, readAt: SEEN })) - SEEN;
    };
    expect(at(SEEN + 2 * HOUR)).toBe(105 * MINUTE);
    expect(at(SEEN + 48 * HOUR)).toBe(6 * HOUR);
    expect(at(SEEN + 15 * MINUTE)).toBe(5 * MINUTE);
    expect(at(null)).toBe(5 * MINUTE);
  });
});

describe("an answer of FACEIT", () => {
  const match = faceitMatch("READY", 10, rosters());

  it("is fresh for a while, unless a webhook told of something newer", () => {
    expect(freshUntil(room({ match, readAt: SEEN, version: 10 }))).toBe(SEEN + FACEIT_FRESH_MS);
    expect(freshUntil(room({ match, readAt: SEEN, version: 11 }))).toBe(0);
    expect(freshUntil(room({ match, version: 10 }))).toBe(0);
    expect(freshUntil(room({ readAt: SEEN, version: 10 }))).toBe(0);
  });

  it("serves several webhooks that bring no new version", async () => {
    const played = new VirtualMatch();
    played.hint("match_object_created");
    await played.pass(0);
    for (let times = 0; times < 5; times += 1) {
      played.hint("match_demo_ready");
      await played.pass(SECOND - 1);
    }
    expect(played.faceitReads).toBe(1);
    await played.pass(SECOND);
    expect(played.faceitReads).toBe(2);
  });
});

describe("a match of which nothing is heard", () => {
  it("counts as over six hours after the last word, or after it was to begin", () => {
    const heardAt = SEEN + HOUR;
    const ahead = { ...faceitMatch("SCHEDULED", 1, null), scheduledAt: SEEN + 9 * HOUR };
    expect(silentAt(room({ heardAt }))).toBe(SEEN + 7 * HOUR);
    expect(silentAt(room({ heardAt, match: ahead }))).toBe(SEEN + 15 * HOUR);
    expect(silentAt(room({ heardAt, match: { ...ahead, status: "READY" } }))).toBe(SEEN + 7 * HOUR);
  });

  it("and that never had channels is closed, although FACEIT does not answer", async () => {
    const match = new VirtualMatch();
    match.hint("match_object_created");
    match.faceitFaults = Array.from({ length: 500 }, () => ({ kind: "failed" }) as const);
    await match.pass(6 * HOUR - 1);
    expect(match.state?.phase).toBe("live");
    await match.pass(10 * MINUTE);
    expect(match.state?.phase).toBe("closed");
  });
});

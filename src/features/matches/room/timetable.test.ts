import { describe, expect, it } from "vitest";
import type { DiscordFailure } from "../../../platform/discord/call.ts";
import { FACEIT_FRESH_MS } from "../../../protocol/limits.ts";
import { faceitMatch, MATCH_ID, rosters } from "../../../testing/faceit-matches.ts";
import { GUILD } from "../../../testing/virtual-discord.ts";
import { VirtualMatch } from "../../../testing/virtual-match.ts";
import { newRoom, type RoomState } from "./room-state.ts";
import {
  clearRetry,
  retryAfterFailure,
  clearedRetries,
  freshUntil,
  isDue,
  retryLater,
  nextLookAt,
  retryAfterPause,
  silentAt,
} from "./timetable.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const SEEN = 1_800_000_000_000;

const room = (change: Partial<RoomState> = {}): RoomState => ({
  ...newRoom(MATCH_ID, GUILD, SEEN),
  ...change,
});

describe("FACEIT is asked regularly", () => {
  it("at once about a match that nothing is known about", () => {
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

  it("every five minutes about a live match, also when it began early", () => {
    const early = { ...faceitMatch("READY", 1, rosters()), scheduledAt: SEEN + 5 * HOUR };
    expect(nextLookAt(room({ match: early, readAt: SEEN }))).toBe(SEEN + 5 * MINUTE);
    expect(isDue(early, SEEN)).toBe(true);
  });

  it("when a scheduled match is to get its channels, and every six hours before", () => {
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

  it("is fresh for a while, unless a webhook had something newer", () => {
    expect(freshUntil(room({ match, readAt: SEEN, version: 10 }))).toBe(SEEN + FACEIT_FRESH_MS);
    expect(freshUntil(room({ match, readAt: SEEN, version: 11 }))).toBe(0);
    expect(freshUntil(room({ match, version: 10 }))).toBe(0);
    expect(freshUntil(room({ readAt: SEEN, version: 10 }))).toBe(0);
  });

  it("serves several webhooks without a new version", async () => {
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

describe("a match without news", () => {
  it("counts as over six hours after the last news, or after its scheduled time", () => {
    const heardAt = SEEN + HOUR;
    const ahead = { ...faceitMatch("SCHEDULED", 1, null), scheduledAt: SEEN + 9 * HOUR };
    expect(silentAt(room({ heardAt }))).toBe(SEEN + 7 * HOUR);
    expect(silentAt(room({ heardAt, match: ahead }))).toBe(SEEN + 15 * HOUR);
    expect(silentAt(room({ heardAt, match: { ...ahead, status: "READY" } }))).toBe(SEEN + 7 * HOUR);
  });

  it("and without channels is closed even when FACEIT does not answer", async () => {
    const match = new VirtualMatch();
    match.hint("match_object_created");
    match.faceitFaults = Array.from({ length: 500 }, () => ({ kind: "failed" }) as const);
    await match.pass(6 * HOUR - 1);
    expect(match.state?.phase).toBe("live");
    await match.pass(10 * MINUTE);
    expect(match.state?.phase).toBe("closed");
  });
});

const NOW = 1_800_000_000_000;
const untried = newRoom("1-m", "100", NOW);

describe("a failed action", () => {
  it("is tried again later each time, and its failures are forgotten when it is done", () => {
    let state = retryLater(untried, "tell", NOW);
    state = retryLater(retryLater(state, "tell", NOW), "store", NOW);
    expect(state.retries).toEqual({
      tell: { count: 2, notBefore: NOW + 2_000 },
      store: { count: 1, notBefore: NOW + 1_000 },
    });
    state = clearRetry(clearRetry(state, "tell"), "check");
    expect(state.retries).toEqual({ store: { count: 1, notBefore: NOW + 1_000 } });
  });

  it("keeps its failures through a requested pause, which is not a failure", () => {
    expect(retryAfterPause(untried, "read", NOW, 7_000).retries).toEqual({
      read: { count: 0, notBefore: NOW + 7_000 },
    });
    const twice = retryLater(retryLater(untried, "read", NOW), "read", NOW);
    expect(retryAfterPause(twice, "read", NOW, 7_000).retries["read"]?.count).toBe(2);
    // "At once" would be for ever at once.
    expect(retryAfterPause(untried, "read", NOW, 0).retries["read"]?.notBefore).toBeGreaterThan(
      NOW,
    );
  });

  it("starts again when the match ends, except for a pause that FACEIT asked for", () => {
    expect(clearedRetries(retryLater(untried, "tell", NOW))).toStrictEqual({});
    const state = retryAfterPause(retryLater(untried, "tell", NOW), "read", NOW, 7_000);
    expect(Object.keys(clearedRetries(state))).toEqual(["read"]);
  });

  it.each<[DiscordFailure, number, number]>([
    [{ kind: "rate_limited", retryAfterMs: 3_000 }, 0, 3_000],
    [{ kind: "unauthorized", retryAfterMs: 60_000 }, 0, 60_000],
    [{ kind: "refused", status: 403, code: 50_013, message: "" }, 1, 30_000],
    [{ kind: "failed", status: 500 }, 1, 1_000],
    [{ kind: "unknown_outcome" }, 1, 1_000],
  ])("at Discord ($kind) waits as long as that takes", (failure, count, ms) => {
    const { retries } = retryAfterFailure(untried, "check", failure, NOW);
    expect(retries).toEqual({ check: { count, notBefore: NOW + ms } });
  });
});

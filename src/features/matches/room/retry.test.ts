import { describe, expect, it } from "vitest";
import type { DiscordFailure } from "../../../platform/discord/call.ts";
import { done, failed, fresh, later, paused } from "./retry.ts";
import { newRoom } from "./room-state.ts";

const NOW = 1_800_000_000_000;
const room = newRoom("1-m", "100", NOW);

describe("what failed", () => {
  it("is tried again later each time, and its failures are forgotten when it is done", () => {
    let state = later(room, "tell", NOW);
    state = later(later(state, "tell", NOW), "store", NOW);
    expect(state.retries).toEqual({
      tell: { count: 2, notBefore: NOW + 2_000 },
      store: { count: 1, notBefore: NOW + 1_000 },
    });
    state = done(done(state, "tell"), "check");
    expect(state.retries).toEqual({ store: { count: 1, notBefore: NOW + 1_000 } });
  });

  it("keeps its failures through a pause that was asked for, which is none itself", () => {
    expect(paused(room, "read", NOW, 7_000).retries).toEqual({
      read: { count: 0, notBefore: NOW + 7_000 },
    });
    const twice = later(later(room, "read", NOW), "read", NOW);
    expect(paused(twice, "read", NOW, 7_000).retries["read"]?.count).toBe(2);
    // "At once" would be for ever at once.
    expect(paused(room, "read", NOW, 0).retries["read"]?.notBefore).toBeGreaterThan(NOW);
  });

  it("is a new beginning when the match ends, but for the pause that FACEIT asked for", () => {
    expect(fresh(later(room, "tell", NOW))).toStrictEqual({});
    const state = paused(later(room, "tell", NOW), "read", NOW, 7_000);
    expect(Object.keys(fresh(state))).toEqual(["read"]);
  });

  it.each<[DiscordFailure, number, number]>([
    [{ kind: "rate_limited", retryAfterMs: 3_000 }, 0, 3_000],
    [{ kind: "unauthorized", retryAfterMs: 60_000 }, 0, 60_000],
    [{ kind: "refused", status: 403, code: 50_013, message: "" }, 1, 30_000],
    [{ kind: "failed", status: 500 }, 1, 1_000],
    [{ kind: "unknown_outcome" }, 1, 1_000],
  ])("at Discord ($kind) waits as long as that takes", (failure, count, ms) => {
    const { retries } = failed(room, "check", failure, NOW);
    expect(retries).toEqual({ check: { count, notBefore: NOW + ms } });
  });
});

import { describe, expect, test } from "vitest";
import type { Phase } from "./discord/machine-state.ts";
import { BEHIND_AFTER_MS, reasonsNotReady, type Situation } from "./readiness.ts";

const FINE: Situation = {
  discord: { phase: "ready", obstacle: null, retryAt: null },
  gateway: { state: "connected", since: 1 },
  hub: { state: "accepting", reason: "" },
  primaryGuildId: "g1",
  primaryGuild: "available",
  outbox: { events: 0, bytes: 0, oldestAgeMs: 0 },
  stopping: false,
};

function codes(change: Partial<Situation>): string[] {
  return reasonsNotReady({ ...FINE, ...change }).map(({ code }) => code);
}

test("without a problem the process is ready", () => expect(codes({})).toEqual([]));

describe("each reason", () => {
  const cases: readonly [string, Partial<Situation>][] = [
    [
      "discord_connecting",
      { discord: { phase: "resuming", obstacle: "closed (1006)", retryAt: null } },
    ],
    ["discord_refused", { discord: { phase: "fatal", obstacle: "token", retryAt: null } }],
    ["not_in_primary_guild", { primaryGuild: "absent" }],
    ["primary_guild_unavailable", { primaryGuild: "unavailable" }],
    ["hub_unknown", { hub: { state: "unknown", reason: "not reached" } }],
    ["hub_unreachable", { hub: { state: "unreachable", reason: "no answer" } }],
    ["hub_refuses", { hub: { state: "misconfigured", reason: "403" } }],
    ["hub_behind", { outbox: { events: 3, bytes: 9, oldestAgeMs: BEHIND_AFTER_MS + 1 } }],
    [
      "superseded",
      {
        hub: { state: "stale", reason: "" },
        discord: { phase: "stopped", obstacle: "", retryAt: null },
      },
    ],
    ["stopping", { stopping: true }],
  ];
  test.each(cases)("%s", (code, change) => {
    expect(codes(change)).toEqual([code]);
    for (const { message } of reasonsNotReady({ ...FINE, ...change })) {
      expect(message.length).toBeGreaterThan(4);
    }
  });

  test("an event that waits for exactly a minute is not behind yet", () => {
    expect(codes({ outbox: { events: 3, bytes: 9, oldestAgeMs: BEHIND_AFTER_MS } })).toEqual([]);
  });

  test("the message contains the awaited answer and the last obstacle", () => {
    const obstacle = "Discord did not say HELLO";
    const messageOf = (phase: Phase, retryAt: number | null): string | undefined =>
      reasonsNotReady({ ...FINE, discord: { phase, obstacle, retryAt } })[0]?.message;
    expect(messageOf("resuming", null)).toBe(
      "Not connected to Discord, waiting for RESUMED. Last: Discord did not say HELLO.",
    );
    expect(messageOf("waiting", Date.parse("2026-11-29T12:00:05Z"))).toBe(
      "Not connected to Discord, trying again at 2026-11-29T12:00:05.000Z. Last: Discord did not say HELLO.",
    );
  });

  test("both sides at once", () => {
    expect(
      codes({
        discord: { phase: "waiting", obstacle: null, retryAt: null },
        hub: { state: "unreachable", reason: "no answer" },
      }),
    ).toEqual(["discord_connecting", "hub_unreachable"]);
  });
});

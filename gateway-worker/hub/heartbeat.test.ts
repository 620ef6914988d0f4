import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { GATEWAY_HEARTBEAT_INTERVAL_MS } from "../../src/protocol/limits.ts";
import { testMetrics } from "../fixtures/memory-metrics.ts";
import type { Answer } from "./answer.ts";
import { Heartbeat } from "./heartbeat.ts";

const ACCEPTED: Answer = { kind: "accepted", refused: [] };
const LATER: Answer = { kind: "later", afterMs: null, reason: "no answer" };

let answer: Answer;
let silences: number;
/** When each heartbeat was sent. */
let sentAt: number[];
let heartbeat: Heartbeat;

beforeEach(() => {
  vi.useFakeTimers();
  answer = ACCEPTED;
  silences = 0;
  sentAt = [];
  heartbeat = new Heartbeat({
    hub: {
      status: { state: "accepting", reason: "" },
      post: async () => {
        sentAt.push(Date.now());
        return answer;
      },
      abort: () => {},
    },
    metrics: testMetrics(),
    primaryGuildId: "1",
    gateway: () => ({ state: "connected", since: 0 }),
    guildIds: () => ["1"],
    onSilenceOver: () => {
      silences += 1;
    },
    now: Date.now,
    random: () => 0.5,
  });
});

afterEach(async () => {
  await heartbeat.stop();
  vi.useRealTimers();
});

describe("a silence", () => {
  test("does not exist while heartbeats arrive", async () => {
    heartbeat.beat();
    await vi.advanceTimersByTimeAsync(10 * GATEWAY_HEARTBEAT_INTERVAL_MS);
    expect(silences).toBe(0);
  });

  test("ends with the first heartbeat that arrives after two lost ones", async () => {
    heartbeat.beat();
    await vi.advanceTimersByTimeAsync(1_000);
    answer = LATER;
    await vi.advanceTimersByTimeAsync(2 * GATEWAY_HEARTBEAT_INTERVAL_MS + 1_000);
    expect(silences).toBe(0);
    answer = ACCEPTED;
    await vi.advanceTimersByTimeAsync(5 * GATEWAY_HEARTBEAT_INTERVAL_MS);
    expect(silences).toBe(1);
  });

  test("changes nothing when it is short", async () => {
    heartbeat.beat();
    await vi.advanceTimersByTimeAsync(1_000);
    answer = LATER;
    await vi.advanceTimersByTimeAsync(GATEWAY_HEARTBEAT_INTERVAL_MS);
    answer = ACCEPTED;
    await vi.advanceTimersByTimeAsync(5 * GATEWAY_HEARTBEAT_INTERVAL_MS);
    expect(silences).toBe(0);
  });
});

test("an unreachable hub is called again after pauses that begin with a second and end at ten", async () => {
  answer = LATER;
  heartbeat.beat();
  await vi.advanceTimersByTimeAsync(20_000);
  const pauses = sentAt.slice(1).map((at, index) => at - (sentAt[index] ?? 0));
  // The jitter halves each pause, because random() is 0.5.
  expect(pauses.slice(0, 6)).toEqual([500, 1_000, 2_000, 4_000, 5_000, 5_000]);
});

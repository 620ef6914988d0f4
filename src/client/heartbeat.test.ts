import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Heartbeat, PING_INTERVAL_MS, PONG_TIMEOUT_MS } from "./heartbeat.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("a heartbeat", () => {
  it("pings as soon as it begins, and then regularly", () => {
    const sent: string[] = [];
    const heartbeat = new Heartbeat((text) => sent.push(text), vi.fn());
    expect(sent).toEqual(['{"type":"ping"}']);
    heartbeat.alive();
    vi.advanceTimersByTime(PING_INTERVAL_MS);
    expect(sent).toHaveLength(2);
    heartbeat.stop();
  });

  it("notices at once that nobody was there from the beginning", () => {
    const onDead = vi.fn();
    const heartbeat = new Heartbeat(() => {}, onDead);
    vi.advanceTimersByTime(PONG_TIMEOUT_MS - 1);
    expect(onDead).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(onDead).toHaveBeenCalledTimes(1);
    heartbeat.stop();
  });
});

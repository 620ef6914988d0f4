import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { REPLAY_EVENTS_MAX, Session, SESSION_LIFETIME_MS } from "./session.ts";

function expectedAfter(seq: number, count: number): string | number[] {
  if (seq > count) return "ahead";
  if (seq < count - REPLAY_EVENTS_MAX) return "gone";
  return Array.from({ length: count - seq }, (_, index) => seq + index + 1);
}

describe("a session's replay", () => {
  it("is every dispatch after a sequence number, or none", () => {
    const sent = fc.integer({ min: 0, max: REPLAY_EVENTS_MAX + 50 });
    const seen = fc.integer({ min: 0, max: REPLAY_EVENTS_MAX + 60 });
    fc.assert(
      fc.property(sent, seen, (count, seq) => {
        const session = new Session({ intents: 1, shard: [0, 1] });
        for (let n = 1; n <= count; n += 1) session.record("EVENT", { n });
        const missed = session.missedAfter(seq);
        const outcome = typeof missed === "string" ? missed : missed.map(({ s }) => s);
        expect(outcome).toEqual(expectedAfter(seq, count));
      }),
    );
  });

  it("is the same after the session was saved and loaded", () => {
    const session = new Session({ intents: 129, shard: [1, 2] });
    for (let n = 1; n <= 5; n += 1) session.record("EVENT", { n });
    const copy = new Session(session.state());
    expect(copy.missedAfter(2)).toEqual(session.missedAfter(2));
    expect(copy.state()).toEqual(session.state());
  });

  it("expires when its client stays away too long", () => {
    const session = new Session({ intents: 1, shard: [0, 1] });
    const after = (ms: number): boolean => session.isExpired(() => 1_000 + ms, SESSION_LIFETIME_MS);
    expect(after(SESSION_LIFETIME_MS * 2)).toBe(false);
    session.disconnectedAt = 1_000;
    expect(after(SESSION_LIFETIME_MS)).toBe(false);
    expect(after(SESSION_LIFETIME_MS + 1)).toBe(true);
  });
});

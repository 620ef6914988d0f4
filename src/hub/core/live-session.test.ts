import { describe, expect, test } from "vitest";
import { memoryStore } from "../../testing/memory-storage.ts";
import type { SqliteStore } from "../sqlite-store.ts";
import { entryFor } from "../../testing/store-suite.ts";
import type { Audience } from "../publisher.ts";
import { GUILD_DIALECT } from "../dialects/guild.ts";
import { GUILD_STREAM } from "../guild-kind.ts";
import { LiveSession } from "./live-session.ts";
import type { OpenSession } from "./session.ts";

const SERVING = { dialect: GUILD_DIALECT, limits: GUILD_STREAM.limits };

const record = (extra: Partial<OpenSession> = {}): OpenSession => ({
  v: 1,
  state: "open",
  id: "c",
  sub: "alice",
  grants: ["sub:alice"],
  exp: 10,
  warned: false,
  since: 0,
  from: 0,
  batch: false,
  bad: 0,
  ...extra,
});

/** A journal of so many entries, with these audiences. */
function journal(count: number, audienceOf: (seq: number) => Audience): SqliteStore {
  const store = memoryStore("e");
  for (let seq = 1; seq <= count; seq += 1) {
    store.append(entryFor(seq, { audience: audienceOf(seq) }));
  }
  return store;
}

describe("HUB-5 the event before, found again in the journal", () => {
  test("is found behind any number of events that the session may not see", () => {
    const store = journal(1_000, (seq) => (seq === 3 || seq === 800 ? null : ["sub:bob"]));
    const session = new LiveSession(record(), null, SERVING);
    expect(session.sentBefore(1_001, store)).toBe(800);
    expect(session.sentBefore(800, store)).toBe(3);
    expect(session.sentBefore(3, store)).toBe(0);
  });

  test("is not searched before the session's start, or before its grants last changed", () => {
    const store = journal(700, () => null);
    expect(new LiveSession(record({ from: 700 }), null, SERVING).sentBefore(701, store)).toBe(700);
    expect(
      new LiveSession(record({ from: 5, decided: 700 }), null, SERVING).sentBefore(701, store),
    ).toBe(5);
    expect(
      new LiveSession(record({ from: 5, decided: 699 }), null, SERVING).sentBefore(701, store),
    ).toBe(700);
    const hidden = journal(700, () => ["sub:bob"]);
    expect(new LiveSession(record({ from: 5 }), null, SERVING).sentBefore(701, hidden)).toBe(5);
    // Exactly as many entries as one read returns.
    expect(
      new LiveSession(record(), null, SERVING).sentBefore(
        201,
        journal(200, () => ["x"]),
      ),
    ).toBe(0);
  });

  test("is not searched while it is known", () => {
    const session = new LiveSession(record(), null, SERVING);
    session.lastSent = 4;
    expect(
      session.sentBefore(
        9,
        journal(8, () => null),
      ),
    ).toBe(4);
    expect(new LiveSession(record({ from: 6, lagging: 1 }), null, SERVING).lastSent).toBe(6);
  });
});

describe("what a session wants", () => {
  test("is what it may see and has subscribed to", () => {
    const session = new LiveSession(record(), ["c1"], SERVING);
    const wants = (audience: Audience, topic: string | null): boolean =>
      session.wants(entryFor(1, { audience, topic }));
    expect([wants(null, null), wants(null, "c1"), wants(null, "c2")]).toEqual([true, true, false]);
    expect([wants(["sub:alice"], "c1"), wants(["sub:bob"], "c1")]).toEqual([true, false]);
    expect(session.topics).toEqual(["c1"]);
    session.narrow(null);
    expect([wants(null, "c2"), session.topics]).toEqual([true, null]);
  });
});

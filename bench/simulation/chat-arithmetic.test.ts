import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ASSUMPTIONS, MONTH_SECONDS, totalCost } from "./arithmetic.ts";
import {
  callsToFollower,
  type Chat,
  CHAT_ASSUMPTIONS,
  CHAT_ROWS,
  chatUsage,
  clientCallsUsage,
  followers,
  journalPerUserUsage,
  membersOnline,
  mostEvents,
  shardLoad,
} from "./chat-arithmetic.ts";

/** 1,000 users, each in 2 of 10 spaces, at 4 shards. */
const CHAT: Chat = {
  spaces: 10,
  users: 1_000,
  spacesPerUser: 2,
  eventsPerSecond: 1,
  shards: 4,
};

describe("shards that follow a space", () => {
  test("are at most as many as its members, and as there are", () => {
    const members = fc.integer({ min: 1, max: 20_000 });
    const shards = fc.integer({ min: 1, max: 1_000 });
    fc.assert(
      fc.property(
        members,
        shards,
        fc.double({ min: 0, max: 1, noNaN: true }),
        (some, all, share) => {
          const following = followers(some, all, share);
          expect(following).toBeLessThanOrEqual(Math.min(some, all) + 1e-6);
          expect(following).toBeGreaterThan(0.999);
        },
      ),
    );
  });

  // Members are placed one by one: a count instead of the formula.
  test("are those that a count finds", () => {
    const { atHome } = CHAT_ASSUMPTIONS;
    for (const share of [1 / 4, atHome]) {
      // Of three members, each at one of four shards: 64 cases with their chances.
      let expected = 0;
      for (let place = 0; place < 64; place++) {
        const at = [place % 4, Math.floor(place / 4) % 4, Math.floor(place / 16)];
        const chance = at.reduce((all, shard) => all * (shard === 0 ? share : (1 - share) / 3), 1);
        expected += chance * new Set(at).size;
      }
      expect(followers(3, 4, share)).toBeCloseTo(expected);
    }
  });

  test("are fewer when users are placed by their spaces, unless the space is at all of them", () => {
    const { atHome } = CHAT_ASSUMPTIONS;
    expect(followers(5, 64, atHome)).toBeLessThan(followers(5, 64) / 2);
    expect(followers(100_000, 64, atHome)).toBeCloseTo(64);
    expect(followers(100_000, 64)).toBeCloseTo(64);
  });
});

describe("a shard", () => {
  test("takes the events of the spaces that it follows, and sends them to its users", () => {
    expect(membersOnline(CHAT)).toBe(200);
    // All four follow every space.
    const load = shardLoad(CHAT, 4);
    expect(load).toMatchObject({ spaces: 10, events: 10, calls: 10, deliveries: 500 });
    expect(load.journalSeconds).toBe(1_000);
    expect(load.indexBytes).toBe(250 * 2 * 3 * 100);
  });

  test("gets at most one call at a time from a space, however many events it has", () => {
    expect(callsToFollower(1_000)).toBe(20);
    const burst = shardLoad({ ...CHAT, eventsPerSecond: 100 }, 4);
    expect(burst).toMatchObject({ calls: 200, events: 1_000 });
  });

  test("more shards do not take more of spaces that all of them follow, and do of small ones", () => {
    const { callsPerShard } = CHAT_ASSUMPTIONS;
    expect(mostEvents(10_000, 256)).toBeCloseTo(callsPerShard);
    expect(mostEvents(10_000, 512)).toBeCloseTo(callsPerShard);
    expect(mostEvents(2, 256)).toBeGreaterThan(1.9 * mostEvents(2, 128));
  });

  // One shard of 10,000 members, half of its thread: the deliveries come first.
  test("deliveries limit it as well", () => {
    expect(mostEvents(10_000, 1)).toBeCloseTo(500 / (10_000 * ASSUMPTIONS.deliveryMs));
  });
});

describe("the usage of a month", () => {
  test("each event is written by the space, and by each shard that follows it", () => {
    const events = 10 * (MONTH_SECONDS / 4);
    expect(chatUsage(CHAT, 4).rowsWritten).toBeCloseTo(events * (6 + 4 * CHAT_ROWS.shardEvent));
    expect(journalPerUserUsage(CHAT).rowsWritten).toBeCloseTo(
      events * (6 + 200 * CHAT_ROWS.userEvent),
    );
  });

  test("a call is a request, to each shard or to each member", () => {
    const [events, beats] = [10 * (MONTH_SECONDS / 4), (1_000 / 15 / 20) * (MONTH_SECONDS / 4)];
    expect(chatUsage(CHAT, 4).requests).toBeCloseTo(events * (1 + 4) + beats);
    expect(journalPerUserUsage(CHAT).requests).toBeCloseTo(events * (1 + 200) + beats);
  });

  test("a journal for each user costs more the more members a space has", () => {
    const times = [1_000, 10_000, 100_000].map((users) => {
      const chat = { ...CHAT, users };
      return totalCost(journalPerUserUsage(chat)) / totalCost(chatUsage(chat, 4));
    });
    expect(times[0]).toBeGreaterThan(10);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });

  test("without events only heartbeats are paid for", () => {
    const { rowsWritten, workerRequests, requests } = chatUsage({ ...CHAT, eventsPerSecond: 0 }, 4);
    expect([rowsWritten, workerRequests]).toEqual([0, 0]);
    expect(requests).toBeCloseTo((1_000 / 15 / 20) * (MONTH_SECONDS / 4));
  });

  test("a call between clients is two messages, and an account is never more than always awake", () => {
    expect(clientCallsUsage(1).requests).toBeCloseTo((2 * MONTH_SECONDS) / 20);
    expect(clientCallsUsage(1_000).gigabyteSeconds).toBeCloseTo(MONTH_SECONDS * 0.128);
  });
});

import { describe, expect, test } from "vitest";
import {
  JOURNAL_MAX_AGE_MS,
  RETRY_WINDOW_MIN_MS,
  REVOCATION_TTL_MS,
} from "../../protocol/limits.ts";
import type { MemorySocket } from "../../testing/memory-platform.ts";
import {
  COME_BACK_LATER,
  type Fate,
  GUILD,
  type VirtualConnect,
  VirtualGuild,
} from "../../testing/virtual-guild.ts";
import { entryFor } from "../../testing/store-suite.ts";
import { RELAYS_TASK } from "./relay-fanout.ts";

const callsOf = ({ calls }: VirtualGuild): number =>
  [...calls.values()].reduce((sum, count) => sum + count, 0);
const seqs = (socket: MemorySocket): number[] => socket.events().map((event) => event.seq);

const ARRIVES: Fate = {};
const REQUEST_LOST: Fate = { lost: "request" };
const ANSWER_LOST: Fate = { lost: "answer" };

/** Sets the fates of the next calls. All later calls arrive. */
function fates(guild: VirtualGuild, ...next: Fate[]): void {
  guild.fate = () => next.shift() ?? ARRIVES;
}

async function join(
  guild: VirtualGuild,
  index: number,
  options: VirtualConnect = {},
): Promise<MemorySocket> {
  const socket = await guild.join(guild.relay(index), options);
  if (typeof socket === "number") throw new Error(`refused with ${socket}`);
  return socket;
}

describe("HUB-16 relays", () => {
  test("a client at a relay gets what a client at the hub gets: same frames, audience and prev", async () => {
    const guild = new VirtualGuild();
    guild.publish();
    const here = await guild.join(guild.hub, { sub: "alice" });
    if (typeof here === "number") throw new Error(`refused with ${here}`);
    const there = await join(guild, 0, { sub: "alice" });
    const bob = await join(guild, 1, { sub: "bob" });
    guild.publish();
    guild.publish(["sub:alice"]);
    guild.publish();
    await guild.time.quiet();
    expect(there.sent.slice(2)).toEqual(here.sent.slice(2));
    expect(seqs(there)).toEqual([2, 3, 4]);
    expect(bob.events()).toMatchObject([{ seq: 2 }, { seq: 4, prev: 2 }]);
  });

  test("HUB-18 clients of a large hub spread their reconnects over its planned share, also the first ones", async () => {
    const guild = new VirtualGuild(undefined, {
      SOCKETS_PER_HUB: "8000",
      SOCKETS_PER_RELAY: "30000",
    });
    const windowOf = (socket: MemorySocket | number): unknown =>
      typeof socket === "number" ? socket : socket.frames()[0];
    const alone = await guild.join(guild.hub, { sub: "first" });
    expect(windowOf(alone)).toMatchObject({ retryWindowMs: RETRY_WINDOW_MIN_MS });
    expect(windowOf(await join(guild, 0))).toMatchObject({ retryWindowMs: 30_000 });
    const beside = await guild.join(guild.hub, { sub: "second" });
    expect(windowOf(beside)).toMatchObject({ retryWindowMs: 8_000 });
  });

  test("a hub whose last revocation has expired calls a new relay no more often than needed", async () => {
    const guild = new VirtualGuild();
    await guild.hub.impl.revoke({ sub: "mallory" });
    await guild.time.pass(REVOCATION_TTL_MS + 1);
    const socket = await join(guild, 0);
    const before = callsOf(guild);
    let left = 100;
    guild.fate = () => {
      left -= 1;
      if (left < 0) throw new Error("the calls never end");
      return ARRIVES;
    };
    guild.publish();
    await guild.time.quiet();
    expect(seqs(socket)).toEqual([1]);
    expect(callsOf(guild) - before).toBeLessThanOrEqual(3);
    expect(guild.relay(0).impl.copy.revision).toBeGreaterThan(0);
    await guild.time.pass(1_000);
    expect(guild.hub.impl.host.store.readTask(RELAYS_TASK)).toBeNull();
  });

  test("an event that is published during the call for a signal reaches the relay at once", async () => {
    const guild = new VirtualGuild();
    const socket = await join(guild, 0);
    guild.publish();
    await guild.time.quiet();
    guild.hub.impl.signal({
      event: "typing",
      key: "k",
      payload: "{}",
      audience: null,
      topic: null,
      ts: 0,
    });
    guild.publish();
    await guild.time.quiet();
    expect(seqs(socket)).toEqual([1, 2]);
  });

  test("a lost call is repeated, and a lost acknowledgement sends nothing twice", async () => {
    const guild = new VirtualGuild();
    const socket = await join(guild, 0);
    fates(guild, REQUEST_LOST);
    guild.publish();
    await guild.time.quiet();
    expect(seqs(socket)).toEqual([]);
    await guild.time.pass(1_000);
    expect(seqs(socket)).toEqual([1]);
    fates(guild, ANSWER_LOST);
    guild.publish();
    await guild.time.quiet();
    await guild.time.pass(1_000);
    guild.publish();
    await guild.time.quiet();
    expect(seqs(socket)).toEqual([1, 2, 3]);
  });

  test("a relay pulls what it missed, in as many parts as needed, and sends it once", async () => {
    const guild = new VirtualGuild();
    const socket = await join(guild, 0);
    guild.fate = () => REQUEST_LOST;
    // More than two pulls carry.
    const text = "x".repeat(32 * 1024);
    for (let i = 0; i < 70; i += 1) guild.publish(null, null, undefined, { text });
    await guild.time.quiet();
    await guild.evict();
    guild.fate = () => ARRIVES;
    const before = guild.calls.get("pull") ?? 0;
    guild.publish();
    await guild.time.quiet();
    expect(seqs(socket)).toEqual(Array.from({ length: 71 }, (_, i) => i + 1));
    expect((guild.calls.get("pull") ?? 0) - before).toBe(3);
  });

  test("a hub that is killed between its commit and its call repeats the call when the task is due", async () => {
    const guild = new VirtualGuild();
    const socket = await join(guild, 0);
    guild.publish();
    guild.hub.crash();
    await guild.time.quiet();
    expect(seqs(socket)).toEqual([]);
    expect(guild.hub.impl.host.store.readTask(RELAYS_TASK)).toBe(guild.time.now + 1_000);
    await guild.time.pass(1_000);
    expect(seqs(socket)).toEqual([1]);
    expect(guild.hub.impl.host.store.readTask(RELAYS_TASK)).toBeNull();
  });

  test("a relay that is killed keeps what it acknowledged, and its clients resume at it", async () => {
    const guild = new VirtualGuild();
    const socket = await join(guild, 0);
    guild.publish();
    guild.publish();
    await guild.time.quiet();
    guild.relay(0).crash();
    expect(socket.closed).toBe("lost");
    guild.publish();
    await guild.time.quiet();
    const position = { epoch: "epoch-1", seq: 2 };
    for (const index of [0, 1]) {
      const back = await join(guild, index, position);
      expect(back.frames().map((frame) => frame.type)).toEqual(["ack", "event", "resumed"]);
      expect(seqs(back)).toEqual([3]);
    }
  });

  test("a client from an object with more events does not count as ahead of the hub", async () => {
    const guild = new VirtualGuild();
    await join(guild, 0);
    fates(guild, REQUEST_LOST);
    guild.publish();
    guild.publish();
    await guild.time.quiet();
    const moved = await join(guild, 0, { epoch: "epoch-1", seq: 1 });
    expect(moved.frames().map((frame) => frame.type)).toEqual(["ack", "event", "resumed"]);
    expect(seqs(moved)).toEqual([2]);
  });

  test("when the hub's snapshot is ahead of the relay, none of its events is sent again", async () => {
    const guild = new VirtualGuild();
    await join(guild, 0);
    fates(guild, REQUEST_LOST);
    guild.publish();
    guild.publish();
    await guild.time.quiet();
    const socket = await join(guild, 0, { sub: "bob" });
    expect(socket.frames()[0]).toMatchObject({ event: "auth.ok", seq: 2 });
    expect(socket.last()).toMatchObject({ type: "snapshot", seq: 2 });
    await guild.time.pass(1_000);
    guild.publish();
    await guild.time.quiet();
    expect(socket.events()).toMatchObject([{ seq: 3 }]);
    expect(socket.events()[0]).not.toHaveProperty("prev");
    guild.relay(0).message(socket, JSON.stringify({ type: "ack", seq: 3 }));
    expect(socket.last()).toMatchObject({ type: "event" });
  });

  test("when the relay is ahead of the hub's snapshot, the events in between follow it", async () => {
    const guild = new VirtualGuild();
    await join(guild, 0);
    guild.publish();
    await guild.time.quiet();
    fates(guild, { backMs: 50 });
    const joining = join(guild, 0, { sub: "bob" });
    await guild.time.quiet();
    guild.publish(["sub:carol"]);
    guild.publish();
    const socket = await joining;
    expect(socket.frames().map((frame) => frame.type)).toEqual(["ack", "snapshot", "event"]);
    expect(socket.events()).toMatchObject([{ seq: 3, prev: 1 }]);
    expect(guild.relay(0).impl.host.server.sessions.lagging().size).toBe(0);
  });

  test("a relay that missed trimmed events closes all its clients, and they get a snapshot", async () => {
    const guild = new VirtualGuild();
    const socket = await join(guild, 0);
    guild.publish();
    await guild.time.quiet();
    guild.fate = () => REQUEST_LOST;
    for (let i = 0; i < 20; i += 1) guild.publish();
    guild.hub.impl.host.store.trim({ maxEvents: 3, maxBytes: 1e9, maxAgeMs: 1e12 }, guild.time.now);
    await guild.time.quiet();
    guild.fate = () => ARRIVES;
    await guild.time.pass(1_000);
    expect(socket.closed).toBe("restart");
    expect(seqs(socket)).toEqual([1]);
    expect(guild.relay(0).impl.host.store.extent()).toEqual({
      epoch: "epoch-1",
      head: 21,
      oldest: 19,
    });
    const back = await join(guild, 0, { epoch: "epoch-1", seq: 1 });
    expect(back.last()).toMatchObject({ type: "snapshot", reason: "too_old", seq: 21 });
  });

  test("a relay whose next event is the oldest of the hub continues", async () => {
    const guild = new VirtualGuild();
    const socket = await join(guild, 0);
    guild.publish();
    await guild.time.quiet();
    guild.fate = () => REQUEST_LOST;
    for (let i = 0; i < 5; i += 1) guild.publish();
    guild.hub.impl.host.store.trim({ maxEvents: 5, maxBytes: 1e9, maxAgeMs: 1e12 }, guild.time.now);
    await guild.time.quiet();
    guild.fate = () => ARRIVES;
    await guild.time.pass(1_000);
    expect(socket.closed).toBeNull();
    expect(seqs(socket)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test("a new journal of the hub replaces the copy, including pages and open batches", async () => {
    const guild = new VirtualGuild();
    const old = await join(guild, 0);
    for (let i = 0; i < 3; i += 1) guild.publish(null, null, undefined, { of: "old" });
    await guild.time.quiet();
    const reader = await join(guild, 0, { epoch: "epoch-1", seq: 0, batch: true });
    guild.publish(null, null, undefined, { of: "old" });
    guild.publish(null, null, undefined, { of: "old" });
    await guild.time.quiet();
    guild.renewEpoch("epoch-2");
    guild.publish(null, null, undefined, { of: "new" });
    guild.publish(null, null, undefined, { of: "new" });
    await guild.time.quiet();
    expect([old.closed, reader.closed]).toEqual(["restart", "restart"]);
    const next = await join(guild, 0, { epoch: "epoch-2", seq: 0, batch: true });
    await guild.time.pass(10);
    expect(next.events()).toMatchObject([{ seq: 1 }, { seq: 2 }]);
    expect(next.sent.join()).not.toContain("old");
    const reset = await join(guild, 0, { epoch: "epoch-1", seq: 4 });
    expect(reset.last()).toMatchObject({ type: "snapshot", reason: "unknown_epoch", seq: 2 });
  });

  test("a call about a journal that was replaced meanwhile changes nothing", async () => {
    const guild = new VirtualGuild();
    await join(guild, 0);
    guild.publish();
    await guild.time.quiet();
    fates(guild, { thereMs: 5_000 });
    guild.publish(null, null, undefined, { of: "old" });
    await guild.time.quiet();
    guild.renewEpoch("epoch-2");
    guild.publish(null, null, undefined, { of: "new" });
    await guild.time.quiet();
    const store = guild.relay(0).impl.host.store;
    expect(store.extent()).toEqual({ epoch: "epoch-2", head: 1, oldest: 1 });
    // The old call arrives. Its second event would follow the first one of the new journal.
    await guild.time.pass(5_000);
    expect(store.extent().head).toBe(1);
    expect(
      store
        .readAfter(0, 9)
        .map(({ payload }) => payload)
        .join(),
    ).not.toContain("old");
  });

  test("a client whose position is trimmed while it waits to be accepted has to reconnect", async () => {
    const guild = new VirtualGuild();
    await join(guild, 0);
    for (let i = 0; i < 3; i += 1) guild.publish();
    await guild.time.quiet();
    await guild.time.pass(10);
    const relay = guild.relay(0);
    const resume = { epoch: "epoch-1", seq: 0 };
    const answers = Promise.all([guild.enter(relay, resume), guild.enter(relay, resume)]);
    await guild.time.quiet();
    relay.impl.host.store.trim({ maxEvents: 1, maxBytes: 1e9, maxAgeMs: 1e12 }, guild.time.now);
    await guild.time.pass(10);
    const [first, second] = await answers;
    expect([typeof first, second]).toEqual(["object", COME_BACK_LATER]);
    expect(relay.sockets.size).toBe(2);
    const back = await join(guild, 0, resume);
    expect(back.last()).toMatchObject({ type: "snapshot", reason: "too_old" });
  });

  test("the state of a journal that was replaced meanwhile is given to no client", async () => {
    const guild = new VirtualGuild();
    await join(guild, 0);
    for (let i = 0; i < 3; i += 1) guild.publish();
    await guild.time.quiet();
    await guild.time.pass(10);
    const relay = guild.relay(0);
    const answers = Promise.all([guild.enter(relay), guild.enter(relay)]);
    await guild.time.quiet();
    guild.renewEpoch("epoch-2");
    guild.publish();
    await guild.time.quiet();
    await guild.time.pass(10);
    const [first, second] = await answers;
    expect([typeof first, second]).toEqual(["object", COME_BACK_LATER]);
    expect(typeof first === "object" && first.closed).toBe("restart");
    const back = await join(guild, 0);
    expect(back.last()).toMatchObject({ type: "snapshot", epoch: "epoch-2", seq: 1 });
  });

  test("a relay that does not know the hub's new journal yet serves a new client from it", async () => {
    const guild = new VirtualGuild();
    const before = await join(guild, 0);
    for (let i = 0; i < 3; i += 1) guild.publish();
    await guild.time.quiet();
    guild.renewEpoch("epoch-2");
    const socket = await join(guild, 0);
    expect(socket.frames()).toMatchObject([
      { type: "ack", epoch: "epoch-2", seq: 0 },
      { type: "snapshot", epoch: "epoch-2", seq: 0 },
    ]);
    expect(before.closed).toBe("restart");
    guild.publish();
    await guild.time.quiet();
    expect(seqs(socket)).toEqual([1]);
  });

  test("signals reach clients of a relay that asked for them", async () => {
    const guild = new VirtualGuild();
    const asked = await join(guild, 0, { signals: true });
    const deaf = await join(guild, 0);
    guild.hub.impl.signal({
      event: "typing",
      key: "k",
      payload: '{"n":1}',
      audience: null,
      topic: null,
      ts: 5,
    });
    await guild.time.quiet();
    expect(asked.last()).toMatchObject({ type: "signal", key: "k", payload: { n: 1 } });
    expect(deaf.last()).toMatchObject({ type: "snapshot" });
  });

  test("a relay keeps its copy within the journal's bounds", async () => {
    const guild = new VirtualGuild();
    await join(guild, 0);
    guild.publish();
    await guild.time.quiet();
    await guild.time.pass(JOURNAL_MAX_AGE_MS + 1);
    guild.publish();
    await guild.time.quiet();
    expect(guild.relay(0).impl.host.store.extent()).toMatchObject({ oldest: 2, head: 2 });
  });

  test("a relay acknowledges what it has, with its numbers of sockets and users", async () => {
    const guild = new VirtualGuild();
    await join(guild, 0);
    await join(guild, 0);
    await join(guild, 0, { sub: "bob" });
    const { relays } = guild.hub.impl;
    fates(guild, { backMs: 50 }, REQUEST_LOST);
    guild.publish();
    await guild.time.quiet();
    expect(guild.relay(0).impl.host.store.extent().head).toBe(1);
    expect(relays.report()).toMatchObject([{ state: "open", acked: 0, behind: 1 }]);
    await guild.time.pass(50);
    expect(relays.report()).toMatchObject([{ state: "open", acked: 1, behind: 0 }]);
    expect(relays.rows).toMatchObject([{ index: 0, sockets: 3, users: 2 }]);
    guild.publish();
    await guild.time.quiet();
    expect(relays.report()).toMatchObject([{ state: "unreachable", acked: 1, behind: 1 }]);
    await guild.time.pass(1_000);
    expect(relays.report()).toMatchObject([{ state: "open", acked: 2, behind: 0 }]);
  });

  test("entries after a gap are refused, not stored", async () => {
    const guild = new VirtualGuild();
    await join(guild, 0);
    guild.publish();
    guild.publish();
    await guild.time.quiet();
    const relay = guild.relay(0).impl.copy;
    const call = {
      v: 1 as const,
      guildId: GUILD,
      epoch: "epoch-1",
      head: 9,
      after: 2,
      entries: [entryFor(9)],
      signals: [],
      revision: 0,
      draining: false,
    };
    await expect(relay.take(call)).rejects.toThrow("after 2 are missing");
    expect(guild.relay(0).impl.host.store.extent().head).toBe(2);
  });

  test("a pull without an answer delays no other pull, and repeated entries are stored once", async () => {
    const guild = new VirtualGuild();
    const socket = await join(guild, 0);
    fates(guild, REQUEST_LOST, { thereMs: 5_000 });
    guild.publish();
    await guild.time.quiet();
    const relay = guild.relay(0).impl.copy;
    const late = relay.catchUp();
    await Promise.all([relay.catchUp(), relay.catchUp(1)]);
    expect(seqs(socket)).toEqual([1]);
    await guild.time.pass(5_000);
    await late;
    expect(seqs(socket)).toEqual([1]);
  });

  test("a pull whose answer arrives after another pull began a new journal is repeated", async () => {
    const guild = new VirtualGuild();
    const socket = await join(guild, 0);
    guild.publish();
    await guild.time.quiet();
    guild.renewEpoch("epoch-2");
    guild.fate = () => REQUEST_LOST;
    for (let i = 0; i < 3; i += 1) guild.publish();
    await guild.time.quiet();
    fates(guild, { thereMs: 1 }, ARRIVES, { thereMs: 1 });
    const relay = guild.relay(0).impl.copy;
    const pulls = Promise.all([relay.catchUp(), relay.catchUp()]);
    for (let i = 0; i < 5; i += 1) await guild.time.pass(1);
    await pulls;
    expect(guild.relay(0).impl.host.store.extent()).toEqual({
      epoch: "epoch-2",
      head: 3,
      oldest: 1,
    });
    expect(seqs(socket)).toEqual([1]);
  });
});

describe("HUB-1 a hub whose storage was restored to an older point", () => {
  /** The hub loses every event after this seq, and the memory of having had them. */
  const restore = (guild: VirtualGuild, seq: number): void => {
    const { sql } = guild.hub.storage;
    sql.exec("DELETE FROM entries WHERE seq > ?", seq);
    guild.hub.crash();
  };
  const epochOf = (guild: VirtualGuild): string => guild.hub.impl.host.store.extent().epoch;

  test.each([
    ["publishes nothing more", 0],
    ["has fewer events than its relay", 1],
    ["has as many again", 3],
    ["has more by now", 5],
  ])(
    "begins another journal when it %s, and every client gets the whole state",
    async (_, more) => {
      const guild = new VirtualGuild();
      const there = await join(guild, 0, { sub: "alice" });
      for (let n = 1; n <= 5; n += 1) guild.publish();
      await guild.time.quiet();
      expect(seqs(there)).toEqual([1, 2, 3, 4, 5]);
      restore(guild, 2);
      const before = epochOf(guild);
      const here = await guild.join(guild.hub, { sub: "bob" });
      if (typeof here === "number") throw new Error(`refused with ${here}`);
      for (let n = 1; n <= more; n += 1) guild.publish();
      await guild.time.pass(2_000);
      expect(epochOf(guild)).not.toBe(before);
      expect([here.closed, there.closed]).toEqual(["restart", "restart"]);
      expect(seqs(there)).toEqual([1, 2, 3, 4, 5]);
      const back = await join(guild, 0, { sub: "alice", epoch: before, seq: 5 });
      expect(back.frames()[1]).toMatchObject({ type: "snapshot", reason: "unknown_epoch" });
      guild.publish();
      await guild.time.quiet();
      expect(guild.relay(0).impl.host.store.extent()).toEqual(guild.hub.impl.host.store.extent());
      expect(back.events()).toHaveLength(1);
    },
  );

  test.each([2, 3, 4, 6])("finds it out by a first burst of %i events as well", async (burst) => {
    const guild = new VirtualGuild();
    const there = await join(guild, 0);
    for (let n = 1; n <= 5; n += 1) guild.publish();
    await guild.time.quiet();
    restore(guild, 2);
    const before = epochOf(guild);
    const event = { event: "test.happened", payload: {}, audience: null, topic: null };
    guild.hub.impl.publish(Array.from({ length: burst }, () => event));
    await guild.time.pass(5_000);
    expect([epochOf(guild) === before, there.closed]).toEqual([false, "restart"]);
    expect(seqs(there)).toEqual([1, 2, 3, 4, 5]);
  });

  test("closes whom it revokes afterwards, although its relay has newer revocations", async () => {
    const guild = new VirtualGuild();
    await join(guild, 0);
    guild.publish();
    await guild.hub.impl.revoke({ sub: "mallory" });
    await guild.time.quiet();
    const { sql } = guild.hub.storage;
    sql.exec("DELETE FROM revocations");
    sql.exec("DELETE FROM facts WHERE key = 'revision'");
    restore(guild, 0);
    guild.publish();
    await guild.time.pass(5_000);
    const calls = callsOf(guild);
    await guild.time.pass(60_000);
    expect(callsOf(guild) - calls).toBeLessThan(100);
    const back = await join(guild, 0, { sub: "alice" });
    expect(await guild.hub.impl.revoke({ sub: "alice" })).toEqual({ closed: 1 });
    expect(back.closed).toBe("unauthorized");
  });

  test("begins another journal when an operator says so, once for all its relays", async () => {
    const guild = new VirtualGuild();
    const sockets = [await join(guild, 0), await join(guild, 1, { sub: "bob" })];
    guild.publish();
    await guild.time.quiet();
    const epoch = guild.hub.impl.renewJournal();
    await guild.time.pass(2_000);
    expect(epochOf(guild)).toBe(epoch);
    expect(sockets.map((socket) => socket.closed)).toEqual(["restart", "restart"]);
    expect(guild.relay(1).impl.host.store.extent().epoch).toBe(epoch);
  });
});

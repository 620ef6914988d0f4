import { describe, expect, test } from "vitest";
import { JOURNAL_MAX_AGE_MS, REVOCATION_TTL_MS } from "../../protocol/limits.ts";
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

/** Fates of the next calls; afterwards all arrive. */
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
  test("who is at a relay gets what one at the hub gets: same frames, same audience, same prev", async () => {
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

  test("a guild whose last revocation was forgotten takes a new relay, and calls it no more than needed", async () => {
    const guild = new VirtualGuild();
    await guild.hub.impl.revoke({ sub: "mallory" });
    await guild.time.pass(REVOCATION_TTL_MS + 1);
    const socket = await join(guild, 0);
    const before = callsOf(guild);
    let left = 100;
    guild.fate = () => {
      left -= 1;
      if (left < 0) throw new Error("calls without end");
      return ARRIVES;
    };
    guild.publish();
    await guild.time.quiet();
    expect(seqs(socket)).toEqual([1]);
    expect(callsOf(guild) - before).toBeLessThanOrEqual(3);
    expect(guild.relay(0).impl.copy.revision).toBe(1);
    await guild.time.pass(1_000);
    expect(guild.hub.impl.host.store.readTask(RELAYS_TASK)).toBeNull();
  });

  test("what is published while a relay is told of a signal reaches it at once", async () => {
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

  test("a lost call is made again, a lost acknowledgement sends nothing twice", async () => {
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

  test("what it missed it pulls, in as many parts as it takes, and sends it once", async () => {
    const guild = new VirtualGuild();
    const socket = await join(guild, 0);
    guild.fate = () => REQUEST_LOST;
    // Twice what one pull carries.
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

  test("a hub that dies between its commit and its call makes up for it when the task is due", async () => {
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

  test("a relay that dies keeps what it acknowledged: who comes back resumes at it", async () => {
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

  test("who was served elsewhere, where more was known, is not taken for ahead of the hub", async () => {
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

  test("a snapshot from the hub that is ahead of the relay: nothing of it comes again", async () => {
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

  test("a snapshot that the relay has passed meanwhile: what came since follows it", async () => {
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
    expect(guild.relay(0).impl.host.server.sessions.laggingCount).toBe(0);
  });

  test("a relay that fell behind what the hub still has sends everybody away, to be reset", async () => {
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

  test("one that lacks nothing but what was trimmed behind it goes on", async () => {
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

  test("another journal of the hub takes the place of the copy, pages and open batches as well", async () => {
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

  test("a call of a journal that was given up meanwhile changes nothing", async () => {
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
    // The call of before arrives: its second event would follow the first one of today.
    await guild.time.pass(5_000);
    expect(store.extent().head).toBe(1);
    expect(
      store
        .readAfter(0, 9)
        .map(({ payload }) => payload)
        .join(),
    ).not.toContain("old");
  });

  test("who was to resume comes back when the journal lost its place while it waited to be let in", async () => {
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

  test("a state of a journal that was given up meanwhile is given to nobody", async () => {
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

  test("who comes to a relay that has not heard of the hub's new journal is served from the new one", async () => {
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

  test("signals reach who asked for them there", async () => {
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

  test("keeps its copy within the journal's bounds", async () => {
    const guild = new VirtualGuild();
    await join(guild, 0);
    guild.publish();
    await guild.time.quiet();
    await guild.time.pass(JOURNAL_MAX_AGE_MS + 1);
    guild.publish();
    await guild.time.quiet();
    expect(guild.relay(0).impl.host.store.extent()).toMatchObject({ oldest: 2, head: 2 });
  });

  test("acknowledges what it has and whom it serves", async () => {
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

  test("entries that do not follow are refused, not stored", async () => {
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

  test("a pull whose answer does not come holds up nobody, and what comes twice is taken once", async () => {
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

  test("a pull that was answered after another one began a new journal asks again", async () => {
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

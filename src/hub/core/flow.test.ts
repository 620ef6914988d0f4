import { describe, expect, test } from "vitest";
import {
  CREDIT_WINDOW_BYTES,
  CREDIT_WINDOW_EVENTS,
  JOURNAL_MAX_EVENTS,
  LAGGING_MAX_MS,
  UNACKNOWLEDGED_BYTES_MAX,
} from "../../protocol/limits.ts";
import { type MemorySocket } from "../../testing/memory-platform.ts";
import type { VirtualConnect } from "../../testing/virtual-guild.ts";
import { VirtualHub } from "../../testing/virtual-hub.ts";
import { LAGGING_TASK } from "./flow.ts";

const KB = 1024;
const big = (bytes: number): Record<string, unknown> => ({ text: "x".repeat(bytes) });

const seqs = (socket: MemorySocket): number[] => socket.events().map((event) => event.seq);
const upTo = (last: number, first = 1): number[] =>
  Array.from({ length: last - first + 1 }, (_, i) => first + i);

/** A client that has acknowledged once. */
function acker(bench: VirtualHub, options: VirtualConnect = {}): MemorySocket {
  const socket = bench.connect(options);
  bench.ack(socket, bench.store.extent().head);
  return socket;
}

function publishBig(bench: VirtualHub, count: number, bytes = 32 * KB): void {
  for (let i = 0; i < count; i += 1) bench.publish(null, null, undefined, big(bytes));
}

/** Bytes of the events that a client was sent. */
const eventBytes = (socket: MemorySocket): number =>
  socket.sent
    .filter((text) => text.includes('"type":"event"') || text.includes('"type":"batch"'))
    .reduce((sum, text) => sum + text.length, 0);

/** Expects every event once, in order, with `prev` exactly at jumps. */
function expectWhole(socket: MemorySocket, wanted: readonly number[], from = 0): void {
  let before = from;
  for (const event of socket.events()) {
    expect(event.prev ?? event.seq - 1).toBe(before);
    if (event.prev !== undefined) expect(event.prev).not.toBe(event.seq - 1);
    before = event.seq;
  }
  expect(seqs(socket)).toEqual(wanted);
}

describe("HUB-10 the window of a client that acknowledges", () => {
  test("by bytes: the frame that exceeds it waits, and is sent after the acknowledgement", () => {
    const bench = new VirtualHub();
    const socket = acker(bench);
    publishBig(bench, 10);
    const got = seqs(socket).length;
    expect(got).toBe(5);
    expect(eventBytes(socket)).toBeLessThanOrEqual(CREDIT_WINDOW_BYTES);
    expect(bench.server.sessions.lagging().size).toBe(1);
    expect(bench.lags).toBe(1);
    bench.ack(socket, 5);
    expect(seqs(socket)).toEqual(upTo(10));
    expect(bench.server.sessions.lagging().size).toBe(0);
    expect(bench.lags).toBe(1);
    publishBig(bench, 20);
    for (let i = 0; i < 3; i += 1) bench.ack(socket, seqs(socket).at(-1) ?? 0);
    expect(bench.lags).toBe(2);
  });

  test("by events: exactly the window, not one more", () => {
    const bench = new VirtualHub();
    const socket = acker(bench);
    for (let i = 0; i < CREDIT_WINDOW_EVENTS; i += 1) bench.publish();
    expect(seqs(socket)).toHaveLength(CREDIT_WINDOW_EVENTS);
    expect(bench.server.sessions.lagging().size).toBe(0);
    bench.publish();
    expect(seqs(socket)).toHaveLength(CREDIT_WINDOW_EVENTS);
    expect(bench.server.sessions.lagging().size).toBe(1);
  });

  test("an event larger than the rest of it is sent when all before it is acknowledged", () => {
    const bench = new VirtualHub();
    const socket = acker(bench);
    publishBig(bench, 1, 60 * KB);
    publishBig(bench, 3, 60 * KB);
    expect(seqs(socket)).toEqual([1, 2, 3]);
    bench.ack(socket, 3);
    expect(seqs(socket)).toEqual([1, 2, 3, 4]);
  });

  test("live events never overtake waiting ones, and each is sent once", () => {
    const bench = new VirtualHub();
    const [slow, quick] = [acker(bench), acker(bench, { sub: "bob" })];
    for (let round = 0; round < 12; round += 1) {
      publishBig(bench, 3);
      bench.ack(quick, seqs(quick).at(-1) ?? 0);
      if (round % 4 === 3) bench.ack(slow, seqs(slow).at(-1) ?? 0);
    }
    expect(seqs(quick)).toEqual(upTo(36));
    for (let i = 0; i < 20; i += 1) bench.ack(slow, seqs(slow).at(-1) ?? 0);
    expectWhole(slow, upTo(36));
  });

  test.each([false, true])("`prev` is right when the client is fed, batch: %s", async (batch) => {
    const bench = new VirtualHub();
    const socket = acker(bench, { batch });
    const wanted: number[] = [];
    for (let i = 1; i <= 60; i += 1) {
      bench.publish(i % 3 === 0 ? ["sub:bob"] : null, null, undefined, big(16 * KB));
      if (i % 3 !== 0) wanted.push(i);
    }
    await bench.pass(10);
    expect(bench.server.sessions.lagging().size).toBe(1);
    expect(eventBytes(socket)).toBeLessThanOrEqual(CREDIT_WINDOW_BYTES);
    for (let i = 0; i < 40; i += 1) bench.ack(socket, seqs(socket).at(-1) ?? 0);
    await bench.pass(10);
    expectWhole(socket, wanted);
    expect(socket.closed).toBeNull();
  });

  test("events outside its subscription are skipped when it is fed", () => {
    const bench = new VirtualHub();
    const socket = acker(bench);
    bench.server.message(
      socket,
      JSON.stringify({ type: "subscribe", channelIds: ["100000000000000001"] }),
    );
    publishBig(bench, 7);
    bench.publish(null, "100000000000000002");
    bench.publish(null, "100000000000000001");
    bench.ack(socket, 5);
    expectWhole(socket, [1, 2, 3, 4, 5, 6, 7, 9]);
  });

  test("the client is fed through evictions: the hub finds its lag again", async () => {
    const bench = new VirtualHub();
    const socket = acker(bench);
    publishBig(bench, 12);
    await bench.evict();
    expect(bench.server.sessions.lagging().size).toBe(1);
    bench.publish();
    expect(seqs(socket)).toEqual(upTo(5));
    for (let i = 0; i < 6; i += 1) {
      bench.ack(socket, seqs(socket).at(-1) ?? 0);
      await bench.evict();
    }
    expectWhole(socket, upTo(13));
    expect(bench.server.sessions.lagging().size).toBe(0);
    bench.publish();
    expectWhole(socket, upTo(14));
  });

  test("an acknowledgement of an event that it was never sent is refused and changes nothing", () => {
    const bench = new VirtualHub();
    const socket = acker(bench);
    publishBig(bench, 8);
    bench.ack(socket, 6);
    expect(socket.last()).toMatchObject({ type: "error", code: "invalid_ack" });
    expect(seqs(socket)).toEqual(upTo(5));
    expect(bench.server.sessions.lagging().size).toBe(1);
    bench.ack(socket, 5);
    expect(seqs(socket)).toEqual(upTo(8));
  });

  test("its pings do not count", async () => {
    const bench = new VirtualHub();
    const socket = acker(bench);
    publishBig(bench, 8);
    await bench.pass(6_000);
    socket.pingAt = bench.now;
    await bench.pass(6_000);
    bench.publish();
    expect(seqs(socket)).toEqual(upTo(5));
  });
});

describe("HUB-10 a client that lags", () => {
  test("and reads nothing for a minute is closed with 1013, not a millisecond before", async () => {
    const bench = new VirtualHub();
    const socket = acker(bench);
    publishBig(bench, 8);
    await bench.pass(LAGGING_MAX_MS - 1);
    expect(socket.closed).toBeNull();
    await bench.pass(10_000);
    expect(socket.closed).toBe("overloaded");
    expect(bench.ended).toEqual(["overloaded"]);
    await bench.pass(10_000);
    expect(bench.store.readTask(LAGGING_TASK)).toBeNull();
  });

  test("and reads something now and then stays connected, however far behind", async () => {
    const bench = new VirtualHub();
    const socket = acker(bench);
    publishBig(bench, 60);
    for (let i = 0; i < 8; i += 1) {
      await bench.pass(LAGGING_MAX_MS - 5_000);
      bench.ack(socket, seqs(socket).at(-1) ?? 0);
    }
    expect(socket.closed).toBeNull();
    expect(seqs(socket)).toEqual(upTo(45));
    expect(bench.server.sessions.lagging().size).toBe(1);
  });

  test("makes no progress by an acknowledgement of nothing new", async () => {
    const bench = new VirtualHub();
    const socket = acker(bench);
    publishBig(bench, 8);
    for (let i = 0; i < 7; i += 1) {
      await bench.pass(10_000);
      bench.ack(socket, 0);
    }
    expect(socket.closed).toBe("overloaded");
  });

  test("and whose events are trimmed is closed with 1013, to get a snapshot", () => {
    const bench = new VirtualHub();
    const socket = acker(bench);
    for (let i = 0; i < CREDIT_WINDOW_EVENTS + JOURNAL_MAX_EVENTS + 1; i += 1) bench.publish();
    expect(bench.store.extent().oldest).toBe(CREDIT_WINDOW_EVENTS + 2);
    bench.ack(socket, CREDIT_WINDOW_EVENTS);
    expect(socket.closed).toBe("overloaded");
    expect(seqs(socket)).toHaveLength(CREDIT_WINDOW_EVENTS);
  });

  test("and whose next event is the oldest in the journal is fed", () => {
    const bench = new VirtualHub();
    const socket = acker(bench);
    for (let i = 0; i < CREDIT_WINDOW_EVENTS + JOURNAL_MAX_EVENTS; i += 1) bench.publish();
    expect(bench.store.extent().oldest).toBe(CREDIT_WINDOW_EVENTS + 1);
    bench.ack(socket, CREDIT_WINDOW_EVENTS);
    expect(socket.closed).toBeNull();
    expect(seqs(socket)).toHaveLength(2 * CREDIT_WINDOW_EVENTS);
  });

  test("and whose token expires meanwhile gets only 4401", () => {
    const bench = new VirtualHub();
    const exp = Math.floor(bench.now / 1000) + 10;
    const socket = acker(bench, { exp });
    publishBig(bench, 8);
    bench.clock.now = exp * 1000;
    bench.ack(socket, 5);
    expect(socket.closed).toBe("unauthorized");
    expect(seqs(socket)).toEqual(upTo(5));
  });

  test("and pings, but whose events are trimmed, is closed once", async () => {
    const bench = new VirtualHub();
    const socket = bench.connect();
    bench.clock.now += 1;
    socket.pingAt = bench.now;
    for (let i = 0; i < 2 * CREDIT_WINDOW_EVENTS + JOURNAL_MAX_EVENTS; i += 1) bench.publish();
    expect(bench.server.sessions.lagging().size).toBe(1);
    await bench.pass(LAGGING_MAX_MS);
    expect(socket.closed).toBe("overloaded");
    expect(bench.ended).toEqual(["overloaded"]);
  });

  test("is checked every few seconds, and another lagging client does not postpone that", async () => {
    const bench = new VirtualHub();
    const first = acker(bench);
    publishBig(bench, 8);
    const due = bench.store.readTask(LAGGING_TASK);
    expect(due).toBe(bench.now + 5_000);
    bench.clock.now += 3_000;
    acker(bench, { sub: "bob" });
    publishBig(bench, 8);
    expect(bench.server.sessions.lagging().size).toBe(2);
    expect(bench.store.readTask(LAGGING_TASK)).toBe(due);
    await bench.pass(2_000);
    expect(bench.store.readTask(LAGGING_TASK)).toBe(bench.now + 5_000);
    expect(first.closed).toBeNull();
  });

  test("is checked although others begin to lag while its check is due", () => {
    const bench = new VirtualHub();
    const [one, other] = [acker(bench), acker(bench)];
    publishBig(bench, 7);
    bench.ack(other, 5);
    bench.ack(other, 7);
    // The alarm is late: the object is busy.
    const due = bench.now - 1;
    bench.store.writeTask(LAGGING_TASK, due);
    publishBig(bench, 7);
    expect(bench.server.sessions.lagging().size).toBe(2);
    expect(bench.store.readTask(LAGGING_TASK)).toBe(due);
    expect([one.closedWith, other.closedWith]).toEqual([null, null]);
  });

  test("is closed once, among lagging and healthy clients", async () => {
    const bench = new VirtualHub();
    const gone = acker(bench);
    const well = acker(bench, { sub: "well" });
    publishBig(bench, 5);
    bench.ack(well, 5);
    publishBig(bench, 3);
    bench.server.end(gone, "restart");
    const stuck = acker(bench, { sub: "bob" });
    publishBig(bench, 8);
    for (let i = 0; i < 13; i += 1) {
      await bench.pass(5_000);
      bench.ack(well, seqs(well).at(-1) ?? 0);
    }
    expect([gone.closed, well.closed, stuck.closed]).toEqual(["restart", null, "overloaded"]);
    expect(bench.ended.toSorted()).toEqual(["overloaded", "restart"]);
  });

  test("still gets answers to its frames", () => {
    const bench = new VirtualHub();
    const socket = acker(bench);
    publishBig(bench, 8);
    const exp = Math.floor(bench.now / 1000) + 7200;
    bench.server.renew(socket, { sub: "alice", grants: ["sub:alice"], exp });
    expect(socket.last()).toMatchObject({ type: "reauth.ok" });
    bench.ack(socket, 5);
    expectWhole(socket, upTo(8));
  });

  test("is not checked any more when it has left", async () => {
    const bench = new VirtualHub();
    const socket = acker(bench);
    publishBig(bench, 8);
    bench.drop(socket);
    expect(bench.server.sessions.lagging().size).toBe(0);
    await bench.pass(5_000);
    expect(bench.store.readTask(LAGGING_TASK)).toBeNull();
    expect(bench.ended).toEqual([]);
  });
});

describe("HUB-10 a client that only pings", () => {
  /** The client pings after a moment, and the runtime answers. */
  async function ping(bench: VirtualHub, socket: MemorySocket): Promise<void> {
    await bench.pass(1_001);
    socket.pingAt = bench.now;
    await bench.pass(1);
  }

  test("confirms by its last ping what was sent before", async () => {
    const bench = new VirtualHub();
    const socket = bench.connect();
    await ping(bench, socket);
    publishBig(bench, 8);
    expect(seqs(socket)).toEqual(upTo(5));
    await ping(bench, socket);
    bench.publish();
    expect(seqs(socket)).toEqual(upTo(9));
  });

  test("is fed by the alarm when no event is published", async () => {
    const bench = new VirtualHub();
    const socket = bench.connect();
    await ping(bench, socket);
    publishBig(bench, 8);
    await ping(bench, socket);
    await bench.pass(5_000);
    expect(seqs(socket)).toEqual(upTo(8));
  });

  test("has its ping looked up about once a second, not at each event", async () => {
    const bench = new VirtualHub();
    const socket = bench.connect();
    await ping(bench, socket);
    publishBig(bench, 8);
    let asked = 0;
    const { pingAt } = socket;
    Object.defineProperty(socket, "pingAt", {
      get: () => {
        asked += 1;
        return pingAt;
      },
    });
    for (let i = 0; i < 50; i += 1) {
      bench.clock.now += 100;
      bench.publish();
    }
    expect(asked).toBeGreaterThan(2);
    expect(asked).toBeLessThan(8);
  });

  test("and stops pinging is closed after a minute", async () => {
    const bench = new VirtualHub();
    const socket = bench.connect();
    await ping(bench, socket);
    publishBig(bench, 8);
    for (let i = 0; i < 12; i += 1) await bench.pass(5_000);
    expect(socket.closed).toBe("overloaded");
  });
});

describe("HUB-10 a silent client", () => {
  /** Frames of 64 KB each that one user's sockets get before one of them is closed. */
  function until(bench: VirtualHub, sockets: readonly MemorySocket[]): number {
    let count = 0;
    while (sockets.every((socket) => socket.closed === null) && count < 2_000) {
      publishBig(bench, 1, 63 * KB);
      count += 1;
    }
    return count;
  }

  test("gets 16 MB, then 1013", () => {
    const bench = new VirtualHub();
    const socket = bench.connect();
    until(bench, [socket]);
    expect(socket.closed).toBe("overloaded");
    const total = socket.sent.reduce((sum, text) => sum + text.length, 0);
    expect(total).toBeLessThanOrEqual(UNACKNOWLEDGED_BYTES_MAX);
    expect(total).toBeGreaterThan(UNACKNOWLEDGED_BYTES_MAX - 200 * KB);
    expect(bench.ended).toEqual(["overloaded"]);
  });

  test("shares them with the other sockets of the same user, and with no other user", () => {
    const bench = new VirtualHub();
    const own = [bench.connect(), bench.connect()];
    const other = bench.connect({ sub: "bob" });
    until(bench, own);
    const total = own.flatMap((socket) => socket.sent).reduce((sum, text) => sum + text.length, 0);
    expect(total).toBeLessThanOrEqual(UNACKNOWLEDGED_BYTES_MAX + 64 * KB);
    expect(total).toBeGreaterThan(UNACKNOWLEDGED_BYTES_MAX - 400 * KB);
    expect(other.closed).toBeNull();
    expect(own.filter((socket) => socket.closed === null)).toHaveLength(1);
  });

  test("that was closed counts until its socket is gone: a reconnect gives no more", () => {
    const bench = new VirtualHub();
    const stalled = bench.connect();
    const count = until(bench, [stalled]);
    const back = bench.connect({ epoch: "epoch-1", seq: 0 });
    expect(back.closed).toBe("overloaded");
    expect(eventBytes(back)).toBeLessThanOrEqual(CREDIT_WINDOW_BYTES);
    bench.drop(stalled);
    bench.drop(back);
    const again = bench.connect({ epoch: "epoch-1", seq: 0 });
    expect(seqs(again).length).toBeGreaterThan(count - 10);
  });

  test("loses nothing of its share to a client that acknowledges", () => {
    const bench = new VirtualHub();
    const silent = bench.connect();
    const spoken = acker(bench);
    while (silent.closed === null) publishBig(bench, 1, 4 * KB);
    expect(silent.closed).toBe("overloaded");
    expect(spoken.closed).toBeNull();
    const total = silent.sent.reduce((sum, text) => sum + text.length, 0);
    expect(total).toBeGreaterThan(UNACKNOWLEDGED_BYTES_MAX - 80 * KB);
    expect(total).toBeLessThanOrEqual(UNACKNOWLEDGED_BYTES_MAX + 64 * KB);
  });

  test("is checked now and then, not for each frame", () => {
    const bench = new VirtualHub();
    const socket = bench.connect();
    publishBig(bench, 4, 60 * KB);
    let asked = 0;
    Object.defineProperty(socket, "pingAt", {
      get: () => {
        asked += 1;
        return null;
      },
    });
    publishBig(bench, 160, 4 * KB);
    expect(asked).toBeGreaterThan(7);
    expect(asked).toBeLessThan(15);
  });

  test.each([
    ["an invalid frame", "{"],
    ["a reauth", JSON.stringify({ type: "reauth", token: "t" })],
  ])("begins no new count by a frame that does not show that it reads: %s", (_, frame) => {
    const bench = new VirtualHub();
    const socket = bench.connect();
    publishBig(bench, 200, 63 * KB);
    bench.server.message(socket, frame);
    publishBig(bench, 200, 63 * KB);
    expect(socket.closed).toBe("overloaded");
    expect(seqs(socket).length).toBeLessThan(300);
  });

  test("gets nothing more once it is closed, also of the same turn", async () => {
    const bench = new VirtualHub();
    const socket = bench.connect();
    publishBig(bench, 255, 63 * KB);
    expect(socket.closed).toBeNull();
    await bench.turn((turn) => {
      for (let i = 0; i < 20; i += 1) {
        turn.publish({
          event: "test.happened",
          payload: big(63 * KB),
          audience: null,
          topic: null,
        });
      }
    });
    expect(socket.closed).toBe("overloaded");
    expect(bench.ended).toEqual(["overloaded"]);
  });
});

describe("HUB-10 HUB-4 a resume larger than the window", () => {
  test.each([false, true])("`resumed` comes after the last missed event, batch: %s", (batch) => {
    const bench = new VirtualHub();
    publishBig(bench, 30);
    const socket = bench.connect({ epoch: "epoch-1", seq: 2, batch });
    // The client is silent so far, so it is sent everything at once.
    expectWhole(socket, upTo(30, 3), 2);
    expect(socket.last()).toMatchObject({ type: "resumed", from: 2, to: 30 });
  });

  test("of a client that pings continues with its pings, and ends with `resumed`", async () => {
    const bench = new VirtualHub();
    publishBig(bench, 30);
    await bench.pass(2_000);
    const socket = bench.connect({ epoch: "epoch-1", seq: 2, pingAt: bench.now - 1 });
    expect(seqs(socket)).toEqual(upTo(7, 3));
    expect(socket.frames().map((frame) => frame.type)).not.toContain("resumed");
    bench.publish();
    for (let i = 0; i < 8; i += 1) {
      await bench.pass(5_000);
      socket.pingAt = bench.now;
      await bench.evict();
      await bench.pass(1);
    }
    await bench.pass(5_000);
    expectWhole(socket, upTo(31, 3), 2);
    const types = socket.frames().map((frame) => frame.type);
    expect(types.filter((type) => type === "resumed")).toHaveLength(1);
    expect(types.at(-1)).toBe("resumed");
    expect(socket.last()).toMatchObject({ from: 2, to: 31 });
  });
});

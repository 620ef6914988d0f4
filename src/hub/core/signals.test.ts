import { describe, expect, test } from "vitest";
import { CREDIT_WINDOW_BYTES, SIGNAL_KEYS_MAX, SIGNAL_MAX_BYTES } from "../../protocol/limits.ts";
import { type MemorySocket } from "../../testing/memory-platform.ts";
import { GUILD } from "../../testing/virtual-guild.ts";
import { VirtualHub } from "../../testing/virtual-hub.ts";
import type { Signal } from "../publisher.ts";

const KB = 1024;

function signal(key: string, n: number, extra: Partial<Signal> = {}): Signal {
  return {
    event: "test.moved",
    key,
    payload: `{"n":${n}}`,
    audience: null,
    topic: null,
    ts: n,
    ...extra,
  };
}

/** `key:n` of each signal that a socket was sent. */
function signalsOf(socket: MemorySocket): string[] {
  return socket
    .frames()
    .flatMap((frame) =>
      frame.type === "signal" ? [`${frame.key}:${(frame.payload as { n: number }).n}`] : [],
    );
}

function lagging(bench: VirtualHub, sub = "alice"): MemorySocket {
  const socket = bench.connect({ sub, signals: true });
  bench.ack(socket, bench.store.extent().head);
  for (let i = 0; i < 8; i += 1) {
    bench.publish([`sub:${sub}`], null, undefined, { text: "x".repeat(32 * KB) });
  }
  expect(bench.server.sessions.lagging().size).toBeGreaterThan(0);
  return socket;
}

function ackAll(bench: VirtualHub, socket: MemorySocket): void {
  bench.ack(socket, socket.events().at(-1)?.seq ?? bench.store.extent().head);
}

describe("HUB-15 signals", () => {
  test("have a largest size; a larger one is not sent, and does not replace the one before", () => {
    const bench = new VirtualHub();
    const alice = bench.connect({ signals: true });
    const text = (bytes: number): string => JSON.stringify("é".repeat((bytes - 2) / 2));
    const sizes = (socket: MemorySocket): number[] =>
      socket
        .frames()
        .flatMap((frame) =>
          frame.type === "signal" ? [Buffer.byteLength(JSON.stringify(frame.payload))] : [],
        );
    const late = lagging(bench, "bob");
    for (const bytes of [SIGNAL_MAX_BYTES, SIGNAL_MAX_BYTES + 2]) {
      bench.server.signal(signal("a", 1, { payload: text(bytes) }));
    }
    expect(sizes(alice)).toEqual([SIGNAL_MAX_BYTES]);
    ackAll(bench, late);
    expect(sizes(late)).toEqual([SIGNAL_MAX_BYTES]);
  });

  test("are sent to clients that asked for them, may see them, and have subscribed to their topic", () => {
    const bench = new VirtualHub();
    const alice = bench.connect({ sub: "alice", signals: true });
    const bob = bench.connect({ sub: "bob", signals: true });
    const deaf = bench.connect({ sub: "alice" });
    expect(bench.server.hasSignalReaders).toBe(true);
    const channelIds = ["100000000000000001"];
    bench.server.message(bob, JSON.stringify({ type: "subscribe", channelIds }));
    bench.server.signal(signal("a", 1));
    bench.server.signal(signal("a", 2, { audience: ["sub:alice"] }));
    bench.server.signal(signal("a", 3, { topic: "100000000000000001" }));
    bench.server.signal(signal("a", 4, { topic: "100000000000000002" }));
    expect(signalsOf(alice)).toEqual(["a:1", "a:2", "a:3", "a:4"]);
    expect(signalsOf(bob)).toEqual(["a:1", "a:3"]);
    expect(signalsOf(deaf)).toEqual([]);
    expect(alice.frames().at(-4)).toEqual({
      v: 1,
      type: "signal",
      event: "test.moved",
      key: "a",
      payload: { n: 1 },
      ts: 1,
    });
  });

  test("move no position: the next event follows the event before", () => {
    const bench = new VirtualHub();
    const socket = bench.connect({ signals: true });
    bench.publish();
    bench.server.signal(signal("a", 1));
    bench.publish();
    expect(socket.events().every((event) => event.prev === undefined)).toBe(true);
    expect(bench.store.extent().head).toBe(2);
  });

  test("without a client that asked for them are not sent", () => {
    const bench = new VirtualHub();
    const socket = bench.connect();
    expect(bench.server.hasSignalReaders).toBe(false);
    bench.server.signal(signal("a", 1));
    expect(socket.frames()).toHaveLength(2);
    const other = bench.connect({ sub: "bob", signals: true });
    expect(bench.server.hasSignalReaders).toBe(true);
    bench.drop(other);
    expect(bench.server.hasSignalReaders).toBe(false);
  });

  test("are still sent after an eviction", async () => {
    const bench = new VirtualHub();
    const socket = bench.connect({ signals: true });
    await bench.evict();
    bench.server.signal(signal("a", 1));
    expect(signalsOf(socket)).toEqual(["a:1"]);
  });

  test("for a lagging client are sent after the events, the newest of each key", () => {
    const bench = new VirtualHub();
    const socket = lagging(bench);
    for (const n of [1, 2, 3]) {
      bench.server.signal(signal("a", n));
      bench.server.signal(signal("b", n * 10));
    }
    bench.server.signal(signal("c", 1, { audience: ["sub:bob"] }));
    expect(signalsOf(socket)).toEqual([]);
    ackAll(bench, socket);
    expect(signalsOf(socket)).toEqual(["a:3", "b:30"]);
    const types = socket.frames().map((frame) => frame.type);
    expect(types.slice(-3)).toEqual(["event", "signal", "signal"]);
    bench.server.signal(signal("a", 4));
    expect(signalsOf(socket)).toEqual(["a:3", "b:30", "a:4"]);
    ackAll(bench, socket);
    expect(signalsOf(socket)).toHaveLength(3);
  });

  test("are filtered by the grants at the time of sending, not of creation", () => {
    const bench = new VirtualHub();
    const socket = lagging(bench);
    bench.server.signal(signal("a", 1, { audience: ["sub:alice"] }));
    const exp = Math.floor(bench.now / 1000) + 7200;
    bench.server.renew(socket, { sub: "alice", grants: [], exp });
    ackAll(bench, socket);
    expect(signalsOf(socket)).toEqual([]);
  });

  test("of too many keys are dropped, the oldest first", () => {
    const bench = new VirtualHub();
    const socket = lagging(bench);
    bench.server.signal(signal("again", 0));
    for (let i = 0; i < SIGNAL_KEYS_MAX; i += 1) bench.server.signal(signal(`k${i}`, i));
    bench.server.signal(signal("k0", -1));
    ackAll(bench, socket);
    for (let i = 0; i < 8; i += 1) ackAll(bench, socket);
    const got = signalsOf(socket);
    expect(got).toHaveLength(SIGNAL_KEYS_MAX);
    expect(got).not.toContain("again:0");
    expect(got.at(-1)).toBe("k0:-1");
  });
});

describe("HUB-15 stored signals", () => {
  test("a key with a new value is not among the oldest", () => {
    const bench = new VirtualHub();
    const socket = lagging(bench);
    bench.server.signal(signal("old", 1));
    bench.server.signal(signal("again", 1));
    for (let i = 0; i < SIGNAL_KEYS_MAX - 2; i += 1) {
      bench.server.signal(signal(`k${i}`, i, { audience: ["sub:bob"] }));
    }
    bench.server.signal(signal("again", 2));
    bench.server.signal(signal("last", 1, { audience: ["sub:bob"] }));
    ackAll(bench, socket);
    expect(signalsOf(socket)).toEqual(["again:2"]);
  });

  test("a session remembers only keys that it may see, and not more than are stored", () => {
    const bench = new VirtualHub();
    const socket = lagging(bench);
    const missed = (): number => bench.server.sessions.live(socket)?.missedSignals.size ?? -1;
    bench.server.signal(signal("a", 1, { audience: ["sub:bob"] }));
    expect(missed()).toBe(0);
    for (let i = 0; i < SIGNAL_KEYS_MAX + 50; i += 1) bench.server.signal(signal(`k${i}`, i));
    expect(missed()).toBe(SIGNAL_KEYS_MAX);
  });

  test("presence is sent to a client with signals that resumes, because it gets no snapshot", () => {
    const bench = new VirtualHub();
    bench.publish();
    const position = { epoch: "epoch-1", seq: 0 };
    const asked = bench.connect({ ...position, signals: true });
    expect(asked.frames().map((frame) => frame.type)).toEqual([
      "ack",
      "event",
      "resumed",
      "signal",
    ]);
    expect(asked.last()).toEqual({
      v: 1,
      type: "signal",
      event: "presence",
      key: "presence",
      payload: { guildId: GUILD, count: 1, users: [{ userId: "alice", since: bench.now }] },
      ts: bench.now,
    });
    const other = bench.connect({ ...position, sub: "bob" });
    expect(other.last()).toMatchObject({ type: "resumed" });
    const caughtUp = lagging(bench, "carol");
    ackAll(bench, caughtUp);
    expect(caughtUp.last()).toMatchObject({ type: "event" });
  });
});

describe("HUB-10 signals and the window", () => {
  const large = (key: string, n: number): Signal =>
    signal(key, n, { payload: JSON.stringify({ n, text: "x".repeat(15 * KB) }) });

  test("a client that reads nothing is sent no more than its window of signals", () => {
    const bench = new VirtualHub();
    const socket = bench.connect({ signals: true });
    bench.ack(socket, 0);
    const before = socket.sent.length;
    for (let n = 1; n <= 100; n += 1) bench.server.signal(large("a", n));
    const bytes = socket.sent.slice(before).reduce((sum, text) => sum + text.length, 0);
    expect(bytes).toBeLessThanOrEqual(CREDIT_WINDOW_BYTES);
    expect(bytes).toBeGreaterThan(CREDIT_WINDOW_BYTES - 32 * KB);
    expect(bench.server.sessions.lagging().size).toBe(1);
    bench.ack(socket, 0);
    expect(signalsOf(socket).at(-1)).toBe("a:100");
    expect(bench.server.sessions.lagging().size).toBe(0);
    expect(socket.closed).toBeNull();
  });

  test("missed signals of many keys are sent window by window", () => {
    const bench = new VirtualHub();
    const socket = bench.connect({ signals: true });
    bench.ack(socket, 0);
    for (let n = 1; n <= 40; n += 1) bench.server.signal(large(`k${n}`, n));
    for (let i = 0; i < 6; i += 1) {
      const before = socket.sent.length;
      bench.ack(socket, 0);
      const bytes = socket.sent.slice(before).reduce((sum, text) => sum + text.length, 0);
      expect(bytes).toBeLessThanOrEqual(CREDIT_WINDOW_BYTES);
    }
    expect(signalsOf(socket)).toEqual(Array.from({ length: 40 }, (_, i) => `k${i + 1}:${i + 1}`));
  });

  test.each([false, true])(
    "no event is lost or doubled for a client that lags by signals, batch: %s",
    async (batch) => {
      const bench = new VirtualHub();
      const socket = bench.connect({ signals: true, batch });
      bench.ack(socket, 0);
      bench.publish();
      bench.publish();
      for (let n = 1; n <= 20; n += 1) bench.server.signal(large("a", n));
      bench.publish();
      bench.publish(["sub:bob"]);
      bench.publish();
      await bench.pass(10);
      expect(bench.server.sessions.lagging().size).toBe(1);
      bench.ack(socket, socket.events().at(-1)?.seq ?? 0);
      bench.publish();
      await bench.pass(10);
      bench.ack(socket, socket.events().at(-1)?.seq ?? 0);
      expect(socket.events()).toMatchObject([
        { seq: 1 },
        { seq: 2 },
        { seq: 3 },
        { seq: 5, prev: 3 },
        { seq: 6 },
      ]);
    },
  );

  test("a client that lags only by signals is fed although its last event is trimmed", () => {
    const bench = new VirtualHub();
    const socket = bench.connect({ signals: true });
    bench.publish();
    bench.ack(socket, 1);
    for (let n = 1; n <= 10_100; n += 1) bench.publish(["sub:bob"]);
    for (let n = 1; n <= 20; n += 1) bench.server.signal(large("a", n));
    expect(bench.server.sessions.lagging().size).toBe(1);
    bench.ack(socket, 1);
    expect(socket.closed).toBeNull();
    expect(signalsOf(socket).at(-1)).toBe("a:20");
    bench.publish();
    expect(socket.events().at(-1)).toMatchObject({ seq: 10_102, prev: 1 });
  });

  test("a silent client's signals count towards its 16 MB", () => {
    const bench = new VirtualHub();
    const socket = bench.connect({ signals: true });
    let n = 0;
    while (socket.closed === null && n < 2_000) bench.server.signal(large("a", (n += 1)));
    expect(socket.closed).toBe("overloaded");
    expect(bench.ended).toEqual(["overloaded"]);
    expect(n).toBeGreaterThan(1_000);
  });
});

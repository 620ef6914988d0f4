import * as fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import {
  BAD_FRAMES_MAX,
  BATCH_EVENTS_MAX,
  BATCH_WINDOW_MS,
  CLIENT_FRAMES_PER_WINDOW,
  CLIENT_FRAME_MAX_BYTES,
  CLIENT_FRAME_WINDOW_MS,
  CREDIT_WINDOW_BYTES,
  DEDUPE_TTL_MS,
  EVENT_PAYLOAD_MAX_BYTES,
  EXPIRY_WARNING_MS,
  JOURNAL_MAX_AGE_MS,
  JOURNAL_MAX_BYTES,
  JOURNAL_MAX_EVENTS,
  SOCKETS_PER_OBJECT,
  SOCKETS_PER_USER,
  SUBSCRIBE_CHANNELS_MAX,
} from "../../protocol/limits.ts";
import type { MemorySocket } from "../../testing/memory-platform.ts";
import { VirtualHub } from "../../testing/virtual-hub.ts";
import { SOCKET_IO_DIALECT } from "../dialects/socket-io.ts";

const json = (value: unknown): string => JSON.stringify(value);

describe("order and delivery", () => {
  test("HUB-1 HUB-2 events count up by one and reach everyone who is connected", () => {
    const bench = new VirtualHub();
    const [a, b] = [bench.connect({ sub: "a" }), bench.connect({ sub: "b" })];
    bench.publish();
    bench.publish();
    expect(a.events().map((event) => event.seq)).toEqual([1, 2]);
    expect(b.sent.slice(2)).toEqual(a.sent.slice(2));
    expect(a.events().every((event) => event.prev === undefined)).toBe(true);
  });

  test("HUB-2 a turn that fails stores nothing and sends nothing", async () => {
    const bench = new VirtualHub();
    const socket = bench.connect();
    const work = bench.turn((turn) => {
      turn.publish({ event: "test.happened", payload: {}, audience: null, topic: null });
      throw new Error("a bug");
    });
    await expect(work).rejects.toThrow("a bug");
    expect(bench.store.extent().head).toBe(0);
    expect(socket.events()).toEqual([]);
    bench.publish();
    expect(socket.events().map((event) => event.seq)).toEqual([1]);
  });

  test("a dedupe key is accepted once in 24 h, and again afterwards", async () => {
    const bench = new VirtualHub();
    bench.publish(null, null, "k");
    bench.publish(null, null, "k");
    expect(bench.store.extent().head).toBe(1);
    await bench.pass(DEDUPE_TTL_MS);
    bench.publish(null, null, "k");
    expect(bench.store.extent().head).toBe(2);
  });

  test("the first frame is the ack, the second the snapshot with the seq that live events follow", () => {
    const bench = new VirtualHub();
    bench.publish();
    const socket = bench.connect();
    bench.publish();
    expect(socket.frames().map((frame) => frame.type)).toEqual(["ack", "snapshot", "event"]);
    expect(socket.frames()[1]).toMatchObject({ seq: 1, reason: "first_connection", rooms: [] });
    expect(socket.events()).toMatchObject([{ seq: 2 }]);
  });
});

describe("HUB-4 resume", () => {
  test("sends missed events in order, then `resumed`, then live events", () => {
    const bench = new VirtualHub();
    for (let i = 0; i < 5; i += 1) bench.publish();
    const socket = bench.connect({ epoch: "epoch-1", seq: 2 });
    bench.publish();
    expect(socket.frames().map((frame) => frame.type)).toEqual([
      "ack",
      "event",
      "event",
      "event",
      "resumed",
      "event",
    ]);
    expect(socket.frames()[4]).toMatchObject({ from: 2, to: 5 });
    expect(socket.events().map((event) => event.seq)).toEqual([3, 4, 5, 6]);
  });

  test.each([
    ["another epoch", { epoch: "epoch-0", seq: 1 }, "unknown_epoch"],
    ["a seq ahead of the hub", { epoch: "epoch-1", seq: 4 }, "ahead_of_hub"],
    ["a negative seq", { epoch: "epoch-1", seq: -1 }, "invalid_position"],
    ["a fraction", { epoch: "epoch-1", seq: 1.5 }, "invalid_position"],
    ["no number", { epoch: "epoch-1", seq: Number.NaN }, "invalid_position"],
    ["an epoch alone", { epoch: "epoch-1" }, "invalid_position"],
  ])("%s gets a snapshot that says why", (_, position, reason) => {
    const bench = new VirtualHub();
    for (let i = 0; i < 3; i += 1) bench.publish();
    const socket = bench.connect(position);
    expect(socket.frames().map((frame) => frame.type)).toEqual(["ack", "snapshot"]);
    expect(socket.last()).toMatchObject({ reason, seq: 3 });
  });

  test("HUB-3 a position before the journal gets a snapshot; the oldest one inside resumes", () => {
    const bench = new VirtualHub();
    for (let i = 0; i < JOURNAL_MAX_EVENTS + 1; i += 1) bench.publish();
    expect(bench.store.extent()).toMatchObject({ oldest: 2, head: JOURNAL_MAX_EVENTS + 1 });
    const told = bench.connect({ epoch: "epoch-1", seq: 0 }).last();
    expect(told).toMatchObject({ reason: "too_old", oldest: 2 });
    const socket = bench.connect({ epoch: "epoch-1", seq: 1, batch: true });
    expect(socket.events()).toHaveLength(JOURNAL_MAX_EVENTS);
    expect(socket.last()).toMatchObject({ type: "resumed", from: 1, to: JOURNAL_MAX_EVENTS + 1 });
  });

  test("HUB-3 the oldest entries are trimmed when all together are too large", () => {
    const bench = new VirtualHub();
    const text = "x".repeat(EVENT_PAYLOAD_MAX_BYTES / 2);
    let [before, now] = [0, 0];
    while (bench.store.extent().oldest === 1) {
      before = now;
      bench.publish(null, null, undefined, { text });
      now = bench.store.usage().bytes;
    }
    expect(before).toBeLessThanOrEqual(JOURNAL_MAX_BYTES);
    expect(before).toBeGreaterThan(JOURNAL_MAX_BYTES - EVENT_PAYLOAD_MAX_BYTES);
  });

  test("HUB-3 entries older than 24 h are trimmed, but the sequence continues", async () => {
    const bench = new VirtualHub();
    bench.publish();
    bench.publish();
    await bench.pass(JOURNAL_MAX_AGE_MS + 1);
    const told = bench.connect({ epoch: "epoch-1", seq: 0 }).last();
    expect(told).toMatchObject({ reason: "too_old", oldest: 2 });
    bench.publish();
    expect(bench.store.extent().head).toBe(3);
  });
});

describe("HUB-5 and HUB-8: audience and jumps", () => {
  test("an event that a session may not see shows only as `prev`", () => {
    const bench = new VirtualHub();
    const alice = bench.connect({ sub: "alice" });
    const bob = bench.connect({ sub: "bob" });
    bench.publish();
    bench.publish(["sub:alice"]);
    bench.publish(["sub:alice", "scope:all"]);
    bench.publish();
    expect(alice.events().map((event) => event.seq)).toEqual([1, 2, 3, 4]);
    expect(bob.events()).toMatchObject([{ seq: 1 }, { seq: 4, prev: 1 }]);
    expect(bob.sent.join()).not.toContain('"n":2');
  });

  test("after an eviction `prev` is found again in the journal", async () => {
    const bench = new VirtualHub();
    const bob = bench.connect({ sub: "bob" });
    bench.publish();
    bench.publish(["sub:alice"]);
    await bench.evict();
    bench.publish();
    expect(bob.events()).toMatchObject([{ seq: 1 }, { seq: 3, prev: 1 }]);
  });

  test("after an eviction one read of the journal serves all sockets", async () => {
    const bench = new VirtualHub();
    const readers = ["a", "b", "c"].map((sub) => bench.connect({ sub }));
    bench.publish();
    bench.publish(["sub:a"]);
    await bench.evict();
    const read = vi.spyOn(bench.store, "readBefore");
    bench.publish();
    expect(read).toHaveBeenCalledTimes(1);
    expect(readers.map((socket) => socket.events().at(-1))).toMatchObject([
      { seq: 3 },
      { seq: 3, prev: 1 },
      { seq: 3, prev: 1 },
    ]);
  });

  test("HUB-10 an acknowledgement after an eviction reads no journal, and one beyond it is refused", async () => {
    const bench = new VirtualHub();
    const bob = bench.connect({ sub: "bob" });
    for (let n = 0; n < 300; n += 1) bench.publish(["sub:alice"]);
    await bench.evict();
    const read = vi.spyOn(bench.store, "readBefore");
    for (let n = 0; n < 3; n += 1) bench.ack(bob, 0);
    expect(read).not.toHaveBeenCalled();
    bench.ack(bob, 301);
    expect(bob.frames().at(-1)).toMatchObject({ type: "error", code: "invalid_ack" });
  });

  test("a session with a subscription gets its channels and events of the whole guild", async () => {
    const bench = new VirtualHub();
    const socket = bench.connect();
    bench.publish(null, "c0");
    bench.server.message(socket, json({ type: "subscribe", channelIds: ["c1"] }));
    bench.publish(null, "c2");
    await bench.evict();
    bench.publish(null, "c1");
    bench.publish(null, null);
    expect(socket.events()).toMatchObject([{ seq: 1 }, { seq: 3, prev: 1 }, { seq: 4 }]);
    bench.server.message(socket, json({ type: "subscribe", channelIds: [] }));
    bench.publish(null, "c2");
    expect(socket.events().at(-1)).toMatchObject({ seq: 5 });
  });

  test("one channel too many is refused and changes nothing", () => {
    const bench = new VirtualHub();
    const socket = bench.connect();
    const channelIds = Array.from({ length: SUBSCRIBE_CHANNELS_MAX + 1 }, (_, i) => `c${i}`);
    bench.server.message(socket, json({ type: "subscribe", channelIds }));
    expect(socket.last()).toMatchObject({ type: "error", code: "invalid_frame" });
    bench.publish(null, "elsewhere");
    expect(socket.events()).toHaveLength(1);
  });

  test("events that earlier grants or subscriptions excluded do not count as sent after an eviction", async () => {
    const bench = new VirtualHub();
    const [renewed, widened] = [bench.connect(), bench.connect({ sub: "bob" })];
    bench.server.message(widened, json({ type: "subscribe", channelIds: ["100000000000000001"] }));
    bench.publish(null, "100000000000000002");
    bench.publish(["scope:late"], "100000000000000002");
    const exp = Math.floor(bench.now / 1000) + 7200;
    bench.server.renew(renewed, { sub: "alice", grants: ["scope:late"], exp });
    bench.server.message(widened, json({ type: "subscribe", channelIds: [] }));
    await bench.evict();
    bench.publish();
    expect(renewed.events()).toMatchObject([{ seq: 1 }, { seq: 3, prev: 1 }]);
    expect(widened.events()).toMatchObject([{ seq: 3, prev: 0 }]);
  });

  test("grants that `reauth` adds apply after an eviction as well", async () => {
    const bench = new VirtualHub();
    const socket = bench.connect();
    const exp = Math.floor(bench.now / 1000) + 7200;
    bench.server.renew(socket, { sub: "alice", grants: ["scope:late"], exp });
    await bench.evict();
    bench.publish(["sub:alice"]);
    bench.publish(["scope:late"]);
    expect(socket.events()).toMatchObject([{ seq: 2, prev: 0 }]);
    expect(bench.server.sessions.live(socket)?.record.exp).toBe(exp);
  });

  test("with grants that change while a shared frame waits, `prev` is right after an eviction", async () => {
    const bench = new VirtualHub();
    const socket = bench.connect({ batch: true });
    bench.publish();
    bench.publish(["sub:bob"]);
    bench.publish();
    const exp = Math.floor(bench.now / 1000) + 7200;
    bench.server.renew(socket, { sub: "alice", grants: ["scope:late"], exp });
    await bench.evict();
    bench.publish();
    expect(socket.events()).toMatchObject([{ seq: 1 }, { seq: 3, prev: 1 }, { seq: 4 }]);
    expect(socket.events().at(-1)).not.toHaveProperty("prev");
  });

  test("grants that `reauth` adds or removes apply from the next event on", () => {
    const bench = new VirtualHub();
    const socket = bench.connect({ sub: "alice", grants: ["scope:all"] });
    bench.publish(["scope:all"]);
    const exp = Math.floor(bench.now / 1000) + 7200;
    bench.server.renew(socket, { sub: "alice", grants: ["sub:alice"], exp });
    bench.publish(["scope:all"]);
    bench.publish(["sub:alice"]);
    expect(socket.frames().map((frame) => frame.type)).toContain("reauth.ok");
    expect(socket.events()).toMatchObject([{ seq: 1 }, { seq: 3, prev: 1 }]);
  });
});

describe("HUB-7 authentication", () => {
  test.each([undefined, "", 5, null, {}])(
    "a reauth frame whose token is %j is answered like one with a bad token",
    (token) => {
      const bench = new VirtualHub();
      const socket = bench.connect();
      for (let i = 0; i <= BAD_FRAMES_MAX; i += 1) {
        bench.server.message(socket, json({ type: "reauth", token }));
        expect(socket.last()).toMatchObject({ type: "error", code: "invalid_token" });
      }
      expect(socket.closed).toBeNull();
    },
  );

  test("whatever a client sends is answered, accepted or closes the socket, and nothing throws", () => {
    const value = fc.oneof(fc.jsonValue(), fc.string(), fc.integer({ min: -1, max: 9 }));
    const type = fc.constantFrom("auth", "reauth", "ack", "subscribe", "resume", "__proto__", "");
    const member = fc.constantFrom("token", "seq", "epoch", "channelIds", "type", "v");
    const frame = fc.oneof(
      fc
        .tuple(type, fc.dictionary(member, value))
        .map(([name, members]) => json({ type: name, ...members })),
      fc.json(),
      fc.string(),
      fc.uint8Array().map((bytes) => bytes.slice().buffer),
    );
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 5 }), (frames) => {
        const bench = new VirtualHub();
        const socket = bench.connect();
        for (const data of frames) {
          if (socket.closed !== null) break;
          const before = socket.sent.length;
          const request = bench.server.message(socket, data);
          const isSilent = typeof data === "string" && /"type":"(?:ack|subscribe)"/.test(data);
          const isAnswered = socket.sent.length > before || socket.closed !== null;
          expect(isAnswered || request !== null || isSilent).toBe(true);
        }
      }),
    );
  });

  test("an `auth` frame of a client that has authenticated is refused", () => {
    const bench = new VirtualHub();
    const socket = bench.connect();
    expect(bench.server.message(socket, json({ type: "auth", token: "t" }))).toBeNull();
    expect(socket.last()).toMatchObject({ type: "error", code: "already_authenticated" });
    expect(socket.closed).toBeNull();
  });

  test("warns 60 s before the token expires and closes when it does, through evictions", async () => {
    const bench = new VirtualHub();
    const exp = Math.floor(bench.now / 1000) + 120;
    const socket = bench.connect({ exp });
    await bench.pass(120_000 - EXPIRY_WARNING_MS);
    expect(socket.last()).toEqual({ v: 1, type: "auth.expiring", exp });
    await bench.evict();
    await bench.pass(1_000);
    expect(socket.frames().filter((frame) => frame.type === "auth.expiring")).toHaveLength(1);
    await bench.pass(EXPIRY_WARNING_MS - 1_000);
    expect(socket.closed).toBe("unauthorized");
  });

  test("`reauth` of the same user extends the session; another user's changes nothing", async () => {
    const bench = new VirtualHub();
    const seconds = Math.floor(bench.now / 1000);
    const socket = bench.connect({ sub: "alice", exp: seconds + 61 });
    expect(bench.server.message(socket, json({ type: "reauth", token: "t" }))).toEqual({
      kind: "renew",
      token: "t",
    });
    bench.server.renew(socket, { sub: "bob", grants: [], exp: seconds + 9999 });
    expect(socket.last()).toMatchObject({ type: "error", code: "other_subject" });
    bench.server.renew(socket, { sub: "alice", grants: ["sub:alice"], exp: seconds + 600 });
    expect(socket.last()).toMatchObject({ type: "reauth.ok", exp: seconds + 600 });
    await bench.pass(62_000);
    expect(socket.closed).toBeNull();
    await bench.pass(600_000);
    expect(socket.closed).toBe("unauthorized");
  });

  test("an event after the token has expired is not delivered, even before the alarm", () => {
    const bench = new VirtualHub();
    const socket = bench.connect({ exp: Math.floor(bench.now / 1000) + 10 });
    bench.clock.now += 10_000;
    bench.publish();
    expect(socket.events()).toEqual([]);
    expect(socket.closed).toBe("unauthorized");
  });

  test("a refused `reauth` keeps the current token; one without the guild closes", () => {
    const bench = new VirtualHub();
    const socket = bench.connect();
    bench.server.tokenRefused(socket, "unauthorized");
    expect(socket.closed).toBeNull();
    expect(socket.last()).toMatchObject({ type: "error", code: "invalid_token" });
    bench.server.tokenRefused(socket, "forbidden");
    expect(socket.closed).toBe("forbidden");
  });
});

describe("HUB-9 limits", () => {
  test("a frame one byte over the limit closes, whatever it contains", () => {
    const bench = new VirtualHub();
    const [fits, over, wide] = [bench.connect(), bench.connect(), bench.connect()];
    bench.server.message(fits, "x".repeat(CLIENT_FRAME_MAX_BYTES));
    expect(fits.closed).toBeNull();
    bench.server.message(over, "x".repeat(CLIENT_FRAME_MAX_BYTES + 1));
    expect(over.closed).toBe("frameTooBig");
    bench.server.message(wide, "é".repeat(CLIENT_FRAME_MAX_BYTES / 2 + 1));
    expect(wide.closed).toBe("frameTooBig");
    const binary = bench.connect();
    bench.server.message(binary, new ArrayBuffer(CLIENT_FRAME_MAX_BYTES + 1));
    expect(binary.closed).toBe("frameTooBig");
  });

  test("one frame too many in a window closes; a new window starts a new count", async () => {
    const bench = new VirtualHub();
    const socket = bench.connect();
    const send = (): unknown => bench.server.message(socket, json({ type: "ack", seq: 0 }));
    for (let i = 0; i < CLIENT_FRAMES_PER_WINDOW; i += 1) send();
    await bench.pass(CLIENT_FRAME_WINDOW_MS);
    for (let i = 0; i < CLIENT_FRAMES_PER_WINDOW; i += 1) send();
    expect(socket.closed).toBeNull();
    send();
    expect(socket.closed).toBe("tooManyFrames");
  });

  test("a client that is sent much may send more acknowledgements, and not more than that", () => {
    const bench = new VirtualHub();
    const socket = bench.connect();
    const ack = (): unknown =>
      bench.server.message(socket, json({ type: "ack", seq: bench.store.extent().head }));
    const half = "x".repeat(CREDIT_WINDOW_BYTES / 4);
    for (let i = 0; i < CLIENT_FRAMES_PER_WINDOW * 3; i += 1) {
      for (let events = 0; events < 2; events += 1) bench.publish(null, null, undefined, { half });
      ack();
    }
    expect(socket.closed).toBeNull();
    for (let i = 0; i < CLIENT_FRAMES_PER_WINDOW * 6; i += 1) ack();
    expect(socket.closed).toBe("tooManyFrames");
  });

  test.each([
    ["not JSON", "{", "not_json"],
    ["binary", new ArrayBuffer(3), "binary"],
    ["an unknown type", json({ type: "dance" }), "unknown_type"],
    ["no object", "7", "unknown_type"],
    ["null", "null", "unknown_type"],
    ["text", '"type"', "unknown_type"],
    ["a type that is no text", json({ type: 5 }), "unknown_type"],
    ["wrong fields", json({ type: "ack", seq: "1" }), "invalid_frame"],
    ["a number that is not JSON", '{"type":"ack","seq":01}', "not_json"],
    ["a number that no seq has", '{"type":"ack","seq":10000000000000000}', "invalid_frame"],
  ])("%s gets an error, and the third closes, also across an eviction", async (_, frame, code) => {
    const bench = new VirtualHub();
    const socket = bench.connect();
    for (let i = 1; i < BAD_FRAMES_MAX; i += 1) {
      bench.server.message(socket, frame);
      expect(socket.last()).toMatchObject({ type: "error", code });
      await bench.evict();
    }
    expect(socket.closed).toBeNull();
    bench.server.message(socket, frame);
    expect(socket.closed).toBe("protocolError");
  });

  test("a second auth frame, and an ack of an event that was never sent, are refused", () => {
    const bench = new VirtualHub();
    const socket = bench.connect();
    bench.server.message(socket, json({ type: "auth", token: "t" }));
    expect(socket.last()).toMatchObject({ code: "already_authenticated" });
    for (const text of ['{"type":"ack","seq":1}', '{ "type": "ack", "seq": 1 }']) {
      bench.server.message(socket, text);
      expect(socket.last()).toMatchObject({ code: "invalid_ack" });
    }
    expect(socket.closed).toBeNull();
  });

  test("the oldest socket is the first one opened, in whatever order the runtime lists them", async () => {
    const bench = new VirtualHub();
    const sockets: MemorySocket[] = [];
    for (let i = 0; i < SOCKETS_PER_USER; i += 1) {
      await bench.pass(1);
      sockets.push(bench.connect());
    }
    bench.sockets.clear();
    for (const socket of sockets.toReversed()) bench.sockets.add(socket);
    await bench.evict();
    bench.connect();
    expect(sockets.map((socket) => socket.closed)).toEqual([
      "tooManySockets",
      ...sockets.slice(1).map(() => null),
    ]);
  });

  test("after a wake a client may acknowledge the newest event, and nothing after it", async () => {
    const bench = new VirtualHub();
    const socket = bench.connect();
    bench.publish();
    await bench.evict();
    bench.ack(socket, 1);
    expect(socket.last()).toMatchObject({ type: "event" });
    await bench.evict();
    bench.ack(socket, 1);
    expect(bench.server.sessions.live(socket)?.credit.outstandingBytes).toBe(0);
    bench.ack(socket, 2);
    expect(socket.last()).toMatchObject({ code: "invalid_ack" });
  });

  test("one socket too many of a user closes the oldest, also after an eviction", async () => {
    const bench = new VirtualHub();
    const sockets: MemorySocket[] = [];
    for (let i = 0; i < SOCKETS_PER_USER; i += 1) {
      await bench.pass(1);
      sockets.push(bench.connect({ sub: "alice" }));
    }
    await bench.evict();
    const other = bench.connect({ sub: "bob" });
    bench.connect({ sub: "alice" });
    expect(sockets.map((socket) => socket.closed)).toEqual([
      "tooManySockets",
      ...sockets.slice(1).map(() => null),
    ]);
    expect(other.closed).toBeNull();
    expect(bench.server.sessions.openCount).toBe(SOCKETS_PER_USER + 1);
  });

  test.each([{}, { token: "" }, { token: 7 }, { token: "x" }])(
    "an `auth` frame on an open socket is refused, whatever its token is: %j",
    (token) => {
      const bench = new VirtualHub();
      const socket = bench.connect();
      const frame = JSON.stringify({ type: "auth", ...token });
      for (let i = 0; i < BAD_FRAMES_MAX; i += 1) bench.hub.message(socket, frame);
      expect(socket.last()).toMatchObject({ type: "error", code: "already_authenticated" });
      expect(socket.closed).toBeNull();
    },
  );

  test("HUB-25 an event of Socket.IO that nobody takes closes nothing, whatever its arguments", () => {
    const bench = new VirtualHub();
    const socket = bench.hub.accept();
    const identity = { sub: "alice", grants: [], exp: bench.now / 1000 + 3600 };
    const spoken = { dialect: SOCKET_IO_DIALECT.name, transport: "socket-io" } as const;
    const options = { ...spoken, id: "c1", batch: false, resume: {} };
    bench.server.open(socket, identity, options, () => ({ seq: 0, state: {} }));
    for (const args of ["", ",1", ",1,2"]) {
      const before = socket.sent.length;
      for (let i = 0; i <= BAD_FRAMES_MAX; i += 1) bench.hub.message(socket, `2["nope"${args}]`);
      const answers = socket.sent.slice(before);
      expect(answers).toHaveLength(BAD_FRAMES_MAX + 1);
      for (const answer of answers) expect(answer).toContain('"code":"unknown_type"');
    }
    expect(socket.closed).toBeNull();
  });

  test("a full hub accepts no more clients", () => {
    const bench = new VirtualHub();
    for (let i = 0; i < SOCKETS_PER_OBJECT; i += 1) bench.connect({ sub: `u${i}` });
    expect(bench.server.hasPlace("late")).toBe(false);
    expect(bench.connect({ sub: "late" }).closed).toBe("overloaded");
  });
});

describe("HUB-13 batching", () => {
  test("the first event of a burst is sent at once, the rest of the window shares a frame", async () => {
    const bench = new VirtualHub();
    const [batching, plain] = [bench.connect({ batch: true }), bench.connect()];
    for (let i = 0; i < 4; i += 1) bench.publish();
    expect(batching.events().map((event) => event.seq)).toEqual([1]);
    expect(plain.events().map((event) => event.seq)).toEqual([1, 2, 3, 4]);
    await bench.pass(BATCH_WINDOW_MS - 1);
    expect(batching.events()).toHaveLength(1);
    await bench.pass(1);
    expect(batching.frames().map((frame) => frame.type)).toEqual([
      "ack",
      "snapshot",
      "event",
      "batch",
    ]);
    expect(batching.events().map((event) => event.seq)).toEqual([1, 2, 3, 4]);
    await bench.pass(10);
    bench.publish();
    expect(batching.last()).toMatchObject({ type: "event", seq: 5 });
  });

  test("a batch holds at most its limit of events", async () => {
    const bench = new VirtualHub();
    const socket = bench.connect({ batch: true });
    for (let i = 0; i < BATCH_EVENTS_MAX + 2; i += 1) bench.publish();
    await bench.pass(10);
    const sizes = socket
      .frames()
      .flatMap((frame) => (frame.type === "batch" ? [frame.events.length] : []));
    expect(sizes).toEqual([BATCH_EVENTS_MAX]);
    expect(socket.events()).toHaveLength(BATCH_EVENTS_MAX + 2);
  });

  test("a client that connects inside a window gets its events once", async () => {
    const bench = new VirtualHub();
    bench.connect({ batch: true });
    bench.publish();
    bench.publish();
    const late = bench.connect({ batch: true, epoch: "epoch-1", seq: 0 });
    bench.publish();
    await bench.pass(10);
    expect(late.events().map((event) => event.seq)).toEqual([1, 2, 3]);
  });

  test("the window opens again after each shared frame, and closes after no event", async () => {
    const bench = new VirtualHub();
    const socket = bench.connect({ batch: true });
    const got = (): number => socket.events().length;
    bench.publish();
    bench.publish();
    await bench.pass(10);
    expect(got()).toBe(2);
    bench.publish();
    bench.publish();
    expect(got()).toBe(2);
    await bench.pass(10);
    expect(got()).toBe(4);
    await bench.pass(10);
    bench.publish();
    expect(got()).toBe(5);
  });

  test("an acknowledgement does not send the events of the open window", async () => {
    const bench = new VirtualHub();
    const socket = bench.connect({ batch: true });
    bench.publish();
    bench.publish();
    bench.ack(socket, 1);
    expect(socket.events()).toHaveLength(1);
    await bench.pass(10);
    expect(socket.events()).toHaveLength(2);
  });

  test("without a client that takes batches there is no timer", () => {
    const bench = new VirtualHub();
    bench.connect();
    bench.publish();
    expect(bench.hub.timers).toBe(0);
    bench.connect({ batch: true });
    bench.publish();
    expect(bench.hub.timers).toBe(1);
  });

  test("a client without batches never waits for the window, also when all others do", () => {
    const bench = new VirtualHub();
    bench.connect({ batch: true });
    bench.publish();
    const plain = bench.connect();
    bench.publish();
    expect(plain.events().map((event) => event.seq)).toEqual([2]);
    bench.drop(plain);
    bench.publish();
    const next = bench.connect();
    bench.publish();
    expect(next.events().map((event) => event.seq)).toEqual([4]);
  });
});

import { describe, expect, test } from "vitest";
import {
  CLIENT_FRAMES_PER_WINDOW,
  EXPIRY_WARNING_MS,
  PRESENCE_DEBOUNCE_MS,
  PRESENCE_USERS_MAX,
  SIGNAL_MAX_BYTES,
} from "../../protocol/limits.ts";
import type { MemorySocket } from "../../testing/memory-platform.ts";
import { VirtualHub } from "../../testing/virtual-hub.ts";
import { DEADLINES_TASK } from "./deadlines.ts";
import { parseSessionRecord } from "./session.ts";

const json = (value: unknown): string => JSON.stringify(value);
const CHANNEL = "100000000000000001";

describe("HUB-15 presence", () => {
  test("is counted by user, since the first of the user's sockets, also after an eviction", async () => {
    const bench = new VirtualHub();
    const start = bench.now;
    const first = bench.connect({ sub: "alice" });
    await bench.pass(10);
    bench.connect({ sub: "alice", batch: true, signals: true });
    bench.connect({ sub: "bob", batch: true });
    const look = (): unknown => {
      const { sessions } = bench.server;
      const { openCount, usersCount, unbatchedCount, signalsCount } = sessions;
      return {
        openCount,
        usersCount,
        unbatchedCount,
        signalsCount,
        lagging: sessions.lagging().size,
        users: [...bench.server.sessions.users()],
      };
    };
    const all = {
      openCount: 3,
      usersCount: 2,
      unbatchedCount: 1,
      signalsCount: 1,
      lagging: 0,
      users: [
        { userId: "alice", since: start },
        { userId: "bob", since: start + 10 },
      ],
    };
    expect(look()).toEqual(all);
    await bench.evict();
    expect(look()).toEqual(all);
    bench.drop(first);
    bench.drop(bench.connect({ sub: "carol" }));
    expect(look()).toMatchObject({
      openCount: 2,
      usersCount: 2,
      unbatchedCount: 0,
      users: [
        { userId: "alice", since: start + 10 },
        { userId: "bob", since: start + 10 },
      ],
    });
  });

  test("is sent when a user connects, is closed, or leaves", async () => {
    const bench = new VirtualHub();
    const watcher = bench.connect({ sub: "watcher", signals: true });
    let told = 0;
    const changes = async (): Promise<number> => {
      await bench.pass(PRESENCE_DEBOUNCE_MS);
      const before = told;
      told = watcher.frames().filter((frame) => frame.type === "signal").length;
      return told - before;
    };
    await changes();
    const socket = bench.connect({ sub: "alice" });
    expect(await changes()).toBe(1);
    bench.connect({ sub: "alice" });
    expect(await changes()).toBe(0);
    bench.drop(socket);
    expect(await changes()).toBe(1);
    const ended = bench.connect({ sub: "bob" });
    await changes();
    bench.server.end(ended, "restart");
    expect(await changes()).toBe(1);
    bench.drop(ended);
    expect(await changes()).toBe(0);
  });

  /** The newest presence once so many more users have connected. */
  async function presenceWith(users: number, nameOf: (n: number) => string): Promise<unknown> {
    const bench = new VirtualHub();
    const watcher = bench.connect({ sub: "watcher", signals: true });
    for (let n = 1; n <= users; n += 1) bench.connect({ sub: nameOf(n) });
    await bench.pass(PRESENCE_DEBOUNCE_MS);
    return watcher
      .frames()
      .flatMap((frame) => (frame.type === "signal" ? [frame.payload] : []))
      .at(-1);
  }

  test("lists users up to a number, and beyond it only counts them", async () => {
    const listed = await presenceWith(PRESENCE_USERS_MAX - 1, (n) => `u${n}`);
    expect(listed).toMatchObject({ count: PRESENCE_USERS_MAX });
    expect(listed).toHaveProperty("users.length", PRESENCE_USERS_MAX);
    const counted = await presenceWith(PRESENCE_USERS_MAX, (n) => `u${n}`);
    expect(counted).toMatchObject({ count: PRESENCE_USERS_MAX + 1, users: null });
  });

  test("only counts users whose ids do not fit a signal", async () => {
    const long = (n: number): string => "é".repeat(200) + n;
    const fit = Math.floor(SIGNAL_MAX_BYTES / 500);
    expect(await presenceWith(fit, long)).toHaveProperty("users.length", fit + 1);
    expect(await presenceWith(2 * fit, long)).toMatchObject({ count: 2 * fit + 1, users: null });
  });

  test("is in the snapshot only for clients that asked for signals", () => {
    const bench = new VirtualHub();
    const asked = bench.connect({ signals: true });
    const presence = { count: 1, users: [{ userId: "alice", since: bench.now }] };
    expect(asked.frames()[1]).toMatchObject({ presence });
    expect(bench.connect().frames()[1]).not.toHaveProperty("presence");
  });
});

describe("a socket that is gone", () => {
  test("counts as closed only if its session was open until then", () => {
    const bench = new VirtualHub();
    // The hub has accepted a third one, and opens no session on it.
    const [open, ended, other] = [bench.connect(), bench.connect(), bench.hub.accept()];
    bench.server.end(ended, "restart");
    expect([open, ended, other].map((socket) => bench.server.closed(socket, 1006))).toEqual([
      true,
      false,
      false,
    ]);
    expect(bench.server.closed(open, 1006)).toBe(false);
    expect(bench.server.sessions.openCount).toBe(0);
  });

  test("is not listed any more, and its subscription is forgotten", () => {
    const bench = new VirtualHub();
    const socket = bench.connect();
    bench.server.message(socket, json({ type: "subscribe", channelIds: [CHANNEL] }));
    const id = bench.server.sessions.live(socket)?.record.id ?? "";
    expect(bench.store.readFilter(id)).toEqual([CHANNEL]);
    expect([...bench.server.sessions.open()].map(([one]) => one)).toEqual([socket]);
    bench.server.end(socket, "restart");
    expect([...bench.server.sessions.open()]).toEqual([]);
    expect(bench.store.readFilter(id)).toBeNull();
  });

  test("without a close event is forgotten at the next check", () => {
    const bench = new VirtualHub();
    const [gone, stays] = [bench.connect({ sub: "a" }), bench.connect({ sub: "b" })];
    for (const socket of [gone, stays]) {
      bench.server.message(socket, json({ type: "subscribe", channelIds: [CHANNEL] }));
    }
    const ids = [gone, stays].map((one) => bench.server.sessions.live(one)?.record.id ?? "");
    bench.sockets.delete(gone);
    bench.server.checkDeadlines();
    expect(ids.map((id) => bench.store.readFilter(id))).toEqual([null, [CHANNEL]]);
  });

  test("gets no answer to a frame that arrives after we closed it", () => {
    const bench = new VirtualHub();
    const socket = bench.connect();
    bench.server.end(socket, "restart");
    const before = socket.sent.length;
    socket.readyState = WebSocket.OPEN;
    expect(bench.server.message(socket, json({ type: "reauth", token: "t" }))).toBeNull();
    const exp = Math.floor(bench.now / 1000) + 9_999;
    bench.server.renew(socket, { sub: "alice", grants: [], exp });
    bench.server.tokenRefused(socket, "overloaded");
    expect(socket.sent).toHaveLength(before);
  });
});

describe("HUB-6 a socket whose record cannot be read", () => {
  test.each([
    ["of an unknown version", { v: 2, state: "open" }],
    ["of a socket that waits, from the version before", { v: 1, state: "waiting", id: "w" }],
    ["that is missing", null],
  ])("%s is closed at its first frame, and comes back", async (_, record) => {
    const bench = new VirtualHub();
    const socket = bench.connect();
    socket.serializeAttachment(record);
    await bench.evict();
    expect(bench.server.sessions.openCount).toBe(0);
    const before = socket.sent.length;
    bench.publish();
    expect(socket.sent).toHaveLength(before);
    bench.server.message(socket, json({ type: "ack", seq: 0 }));
    expect(socket.closed).toBe("restart");
    expect(parseSessionRecord(record)).toBeNull();
  });

  test("has nothing to renew, and nothing to refuse", () => {
    const bench = new VirtualHub();
    const socket = bench.hub.accept();
    bench.server.renew(socket, { sub: "alice", grants: [], exp: 9_999_999_999 });
    expect([socket.sent, socket.closed]).toEqual([[], null]);
  });
});

describe("HUB-7 a newer token that cannot be checked", () => {
  test("changes nothing: the client keeps the one that it has", () => {
    const bench = new VirtualHub();
    const open = bench.connect();
    bench.server.tokenRefused(open, "overloaded");
    expect(open.closed).toBeNull();
    expect(open.last()).toMatchObject({ code: "token_not_checked" });
  });
});

describe("HUB-7 deadlines", () => {
  test("are checked when the first is due, and not at all when there is none", async () => {
    const bench = new VirtualHub();
    const start = bench.now;
    const seconds = start / 1000;
    const later = bench.connect({ sub: "a", exp: seconds + 1_000 });
    expect(bench.store.readTask(DEADLINES_TASK)).toBe(start + 1_000_000 - EXPIRY_WARNING_MS);
    const sooner = bench.connect({ sub: "b", exp: seconds + 500 });
    expect(bench.store.readTask(DEADLINES_TASK)).toBe(start + 500_000 - EXPIRY_WARNING_MS);
    await bench.pass(500_000 - EXPIRY_WARNING_MS);
    expect(sooner.last()).toMatchObject({ type: "auth.expiring" });
    expect(bench.store.readTask(DEADLINES_TASK)).toBe(start + 500_000);
    await bench.pass(EXPIRY_WARNING_MS);
    expect([sooner.closed, later.closed]).toEqual(["unauthorized", null]);
    bench.drop(sooner);
    bench.drop(later);
    await bench.pass(1_000_000);
    expect(bench.store.readTask(DEADLINES_TASK)).toBeNull();
    expect(bench.ended).toEqual(["unauthorized"]);
  });

  test("cause only one warning, also after an eviction", async () => {
    const bench = new VirtualHub();
    const socket = bench.connect({ exp: bench.now / 1000 + 60 });
    await bench.pass(0);
    await bench.evict();
    bench.server.checkDeadlines();
    expect(socket.frames().filter((frame) => frame.type === "auth.expiring")).toHaveLength(1);
  });

  test("are earlier after a renewal by a token that expires earlier", async () => {
    const bench = new VirtualHub();
    const seconds = bench.now / 1000;
    const socket = bench.connect({ exp: seconds + 10_000 });
    bench.server.renew(socket, { sub: "alice", grants: [], exp: seconds + 100 });
    await bench.pass(100_000);
    expect(socket.closed).toBe("unauthorized");
  });

  test("cause a new warning for a renewed token", async () => {
    const bench = new VirtualHub();
    const seconds = bench.now / 1000;
    const socket = bench.connect({ exp: seconds + 60 });
    await bench.pass(0);
    expect(socket.last()).toMatchObject({ type: "auth.expiring" });
    bench.server.renew(socket, { sub: "alice", grants: [], exp: seconds + 200 });
    await bench.pass(140_000);
    expect(socket.last()).toEqual({ v: 1, type: "auth.expiring", exp: seconds + 200 });
  });
});

describe("how a connection starts", () => {
  const options = { id: "x", batch: false, resume: {} };
  const identity = { sub: "alice", grants: ["sub:alice"], exp: 9_999_999_999 };

  test("the whole state is read only when it is needed, and only what the reader may see", () => {
    const bench = new VirtualHub();
    bench.publish();
    let asked = 0;
    const snapshot = (mayRead: (audience: readonly string[] | null) => boolean) => {
      asked += 1;
      const rooms = ["sub:alice", "sub:bob"].filter((grant) => mayRead([grant]));
      return { seq: 1, state: { rooms } };
    };
    const opened = (): unknown[] =>
      [...bench.counts].filter(([name]) => /^(reset|resumed)/.test(name));
    const [fresh, resumed] = [bench.hub.accept(), bench.hub.accept()];
    bench.server.open(fresh, identity, options, snapshot);
    expect(asked).toBe(1);
    expect(fresh.sent.at(-1)).toContain('"rooms":["sub:alice"]');
    expect(opened()).toEqual([["reset first_connection", 1]]);
    const resume = { epoch: "epoch-1", seq: 1 };
    bench.server.open(resumed, identity, { ...options, resume }, snapshot);
    expect(asked).toBe(1);
    expect(resumed.last()).toMatchObject({ type: "resumed", from: 1, to: 1 });
    expect(opened()).toEqual([
      ["reset first_connection", 1],
      ["resumed", 1],
    ]);
  });

  test("delivered events are counted, and the count restarts after each read", async () => {
    const bench = new VirtualHub();
    bench.connect();
    bench.connect({ sub: "bob", batch: true });
    bench.server.takeDelivered();
    for (let i = 0; i < 3; i += 1) bench.publish();
    await bench.pass(10);
    bench.hub.impl.host.arm();
    expect(bench.counts.get("delivered")).toBe(6);
    expect(bench.server.takeDelivered()).toBe(0);
  });
});

describe("`sendAway`", () => {
  test("closes so many sockets with a code to resume, and the others later", () => {
    const bench = new VirtualHub();
    const sockets = Array.from({ length: 5 }, (_, i) => bench.connect({ sub: `u${i}` }));
    bench.server.sendAway(2);
    expect(sockets.filter((socket) => socket.closed === "restart")).toHaveLength(2);
    bench.server.sendAway(2);
    expect(sockets.filter((socket) => socket.closed === "restart")).toHaveLength(4);
    bench.server.sendAway(0);
    expect(sockets[4]?.closed).toBeNull();
    bench.server.sendAway(Number.POSITIVE_INFINITY);
    expect(sockets[4]?.closed).toBe("restart");
    expect(bench.server.sessions.openCount).toBe(0);
  });
});

describe("a session whose socket the Worker reads for its client", () => {
  const options = { id: "x", batch: false, resume: {} };
  const identity = { sub: "alice", grants: ["sub:alice"], exp: 9_999_999_999 };
  const opened = (bench: VirtualHub): MemorySocket => {
    const socket = bench.hub.accept();
    const snapshot = () => ({ seq: 0, state: { rooms: [] } });
    bench.server.open(socket, identity, { ...options, transport: "sse" }, snapshot);
    return socket;
  };
  const publish = (bench: VirtualHub, times: number): void => {
    for (let i = 0; i < times; i += 1) {
      bench.publish(null, null, undefined, { text: "x".repeat(32 * 1024) });
    }
  };

  test("HUB-10 gets a window from the start, and again after a wake, and says what it is", async () => {
    const bench = new VirtualHub();
    const socket = opened(bench);
    publish(bench, 3);
    expect(socket.events()).toHaveLength(3);
    await bench.evict();
    expect(bench.server.sessions.live(socket)?.record.transport).toBe("sse");
    publish(bench, 8);
    expect(socket.events()).toHaveLength(3 + 5);
    bench.ack(socket, 8);
    expect(socket.events()).toHaveLength(3 + 8);
  });

  test("HUB-9 may acknowledge as often as it reads", () => {
    const bench = new VirtualHub();
    const socket = opened(bench);
    for (let i = 0; i <= CLIENT_FRAMES_PER_WINDOW; i += 1) bench.ack(socket, 0);
    expect(socket.closed).toBeNull();
  });

  test("HUB-10 is believed when the journal has trimmed what it acknowledges", async () => {
    const bench = new VirtualHub();
    const socket = opened(bench);
    bench.publish();
    bench.publish(["sub:bob"]);
    await bench.evict();
    bench.store.trim({ maxEvents: 1, maxBytes: 1, maxAgeMs: 1 }, bench.now);
    bench.ack(socket, 1);
    expect(socket.last()).toMatchObject({ type: "event", seq: 1 });
    expect(bench.server.sessions.live(socket)?.acked).toBe(1);
  });
});

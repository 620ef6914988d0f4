import { describe, expect, it } from "vitest";
import { carried } from "../../../hub/core/carried.ts";
import { serveBeforeAuth } from "../../../hub/edge/pre-auth.ts";
import type { EdgeSocket } from "../../../hub/edge/edge-socket.ts";
import { serveSocketIo } from "../../../hub/edge/socket-io.ts";
import { err, ok, type Result } from "../../../platform/result.ts";
import type { CloseName } from "../../../protocol/close-codes.ts";
import {
  AUTHENTICATION_DEADLINE_MS,
  SOCKET_IO_CONNECT_DEADLINE_MS,
  SOCKET_IO_REFUSED_MS,
  SYNC_FRAME_MAX_BYTES,
  SYNC_FRAMES_BEFORE_AUTH,
  SYNC_PING_INTERVAL_MS,
  SYNC_PING_TIMEOUT_MS,
  SYNC_TOKEN_MAX_LENGTH,
  SYNC_WINDOW_BYTES,
} from "../../../protocol/limits.ts";
import { FarEnd, VirtualTimers } from "../../../testing/edge-ends.ts";
import { VirtualTime } from "../../../testing/virtual-time.ts";
import { USER_HUBS } from "../env.ts";
import { userKind } from "../user-kind.ts";
import { HAPPY_MANNERS, HAPPY_SOCKET_IO_DIALECT } from "./happy-socket-io.ts";
import { NATIVE_DIALECT, nativeDialect } from "./native.ts";

const KIND = userKind(USER_HUBS, async () => err("invalid"));

/** When each test begins, milliseconds. */
const START = 1_000_000;

/** A client in front of the Worker, and its account's hub behind it. */
class Bench {
  readonly time = new VirtualTime(START);
  readonly client = new FarEnd();
  readonly hub = new FarEnd();
  /** What clients said of themselves. */
  readonly asked: unknown[] = [];

  constructor(dialect: "native" | "Socket.IO", outcome?: CloseName) {
    const { timer } = new VirtualTimers(this.time);
    const clock = (): number => this.time.now;
    const enter = async (about: unknown): Promise<Result<EdgeSocket, CloseName>> => {
      this.asked.push(about);
      return outcome === undefined ? ok(this.hub.worker) : err(outcome);
    };
    const { limits, ping, absorber } = KIND;
    const absorb = absorber === undefined ? {} : { absorb: absorber(clock) };
    const ports = { leave: () => {}, closing: () => {}, keepAlive: () => {}, timer, clock };
    if (dialect === "Socket.IO") {
      serveSocketIo(this.client.worker, {
        ...ports,
        ...absorb,
        limits,
        dialect: HAPPY_SOCKET_IO_DIALECT,
        manners: HAPPY_MANNERS,
        newId: () => "engine-1",
        enter,
      });
    } else {
      const enterNative = ({ about }: { readonly about?: unknown }) => enter(about);
      const native = { dialect: nativeDialect(clock), limits, ping, ...absorb, enter: enterNative };
      serveBeforeAuth(this.client.worker, [native], ports);
    }
  }

  async say(...frames: readonly string[]): Promise<void> {
    for (const frame of frames) this.client.say(frame);
    await this.time.quiet();
  }

  /** A client of Socket.IO whose session has begun. */
  static async connected(): Promise<Bench> {
    const bench = new Bench("Socket.IO");
    await bench.say('40{"token":"t"}');
    bench.hub.say(':o{"connectionId":"c1","epoch":"E","resumes":false}');
    return bench;
  }

  get frames(): { readonly event: string; readonly data: Record<string, unknown> }[] {
    return this.client.heard.map((text) => JSON.parse(text) as never);
  }
}

const auth = (data: unknown): string => JSON.stringify({ event: "auth", data });
const refused = (message: string) => ({
  event: "auth-error",
  data: { code: 4001, message, timestamp: START },
});
const FIRST = refused("Authenticate first: send an auth message with a token");

describe("sync.md §6.3 a native client that authenticates by a message", () => {
  it("enters with what it says of itself, and hears its hub", async () => {
    const bench = new Bench("native");
    const about = { token: "t", clientType: "machine-scoped", machineId: "m1" };
    await bench.say(JSON.stringify({ type: "auth", payload: about }));
    expect([bench.asked, bench.client.heard]).toEqual([[about], []]);
    bench.hub.say(':{"event":"connected","data":{}}');
    expect(bench.frames).toEqual([{ event: "connected", data: {} }]);
    await bench.say('{"event":"message","data":{}}', '{"event":"ping"}');
    expect(bench.hub.heard).toEqual(['{"event":"message","data":{}}']);
    expect(bench.client.heard.at(-1)).toBe('{"event":"pong"}');
  });

  it("is told to do so first whatever else it says, and stays until the deadline", async () => {
    const bench = new Bench("native");
    const others = ['{"event":"message","data":{}}', '{"type":"rpc-call","messageId":"a"}'];
    await bench.say(...others, ...others, ...others);
    expect(bench.frames).toEqual(Array.from({ length: 6 }, () => FIRST));
    await bench.say("{", '{"event":"ping"}');
    expect(bench.frames.slice(6)).toEqual([
      { event: "error", data: { code: 1002, message: "Invalid JSON message" } },
      { event: "pong" },
    ]);
    await bench.time.pass(AUTHENTICATION_DEADLINE_MS - 1);
    expect(bench.client.closed).toBeNull();
    await bench.time.pass(1);
    expect(bench.frames.at(-1)).toEqual({
      event: "auth-error",
      data: { code: 4007, message: "Authentication timed out", timestamp: bench.time.now },
    });
    expect(bench.client.closed?.code).toBe(4007);
    expect(bench.asked).toEqual([]);
  });

  it("may say so much before it authenticates, and not more", async () => {
    const bench = new Bench("native");
    for (let i = 0; i < SYNC_FRAMES_BEFORE_AUTH; i += 1) await bench.say("{");
    expect(bench.client.closed).toBeNull();
    await bench.say("{");
    expect(bench.client.closed?.code).toBe(4429);
  });

  it("may still authenticate after that", async () => {
    const bench = new Bench("native");
    await bench.say('{"event":"message"}', "nonsense", "[]", auth({ token: "t" }));
    expect(bench.asked).toEqual([{ token: "t" }]);
  });

  it.each([
    [undefined],
    [{}],
    [{ token: "" }],
    [{ token: 5 }],
    [{ token: "t".repeat(SYNC_TOKEN_MAX_LENGTH + 1) }],
  ])("is closed with 4001 when its token is none", async (data) => {
    const bench = new Bench("native");
    await bench.say(auth(data));
    expect(bench.frames).toEqual([refused("Invalid authentication token")]);
    expect([bench.client.closed?.code, bench.asked]).toEqual([4001, []]);
  });

  it("is closed with 4001 when its token is refused", async () => {
    const bench = new Bench("native", "unauthorized");
    await bench.say(auth({ token: "t".repeat(SYNC_TOKEN_MAX_LENGTH) }));
    expect(bench.frames).toEqual([refused("Invalid authentication token")]);
    expect(bench.client.closed?.code).toBe(4001);
  });

  it("hears why its hub turns it away", async () => {
    const bench = new Bench("native");
    await bench.say(auth({ token: "t" }));
    const why = { code: 4005, reason: "Connection limit exceeded" };
    bench.hub.say(carried(NATIVE_DIALECT).turnedAway?.(why) ?? "").end(why.code, why.reason);
    expect(bench.frames).toEqual([
      { event: "error", data: { code: 4005, message: "Connection limit exceeded" } },
    ]);
    expect(bench.client.closed).toEqual(why);
  });

  it("has its pings answered, and shows by one after much that it reads", async () => {
    const bench = new Bench("native");
    const ping = '{"event":"ping"}';
    await bench.say(auth({ token: "t" }), ping);
    bench.hub.say(`1:${"x".repeat(SYNC_WINDOW_BYTES / 4)}`);
    const before = bench.hub.heard.length;
    await bench.say(ping, ping);
    expect(bench.hub.heard.slice(before)).toEqual([ping]);
    // The runtime answers there, and the Worker has done so already.
    bench.hub.say('{"event":"pong"}');
    expect(bench.client.heard.filter((text) => text.includes("pong"))).toHaveLength(3);
    expect(bench.client.closed).toBeNull();
  });

  it("keeps its beats from waking the hub", async () => {
    const bench = new Bench("native");
    await bench.say(auth({ token: "t" }));
    const beat = (event: string, data: object, ackId?: string): string =>
      JSON.stringify({ event, data: { ...data, time: bench.time.now }, ackId });
    const sid = { sid: "s1" };
    const first = beat("session-alive", sid);
    await bench.say(first, beat("session-alive", sid), beat("session-alive", sid));
    const change = beat("session-alive", { ...sid, thinking: true });
    await bench.say(change);
    const asking = beat("session-alive", { ...sid, thinking: true }, "a1");
    await bench.say(asking, beat("session-alive", { ...sid, thinking: true }));
    expect(bench.hub.heard).toEqual([first, change, asking]);
  });
});

describe("sync.md §7 a client of Socket.IO", () => {
  it("is told of heartbeats and sizes, connects, and gets no pid", async () => {
    const bench = await Bench.connected();
    expect(JSON.parse(bench.client.heard[0]?.slice(1) ?? "")).toEqual({
      sid: "engine-1",
      upgrades: [],
      pingInterval: SYNC_PING_INTERVAL_MS,
      pingTimeout: SYNC_PING_TIMEOUT_MS,
      maxPayload: SYNC_FRAME_MAX_BYTES,
    });
    expect(bench.client.heard.at(-1)).toBe('40{"sid":"c1"}');
  });

  it.each([
    [4001, "Invalid authentication token"],
    [4003, "Session ID required for session-scoped clients"],
    [4004, "Machine ID required for machine-scoped clients"],
    [4005, "Connection limit exceeded"],
  ])("that its hub turns away with %i is told so, and stays away", async (code, message) => {
    const bench = new Bench("Socket.IO");
    await bench.say('40{"token":"t"}');
    bench.hub.end(code);
    expect(bench.client.heard.slice(1)).toEqual([`44${JSON.stringify({ message })}`]);
    expect(bench.client.closed?.code).toBe(code);
  });

  it.each([
    ['{"token":""}', "Missing"],
    ["{}", "Missing"],
    ["", "Missing"],
    ['{"token":5}', "Invalid"],
  ])("without a token is told so: 40%s", async (connect, what) => {
    const bench = new Bench("Socket.IO");
    await bench.say(`40${connect}`);
    expect(bench.client.heard.slice(1)).toEqual([`44{"message":"${what} authentication token"}`]);
    expect(bench.asked).toEqual([]);
  });

  it.each([
    ["unauthorized", 4001, "Invalid authentication token"],
    ["forbidden", 4001, "Invalid authentication token"],
    ["tooManySockets", 4005, "Connection limit exceeded"],
  ] as const)(
    "that the Worker refuses (%s) is closed with %i, as its hub would do",
    async (why, code, message) => {
      const bench = new Bench("Socket.IO", why);
      await bench.say('40{"token":"t"}');
      expect(bench.client.heard.slice(1)).toEqual([`44${JSON.stringify({ message })}`]);
      // It closes by itself. One that does not is closed in time.
      expect(bench.client.closed).toBeNull();
      await bench.time.pass(SOCKET_IO_REFUSED_MS);
      expect(bench.client.closed?.code).toBe(code);
    },
  );

  it("that comes too late is closed without a word", async () => {
    const silent = new Bench("Socket.IO");
    await silent.time.pass(SOCKET_IO_CONNECT_DEADLINE_MS - 1);
    expect(silent.client.closed).toBeNull();
    await silent.time.pass(1);
    expect(silent.client.closed?.code).toBe(4007);
    expect(silent.client.heard).toHaveLength(1);
  });

  it.each([
    // Revoked, and its machine deleted.
    [4001, ["41"]],
    [4004, ["41"]],
    // A restart, a slow reader, one frame too large and too many frames: it comes back by itself.
    [1012, []],
    [1013, []],
    [1009, []],
    [4429, []],
  ])("that is closed with %i hears whether to stay away", async (code, packets) => {
    const bench = await Bench.connected();
    const before = bench.client.heard.length;
    bench.hub.end(code);
    expect(bench.client.heard.slice(before)).toEqual(packets);
    expect(bench.client.closed?.code).toBe(code);
  });

  it("comes back after a frame that was too large", async () => {
    const bench = await Bench.connected();
    const before = bench.client.heard.length;
    await bench.say(`42["x","${"x".repeat(SYNC_FRAME_MAX_BYTES)}"]`);
    expect(bench.client.heard.slice(before)).toEqual([]);
    expect([bench.client.closed?.code, bench.hub.closed?.code]).toEqual([1009, 1009]);
  });

  it("keeps its beats from waking the hub", async () => {
    const bench = await Bench.connected();
    const beat = (more = {}): string =>
      `42${JSON.stringify(["session-alive", { sid: "s1", time: bench.time.now, ...more }])}`;
    await bench.say(beat(), beat(), beat({ thinking: true }), beat({ thinking: true }));
    expect(bench.hub.heard).toHaveLength(2);
    await bench.time.pass(30_000);
    await bench.say("3", beat({ thinking: true }));
    expect(bench.hub.heard).toHaveLength(3);
  });

  it("gets updates, ephemerals, calls and answers in the packets that it knows", () => {
    const dialect = HAPPY_SOCKET_IO_DIALECT;
    const entry = {
      seq: 7,
      id: "u1",
      event: "sync.update",
      payload: '{"t":"delete-session","sid":"s1"}',
      ts: 5,
      at: 5,
      audience: null,
      except: null,
      topic: null,
      trace: null,
    };
    expect(dialect.event(entry, 0)).toBe(
      '2["update",{"id":"u1","seq":7,"body":{"t":"delete-session","sid":"s1"},"createdAt":5}]',
    );
    expect(dialect.direct?.message("ephemeral", { a: 1 })).toBe('2["ephemeral",{"a":1}]');
    expect(dialect.direct?.answer("3", { ok: true })).toBe('33[{"ok":true}]');
    expect(dialect.direct?.call("01A", "rpc-request", { method: "m" })).toBe(
      'c01A:["rpc-request",{"method":"m"}]',
    );
    // Nothing of the event stream: these clients do not resume.
    const opened = { epoch: "E", base: 0 } as never;
    expect([
      dialect.resumed(opened, 1, 2),
      dialect.renewed(1),
      dialect.expiring(1),
      dialect.signal({} as never),
    ]).toEqual([null, null, null, null]);
    expect("snapshot" in dialect).toBe(false);
  });
});

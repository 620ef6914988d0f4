import { describe, expect, test } from "vitest";
import { err, ok, type Result } from "../../platform/result.ts";
import type { CloseName } from "../../protocol/close-codes.ts";
import {
  BAD_FRAMES_MAX,
  CLIENT_FRAME_MAX_BYTES,
  CLIENT_FRAME_WINDOW_MS,
  CLIENT_FRAMES_PER_WINDOW,
  CREDIT_WINDOW_BYTES,
  ENGINE_IO_PING_INTERVAL_MS,
  ENGINE_IO_PING_TIMEOUT_MS,
  FRAME_DEPTH_MAX,
  SOCKET_IO_CONNECT_DEADLINE_MS,
  SOCKET_IO_REFUSED_MS,
} from "../../protocol/limits.ts";
import { FarEnd, VirtualTimers } from "../../testing/edge-ends.ts";
import { VirtualTime } from "../../testing/virtual-time.ts";
import type { ResumePosition } from "../core/resume.ts";
import { SOCKET_IO_DIALECT } from "../dialects/socket-io.ts";
import { GUILD_STREAM } from "../guild-kind.ts";
import type { EdgeSocket } from "./edge-socket.ts";
import {
  serveSocketIo,
  type SocketIoAuth,
  type SocketIoManners,
  type SocketIoPorts,
} from "./socket-io.ts";

type Entered = { readonly auth: SocketIoAuth; readonly resume: ResumePosition };

/** A client and its hub, with the adapter between them. */
class Bench {
  readonly time = new VirtualTime(0);
  readonly timers = new VirtualTimers(this.time);
  readonly client = new FarEnd();
  readonly hub = new FarEnd();
  readonly entered: Entered[] = [];
  left = 0;
  /** How often it was closed while it had its place. */
  closing = 0;
  /** Work that goes on when the client has left. */
  readonly kept: Promise<unknown>[] = [];

  constructor(
    outcome?: CloseName | Promise<Result<EdgeSocket, CloseName>>,
    more: Pick<Partial<SocketIoPorts>, "manners" | "dialect" | "absorb" | "firstCall"> = {},
  ) {
    serveSocketIo(this.client.worker, {
      limits: GUILD_STREAM.limits,
      dialect: SOCKET_IO_DIALECT,
      ...more,
      timer: this.timers.timer,
      newId: () => "engine-1",
      keepAlive: (work) => this.kept.push(work),
      leave: () => {
        this.left += 1;
      },
      closing: () => {
        this.closing += 1;
      },
      clock: () => this.time.now,
      enter: async (auth, resume) => {
        this.entered.push({ auth, resume });
        if (outcome instanceof Promise) return outcome;
        return outcome === undefined ? ok(this.hub.worker) : err(outcome);
      },
    });
  }

  /** A client whose session has begun. */
  static async open(
    auth: object = {},
    resumes = false,
    more: Pick<Partial<SocketIoPorts>, "manners" | "dialect" | "absorb" | "firstCall"> = {},
  ): Promise<Bench> {
    const bench = new Bench(undefined, more);
    bench.client.say(`40${JSON.stringify({ token: "t", ...auth })}`);
    await bench.time.quiet();
    bench.hub.say(`:o${JSON.stringify({ connectionId: "c1", epoch: "E", resumes })}`);
    await bench.time.quiet();
    return bench;
  }

  get last(): string | undefined {
    return this.client.heard.at(-1);
  }

  /** Frames that the hub was sent. */
  get told(): readonly string[] {
    return this.hub.heard;
  }
}

describe("a client of Socket.IO (HUB-25)", () => {
  test("gets the handshake, and CONNECT with a new pid", async () => {
    const bench = await Bench.open({ signals: true });
    expect(JSON.parse(bench.client.heard[0]?.slice(1) ?? "")).toEqual({
      sid: "engine-1",
      upgrades: [],
      pingInterval: ENGINE_IO_PING_INTERVAL_MS,
      pingTimeout: ENGINE_IO_PING_TIMEOUT_MS,
      maxPayload: CLIENT_FRAME_MAX_BYTES,
    });
    expect(bench.last).toBe('40{"sid":"c1","pid":"E.c1"}');
    expect(bench.entered).toEqual([{ auth: { token: "t", signals: true }, resume: {} }]);
    expect(bench.left).toBe(1);
  });

  test("comes back with its pid and offset, and keeps the pid only if it resumes", async () => {
    const bench = await Bench.open({ pid: "E.c0", offset: "7" }, true);
    expect(bench.entered[0]?.resume).toEqual({ epoch: "E", seq: 7 });
    expect(bench.last).toBe('40{"sid":"c1","pid":"E.c0"}');
    const reset = await Bench.open({ pid: "E.c0", offset: "7" });
    expect(reset.last).toBe('40{"sid":"c1","pid":"E.c1"}');
  });

  test.each([
    [{ pid: "E.c0" }],
    [{ offset: "7" }],
    [{ pid: "E.c0", offset: 7 }],
    [{ pid: "E.c0", offset: "-7" }],
    [{ pid: "x".repeat(1_000), offset: "7" }],
    [{ pid: 7, offset: "7" }],
  ])("starts from the whole state with half a position: %j", async (auth) => {
    expect((await Bench.open(auth)).entered[0]?.resume).toEqual({});
  });

  test("gets packets as the hub wrote them, and its own reach the hub", async () => {
    const bench = await Bench.open();
    bench.hub.say('8:2["x",{},{},"8"]').say(":30[true]");
    expect(bench.client.heard.slice(-2)).toEqual(['42["x",{},{},"8"]', "430[true]"]);
    bench.client.say('421["desk.echo",{"a":":"}]').say('42["b"]');
    expect(bench.told).toEqual(['21["desk.echo",{"a":":"}]', '2["b"]']);
  });

  test("answers no call with what it was asked on an earlier connection", async () => {
    const bench = await Bench.open({}, false, { firstCall: 7 });
    bench.hub.say(':cA:["add",[1,2]]');
    expect(bench.last).toBe('427["add",[1,2]]');
    bench.client.say('430["of before"]');
    expect(bench.told).toEqual([]);
    bench.client.say("437[3]");
    expect(bench.told).toEqual(["cA:[3]"]);
  });

  test("answers a call once, under a number of its own", async () => {
    const bench = await Bench.open();
    bench.hub.say(':c01ABC:["add",[1,2]]').say(':c01DEF:["sub",[1,2]]');
    expect(bench.client.heard.slice(-2)).toEqual(['420["add",[1,2]]', '421["sub",[1,2]]']);
    bench.client.say("431[9]").say("431[9]").say("437[9]");
    expect(bench.told).toEqual(["c01DEF:[9]"]);
  });

  test("is pinged, and its pong acknowledges only what was sent before the ping", async () => {
    const bench = await Bench.open();
    const text = "x".repeat(CREDIT_WINDOW_BYTES / 16);
    for (let seq = 1; seq <= 4; seq += 1) {
      bench.hub.say(`${seq}:2["${text}"]`);
      expect(bench.last).toBe("2");
    }
    bench.hub.say('5:2["y"]');
    for (let pongs = 1; pongs <= 3; pongs += 1) bench.client.say("3");
    expect(bench.told).toEqual([]);
    bench.client.say("3");
    expect(bench.told).toEqual(["t4"]);
    // Nobody has asked for another one.
    bench.client.say("3");
    expect(bench.told).toEqual(["t4"]);
  });

  test("confirms by its pongs no number of which much without a number follows", async () => {
    const bench = await Bench.open();
    const text = `:2["${"x".repeat(CREDIT_WINDOW_BYTES / 4)}"]`;
    const frames = ['1:2["y"]', text, text, '2:2["y"]', text, text, text];
    for (const frame of frames) bench.hub.say(frame);
    const pongs = bench.client.heard.filter((one) => one === "2").length;
    const told: number[] = [];
    for (let pong = 0; pong < pongs; pong += 1) {
      bench.client.say("3");
      told.push(bench.told.length);
    }
    // With the second frame it has everything up to the number 2, and with the last one everything.
    expect(bench.told).toEqual(["t1", "t2"]);
    expect([told[0], told[1], told.at(-2), told.at(-1)]).toEqual([0, 1, 1, 2]);
  });

  test.each([
    ["pongs that nobody asked for", "3"],
    ["noops", "6"],
    ["answers to unknown calls", "437[9]"],
  ])("HUB-9 may send %s as often as other frames, and is closed for more", async (_, frame) => {
    const bench = await Bench.open();
    for (let window = 0; window < 2; window += 1) {
      for (let i = 0; i < CLIENT_FRAMES_PER_WINDOW; i += 1) bench.client.say(frame);
      expect([bench.client.closed, bench.told]).toEqual([null, []]);
      if (window === 0) await bench.time.pass(CLIENT_FRAME_WINDOW_MS);
    }
    bench.client.say(frame);
    expect(bench.client.closed?.code).toBe(4429);
  });

  test("HUB-9 may answer each ping and each call, however many there are", async () => {
    const bench = await Bench.open();
    const text = "x".repeat(CREDIT_WINDOW_BYTES / 16);
    for (let seq = 1; seq <= 2 * CLIENT_FRAMES_PER_WINDOW; seq += 1) {
      bench.hub.say(`${seq}:2["${text}"]`).say(`:c${seq}:["add"]`);
      bench.client
        .say("3")
        .say(`43${seq - 1}[1]`)
        .say(`43${seq - 1}[1]`);
    }
    expect(bench.client.closed).toBeNull();
  });

  test("is pinged when it is quiet, which its hub does not hear of", async () => {
    const bench = await Bench.open();
    bench.hub.say('8:2["x"]');
    for (let i = 0; i < 5; i += 1) {
      await bench.time.pass(ENGINE_IO_PING_INTERVAL_MS);
      expect(bench.last).toBe("2");
      bench.client.say("3");
    }
    expect(bench.told).toEqual([]);
    expect(bench.client.closed).toBeNull();
  });

  test("is closed when a ping is not answered in time, and so is its hub's socket", async () => {
    const bench = await Bench.open();
    await bench.time.pass(ENGINE_IO_PING_INTERVAL_MS + ENGINE_IO_PING_TIMEOUT_MS - 1);
    expect(bench.client.closed).toBeNull();
    await bench.time.pass(1);
    expect(bench.client.closed?.code).toBe(1001);
    expect(bench.hub.closed?.code).toBe(1001);
    expect(bench.timers.running).toBe(0);
  });

  test("that takes nothing is closed before more than two windows wait for it", async () => {
    const bench = await Bench.open();
    // The hub has slept again and again, and begins a new window each time.
    let sent = 0;
    for (let seq = 1; bench.client.closed === null && seq < 100; seq += 1) {
      const frame = `2["${"x".repeat(10_000)}"]`;
      sent += frame.length;
      bench.hub.say(`${seq}:${frame}`);
    }
    expect(bench.client.closed?.code).toBe(1013);
    expect(sent).toBeLessThan(2 * CREDIT_WINDOW_BYTES + 20_000);
    expect(sent).toBeGreaterThan(2 * CREDIT_WINDOW_BYTES);
  });

  test("that says nothing is closed in time, and one that leaves meanwhile as well", async () => {
    const bench = new Bench();
    await bench.time.pass(SOCKET_IO_CONNECT_DEADLINE_MS);
    expect(bench.client.closed?.code).toBe(4408);
    expect([bench.left, bench.timers.running]).toEqual([1, 0]);

    const { promise, resolve } = Promise.withResolvers<Result<EdgeSocket, CloseName>>();
    const leaver = new Bench(promise);
    leaver.client.say('40{"token":"t"}');
    await leaver.time.quiet();
    leaver.client.end(1000);
    resolve(ok(leaver.hub.worker));
    await leaver.time.quiet();
    expect(leaver.hub.closed?.code).toBe(1001);
    expect([leaver.left, leaver.timers.running]).toEqual([1, 0]);
  });

  test.each([
    [
      "unauthorized",
      '44{"message":"the token is missing, invalid or expired","data":{"code":4401,"reconnect":"after refresh"}}',
      4401,
    ],
    [
      "forbidden",
      '44{"message":"the token does not allow this hub","data":{"code":4403,"reconnect":"no"}}',
      4403,
    ],
    ["overloaded", null, 1013],
  ] as const)(
    "that is refused (%s) is told so only if it must not come back by itself",
    async (why, packet, code) => {
      const bench = new Bench(why);
      bench.client.say('40{"token":"t"}');
      await bench.time.quiet();
      expect(bench.client.heard.slice(1)).toEqual(packet === null ? [] : [packet]);
      // A client that stays away closes by itself; one that does not is closed in time.
      if (packet !== null) {
        expect(bench.client.closed).toBeNull();
        await bench.time.pass(SOCKET_IO_REFUSED_MS - 1);
        expect(bench.client.closed).toBeNull();
        await bench.time.pass(1);
      }
      expect(bench.client.closed?.code).toBe(code);
      expect([bench.closing, bench.left, bench.timers.running]).toEqual([1, 1, 0]);
    },
  );

  test.each([
    [1012, ['42["close",{"code":1012,"reason":"because","reconnect":"yes"}]'], 1012],
    [4401, ['42["close",{"code":4401,"reason":"because","reconnect":"after refresh"}]'], 4401],
    [4409, ['42["close",{"code":4409,"reason":"because","reconnect":"no"}]', "41"], 4409],
  ])(
    "hears why its hub closes with %i, and whether to stay away",
    async (code, packets, passed) => {
      const bench = await Bench.open();
      const before = bench.client.heard.length;
      bench.hub.end(code);
      expect(bench.client.heard.slice(before)).toEqual(packets);
      expect(bench.client.closed?.code).toBe(passed);
    },
  );

  test("comes back after its hub was killed, and the hub hears how a client has gone", async () => {
    const bench = await Bench.open();
    bench.hub.breakOff();
    expect(bench.client.closed?.code).toBe(1012);
    for (const [leave, code] of [
      [(client: FarEnd) => client.end(1000), 1000],
      // It has waited too long for a ping: one that leaves says DISCONNECT before.
      [(client: FarEnd) => client.end(1005, ""), 1001],
      [(client: FarEnd) => client.say("41"), 1000],
      [(client: FarEnd) => client.breakOff(), 1001],
    ] as const) {
      const one = await Bench.open();
      leave(one.client);
      expect(one.hub.closed?.code).toBe(code);
      expect(one.timers.running).toBe(0);
    }
  });

  test.each([
    ["a ping in the wrong direction", "2"],
    ["an upgrade", "5"],
    ["an unknown type", "9"],
    ["an empty frame", ""],
    ["a packet of an unknown type", "4x"],
    ["a packet of no type", "4"],
    ["broken JSON", '42["x"'],
    ["an event without a name", "42[]"],
    ["an event without a list", "42"],
    ["an event with an id and without a list", "420"],
    ["an acknowledgement without its list", "430"],
    ["an event with a reserved name", '42["disconnect"]'],
    ["an acknowledgement without a list", "430{}"],
    ["a second CONNECT", '40{"token":"t"}'],
    ["CONNECT_ERROR", '44{"message":"x"}'],
    ["a namespace that is not connected", '42/admin,["x"]'],
    ["a binary event", '451-["x",{"_placeholder":true,"num":0}]'],
    ["binary data as text", "bAQID"],
    ["binary data", new ArrayBuffer(3)],
  ])("is closed for %s", async (_, frame) => {
    const bench = await Bench.open();
    bench.client.say(frame);
    expect(bench.client.closed?.code).toBe(4499);
    expect(bench.told).toEqual([]);
  });

  test("is closed for an event before CONNECT, a bad CONNECT, and a packet over the limit", async () => {
    const early = new Bench();
    early.client.say('42["x"]');
    expect(early.client.closed?.code).toBe(4499);
    for (const auth of ["", "{}", '{"token":""}', '{"token":7}']) {
      const bench = new Bench();
      bench.client.say(`40${auth}`);
      expect(bench.last).toMatch(/^44\{.*"code":4401/);
      expect(bench.client.closed).toBeNull();
      bench.client.say('40{"token":"t"}');
      expect(bench.client.closed?.code).toBe(4499);
      expect(bench.entered).toEqual([]);
    }
    const large = await Bench.open();
    large.client.say(`42["${"x".repeat(CLIENT_FRAME_MAX_BYTES - 6)}"]`);
    expect(large.client.closed).toBeNull();
    large.client.say(`42["${"x".repeat(CLIENT_FRAME_MAX_BYTES - 5)}"]`);
    expect(large.client.closed?.code).toBe(1009);
  });

  test("may ask for another namespace a few times, and is told that there is none", async () => {
    const bench = await Bench.open();
    for (let i = 0; i < BAD_FRAMES_MAX; i += 1) {
      bench.client.say("40/admin,");
      expect(bench.last).toBe('44/admin,{"message":"Invalid namespace"}');
    }
    expect(bench.client.closed).toBeNull();
    bench.client.say("40/admin,");
    expect(bench.client.closed?.code).toBe(4499);
  });

  test("is closed for a packet that is nested too deep", async () => {
    const nested = (depth: number): string => `42["x",${"[".repeat(depth)}${"]".repeat(depth)}]`;
    const bench = await Bench.open();
    bench.client.say(nested(FRAME_DEPTH_MAX - 1));
    expect(bench.client.closed).toBeNull();
    bench.client.say(nested(FRAME_DEPTH_MAX));
    expect(bench.client.closed?.code).toBe(4499);
  });

  test("that leaves while it is let in leaves nobody behind: the work goes on", async () => {
    const bench = new Bench();
    bench.client.say('40{"token":"t"}');
    expect(bench.kept).toHaveLength(1);
    bench.client.breakOff();
    await bench.kept[0];
    expect(bench.hub.closed?.code).toBe(1001);
  });
});

describe("HUB-25 the manners of a kind of hubs", () => {
  const AWAY = 4001;
  const manners: SocketIoManners = {
    pingIntervalMs: 1_000,
    pingTimeoutMs: 500,
    reconnect: (code) => (code === AWAY || code === 4401 ? "no" : "yes"),
    refusal: ({ code }) => ({ message: `refused with ${code}` }),
    recovers: false,
    farewell: () => null,
  };

  test("say how often a client is pinged", async () => {
    const bench = await Bench.open({}, false, { manners });
    const handshake = { pingInterval: 1_000, pingTimeout: 500 };
    expect(JSON.parse(bench.client.heard[0]?.slice(1) ?? "")).toMatchObject(handshake);
    await bench.time.pass(1_000);
    expect(bench.last).toBe("2");
    await bench.time.pass(499);
    expect(bench.client.closed).toBeNull();
    await bench.time.pass(1);
    expect(bench.client.closed?.code).toBe(1001);
  });

  test("may let nobody go on where they were", async () => {
    const bench = await Bench.open({ pid: "E.c0", offset: "7" }, false, { manners });
    expect(bench.entered[0]?.resume).toEqual({});
    expect(bench.last).toBe('40{"sid":"c1"}');
  });

  test("say what a refused client is told, by the Worker and by its hub", async () => {
    const early = new Bench("unauthorized", { manners });
    early.client.say('40{"token":"t"}');
    await early.time.quiet();
    expect(early.last).toBe('44{"message":"refused with 4401"}');
    const late = new Bench(undefined, { manners });
    late.client.say('40{"token":"t"}');
    await late.time.quiet();
    late.hub.end(AWAY, "not you");
    expect(late.last).toBe(`44{"message":"refused with ${AWAY}"}`);
    expect(late.client.closed).toEqual({ code: AWAY, reason: "not you" });
    // One that may come back is only closed.
    const busy = new Bench("overloaded", { manners });
    busy.client.say('40{"token":"t"}');
    await busy.time.quiet();
    expect([busy.client.heard.length, busy.client.closed?.code]).toEqual([1, 1013]);
  });

  test("close with the codes of the dialect, also where the Worker refuses", async () => {
    const dialect = { farewell: () => ({ code: AWAY, reason: "not you" }) };
    const bench = new Bench("overloaded", { manners, dialect });
    bench.client.say('40{"token":"t"}');
    await bench.time.quiet();
    expect(bench.last).toBe(`44{"message":"refused with ${AWAY}"}`);
    expect(bench.client.closed).toBeNull();
    await bench.time.pass(SOCKET_IO_REFUSED_MS);
    expect(bench.client.closed).toEqual({ code: AWAY, reason: "not you" });
  });

  test.each([
    [AWAY, ["41"]],
    [1009, []],
    [1012, []],
  ])("say what comes before a close with %i", async (code, packets) => {
    const bench = await Bench.open({}, false, { manners });
    const before = bench.client.heard.length;
    bench.hub.end(code);
    expect(bench.client.heard.slice(before)).toEqual(packets);
    expect(bench.client.closed?.code).toBe(code);
  });
});

describe("HUB-29 messages of Socket.IO that say nothing new", () => {
  test("do not reach the hub, and everything else does, in its order", async () => {
    const asked: unknown[] = [];
    const bench = await Bench.open({}, false, {
      absorb: (name, data) => {
        asked.push([name, data]);
        return name === "beat";
      },
    });
    for (const packet of ['42["beat",{"n":1}]', '42["other"]', '420["beat"]', '42["beat",1,2]']) {
      bench.client.say(packet);
    }
    bench.client.say('42["beat"]');
    // One that waits for an answer, or that no extension takes, is for the hub.
    expect(bench.told).toEqual(['2["other"]', '20["beat"]', '2["beat",1,2]']);
    expect(asked).toEqual([
      ["beat", { n: 1 }],
      ["other", undefined],
      ["beat", undefined],
    ]);
    expect(bench.client.closed).toBeNull();
  });

  test("count to the limit of frames", async () => {
    const bench = await Bench.open({}, false, { absorb: () => true });
    for (let i = 0; i < CLIENT_FRAMES_PER_WINDOW; i += 1) bench.client.say('42["beat"]');
    expect(bench.client.closed).toBeNull();
    bench.client.say('42["beat"]');
    expect(bench.client.closed?.code).toBe(4429);
  });
});

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { err, ok, type Result } from "../../platform/result.ts";
import { CLOSE_CODES, type CloseName } from "../../protocol/close-codes.ts";
import { PING_FRAME, PONG_FRAME } from "../../protocol/frames.ts";
import {
  AUTHENTICATION_DEADLINE_MS,
  BAD_FRAMES_MAX,
  CLIENT_FRAME_MAX_BYTES,
  CLIENT_FRAMES_PER_WINDOW,
  CREDIT_WINDOW_BYTES,
  EPOCH_MAX_LENGTH,
  FIRST_FRAME_MS,
  FRAME_DEPTH_MAX,
  UNACKNOWLEDGED_BYTES_MAX,
  UNAUTHENTICATED_FRAMES_MAX,
} from "../../protocol/limits.ts";
import { type ClientSide, GUILD_CLIENT, type Heard } from "../../testing/client-side.ts";
import { FarEnd, VirtualTimers } from "../../testing/edge-ends.ts";
import { OPCODE_CLIENT } from "../../testing/opcode-dialect.ts";
import { KIND } from "../../testing/virtual-guild.ts";
import { VirtualTime } from "../../testing/virtual-time.ts";
import type { EdgeSocket } from "./edge-socket.ts";
import { type Language, serveBeforeAuth } from "./pre-auth.ts";

type Asked = { readonly dialect: string; readonly token: string; readonly resume: unknown };
type Entered = Result<EdgeSocket, CloseName>;

/** A client in front of the Worker, and the hub behind it. */
class Bench {
  readonly time = new VirtualTime(1_000_000);
  readonly client = new FarEnd();
  readonly hub = new FarEnd();
  readonly asked: Asked[] = [];
  /** Whether the client's place among those who wait is free again. */
  hasLeft = false;
  /** How often it was closed while it had its place. */
  closing = 0;
  /** Work that goes on when the client has left. */
  readonly kept: Promise<unknown>[] = [];
  /** Ends the check of the token. */
  decide: (entered: Entered) => void = () => {};
  readonly #timers = new VirtualTimers(this.time);

  /**
   * @param entered what comes of each token at once; null: {@link decide} says it
   * @param more replaces what its kinds of hubs say
   */
  constructor(
    sides: readonly [ClientSide, ...ClientSide[]],
    entered?: CloseName | "open" | null,
    connected: FarEnd = new FarEnd(),
    more: Partial<Language> = {},
  ) {
    this.hub = connected;
    const languageOf = ({ dialect }: ClientSide): Language => ({
      dialect,
      limits: KIND.limits,
      ping: KIND.ping,
      ...more,
      enter: async ({ token, resume }) => {
        this.asked.push({ dialect: dialect.name, token, resume });
        if (entered === undefined || entered === "open") return ok(this.hub.worker);
        if (entered !== null) return err(entered);
        return new Promise<Entered>((resolve) => {
          this.decide = resolve;
        });
      },
    });
    const [first, ...others] = sides;
    serveBeforeAuth(this.client.worker, [languageOf(first), ...others.map(languageOf)], {
      leave: () => {
        this.hasLeft = true;
      },
      closing: () => {
        this.closing += 1;
      },
      keepAlive: (work) => this.kept.push(work),
      timer: this.#timers.timer,
      clock: () => this.time.now,
    });
  }

  get runningTimers(): number {
    return this.#timers.running;
  }

  /** The client says something, and all promises are settled. */
  async say(...frames: readonly (string | ArrayBuffer)[]): Promise<void> {
    for (const frame of frames) this.client.say(frame);
    await this.time.quiet();
  }

  /** What the client has heard, in its language. */
  heard({ hear }: ClientSide): Heard[] {
    return this.client.heard.flatMap((text) => hear(text));
  }
}

const text = (size: number): string => "x".repeat(size);

describe.each([GUILD_CLIENT, OPCODE_CLIENT])(
  "HUB-7 a client of the dialect $dialect.name that has not said who it is",
  (side) => {
    const { dialect, say } = side;
    const codeOf = (why: CloseName): number => dialect.farewell(why).code;
    const endOf = (why: CloseName) => {
      const { code, reason } = dialect.farewell(why);
      return { code, reason };
    };
    /** What every client hears first. */
    const greeted: readonly Heard[] = dialect.hello === undefined ? [] : [{ what: "hello" }];
    const waiting = (entered?: CloseName | null): Bench => new Bench([side], entered);
    const entered = async (): Promise<Bench> => {
      const bench = waiting();
      await bench.say(say.authenticate("t"));
      return bench;
    };

    test("is greeted at once if the server speaks first", () => {
      expect(waiting().heard(side)).toEqual(greeted);
    });

    test("is closed when it says nothing for 5 s, and its place is free", async () => {
      const bench = waiting();
      await bench.time.pass(AUTHENTICATION_DEADLINE_MS - 1);
      expect([bench.client.closed, bench.hasLeft]).toEqual([null, false]);
      await bench.time.pass(1);
      expect(bench.client.closed).toEqual(endOf("authenticationTimeout"));
      expect([bench.hasLeft, bench.runningTimers, bench.asked]).toEqual([true, 0, []]);
      expect(bench.heard(side)).toEqual(greeted);
    });

    test("that does not answer its close keeps its place until its end is closed", async () => {
      const bench = waiting();
      bench.client.ignoreClose();
      await bench.time.pass(AUTHENTICATION_DEADLINE_MS);
      expect(bench.client.closed).toEqual(endOf("authenticationTimeout"));
      expect([bench.hasLeft, bench.closing, bench.runningTimers]).toEqual([false, 1, 0]);
      bench.client.answer();
      expect([bench.hasLeft, bench.closing]).toEqual([true, 1]);
      const lost = waiting();
      lost.client.ignoreClose();
      await lost.time.pass(AUTHENTICATION_DEADLINE_MS);
      lost.client.breakOff();
      expect([lost.hasLeft, lost.closing]).toEqual([true, 1]);
      const refused = waiting("unauthorized");
      refused.client.ignoreClose();
      await refused.say(say.authenticate("t"));
      expect([refused.hasLeft, refused.closing]).toEqual([false, 1]);
    });

    test("that has entered its hub has no place to keep, however it is closed", async () => {
      const bench = await entered();
      bench.client.ignoreClose();
      bench.hub.end(1012);
      await bench.time.quiet();
      expect([bench.client.closed?.code, bench.hasLeft, bench.closing]).toEqual([1012, true, 0]);
    });

    test("has its own deadline, which frames do not move", async () => {
      const bench = waiting();
      await bench.time.pass(AUTHENTICATION_DEADLINE_MS - 1);
      await bench.say(PING_FRAME, say.nonsense());
      await bench.time.pass(1);
      expect(bench.client.closed?.code).toBe(codeOf("authenticationTimeout"));
    });

    test("gets its pings answered, as many as it likes, and they are no frames", async () => {
      const bench = waiting();
      const pings = Array.from({ length: 20 }, () => PING_FRAME);
      await bench.say(...pings, say.authenticate("t"));
      expect(bench.client.heard.slice(greeted.length)).toEqual(pings.map(() => PONG_FRAME));
      expect(bench.client.closed).toBeNull();
      expect(bench.asked).toHaveLength(1);
      await bench.say(PING_FRAME);
      expect(bench.client.heard.at(-1)).toBe(PONG_FRAME);
      expect(bench.hub.heard).toEqual([]);
    });

    test("is told that a frame was refused, and closed at the third one", async () => {
      const bench = waiting();
      await bench.say(say.nonsense());
      await bench.say(say.acknowledge(1));
      expect(bench.heard(side)).toEqual([
        ...greeted,
        { what: "refused", code: "unknown_type" },
        { what: "refused", code: "not_authenticated" },
      ]);
      expect(bench.client.closed).toBeNull();
      await bench.say("{");
      expect(bench.heard(side).at(-1)).toEqual({ what: "refused", code: "not_json" });
      expect(bench.heard(side)).toHaveLength(greeted.length + BAD_FRAMES_MAX);
      expect(bench.client.closed).toEqual(endOf("protocolError"));
      expect([bench.hasLeft, bench.runningTimers, bench.asked]).toEqual([true, 0, []]);
    });

    test("may authenticate after a bad frame, and a binary frame is one", async () => {
      const bench = waiting();
      await bench.say(new ArrayBuffer(8), say.authenticate("t"));
      expect(bench.heard(side)).toEqual([...greeted, { what: "refused", code: "binary" }]);
      expect(bench.asked).toHaveLength(1);
    });

    test("is closed at one frame too many, also while its token is checked", async () => {
      const bench = waiting(null);
      const more = Array.from({ length: UNAUTHENTICATED_FRAMES_MAX - 1 }, () => say.subscribe([]));
      await bench.say(say.authenticate("t"), ...more);
      expect(bench.client.closed).toBeNull();
      await bench.say(say.subscribe([]));
      expect(bench.client.closed).toEqual(endOf("tooManyFrames"));
      expect([bench.hasLeft, bench.runningTimers]).toEqual([true, 0]);
      // The hub has taken it meanwhile, and is told.
      bench.decide(ok(bench.hub.worker));
      await bench.time.quiet();
      expect([bench.hub.isAccepted, bench.hub.heard]).toEqual([true, []]);
      expect(bench.hub.closed?.code).toBe(1001);
    });

    test("is closed by a frame one byte too long, and the longest one is read", async () => {
      const longest = waiting();
      const { length } = say.authenticate("");
      await longest.say(say.authenticate(text(CLIENT_FRAME_MAX_BYTES - length)));
      expect(longest.asked).toHaveLength(1);
      const long = waiting();
      await long.say(say.authenticate(text(CLIENT_FRAME_MAX_BYTES - length + 1)));
      expect(long.client.closed).toEqual(endOf("frameTooBig"));
      const binary = waiting();
      await binary.say(new ArrayBuffer(CLIENT_FRAME_MAX_BYTES + 1));
      expect(binary.client.closed).toEqual(endOf("frameTooBig"));
      expect([long.asked, binary.asked]).toEqual([[], []]);
    });

    test.each(["unauthorized", "forbidden", "overloaded", "tooManySockets"] as const)(
      "is closed when its token gets the answer %s",
      async (why) => {
        const bench = waiting(why);
        await bench.say(say.authenticate("t"));
        expect(bench.client.closed).toEqual(endOf(why));
        expect(bench.heard(side)).toEqual(greeted);
        expect([bench.hasLeft, bench.runningTimers]).toEqual([true, 0]);
      },
    );

    test("hears the last words of its dialect", async () => {
      const bench = waiting("restart");
      await bench.say(say.authenticate("t"));
      const { frame } = dialect.farewell("restart");
      expect(bench.client.heard.slice(greeted.length)).toEqual(frame === undefined ? [] : [frame]);
      expect(bench.client.closed).toEqual(endOf("restart"));
    });

    test("enters with its token and the position that its frame names", async () => {
      const bench = waiting();
      await bench.say(say.authenticate("t", { epoch: "e", seq: 9, base: 4 }));
      expect(bench.asked).toMatchObject([
        { dialect: dialect.name, token: "t", resume: { epoch: "e", seq: 9 } },
      ]);
      const fresh = await entered();
      expect(fresh.asked).toEqual([{ dialect: dialect.name, token: "t", resume: {} }]);
    });

    test("that was let in has no deadline any more, and has freed its place", async () => {
      const bench = waiting(null);
      await bench.say(say.authenticate("t"));
      expect([bench.hasLeft, bench.hub.isAccepted]).toEqual([false, false]);
      bench.decide(ok(bench.hub.worker));
      await bench.time.quiet();
      expect([bench.hasLeft, bench.runningTimers, bench.hub.isAccepted]).toEqual([true, 0, true]);
      await bench.time.pass(2 * AUTHENTICATION_DEADLINE_MS);
      expect([bench.client.closed, bench.hub.closed]).toEqual([null, null]);
    });

    test("that takes too long to be checked is closed, and its hub is told", async () => {
      const bench = waiting(null);
      await bench.say(say.authenticate("t"));
      await bench.time.pass(AUTHENTICATION_DEADLINE_MS);
      expect(bench.client.closed).toEqual(endOf("authenticationTimeout"));
      bench.decide(ok(bench.hub.worker));
      await bench.time.quiet();
      expect(bench.hub.closed?.code).toBe(1001);
    });

    test.each([
      ["closes", (client: FarEnd) => client.end(1000)],
      ["is lost", (client: FarEnd) => client.breakOff()],
    ])("that %s frees its place, while it waits and while it is checked", async (_, leaves) => {
      const early = waiting();
      leaves(early.client);
      expect([early.hasLeft, early.runningTimers]).toEqual([true, 0]);
      expect(early.client.closed?.code).toBe(early.client.wasLost ? undefined : 1000);
      const checked = waiting(null);
      await checked.say(say.authenticate("t"));
      leaves(checked.client);
      expect([checked.hasLeft, checked.runningTimers]).toEqual([true, 0]);
      checked.decide(ok(checked.hub.worker));
      await checked.time.quiet();
      expect(checked.hub.closed?.code).toBe(1001);
      const refused = waiting(null);
      await refused.say(say.authenticate("t"));
      leaves(refused.client);
      refused.decide(err("unauthorized"));
      await refused.time.quiet();
      expect(refused.client.closed?.code).toBe(refused.client.wasLost ? undefined : 1000);
    });

    test("keeps the order of what it says while its token is checked", async () => {
      const bench = waiting(null);
      // The second frame with a token is the hub's to answer: the client has authenticated.
      const frames = [say.authenticate("second"), say.subscribe(["1"])];
      await bench.say(say.authenticate("t"), ...frames);
      expect(bench.asked).toHaveLength(1);
      bench.decide(ok(bench.hub.worker));
      await bench.time.quiet();
      await bench.say(say.nonsense());
      expect(bench.hub.heard).toEqual([...frames, say.nonsense()]);
    });

    test("gets what the hub has said meanwhile, without the numbers", async () => {
      const hub = new FarEnd().say(":first").say("3:second");
      const bench = new Bench([side], "open", hub);
      await bench.say(say.authenticate("t"));
      hub.say(":with:colons").say("4:");
      await bench.time.quiet();
      expect(bench.client.heard.slice(greeted.length)).toEqual([
        "first",
        "second",
        "with:colons",
        "",
      ]);
    });

    test("that is connected may say as much as it likes: its hub judges", async () => {
      const bench = await entered();
      const frames = Array.from({ length: 50 }, () => say.nonsense());
      await bench.say(...frames, new ArrayBuffer(4));
      expect(bench.hub.heard).toEqual([...frames, "4 bytes"]);
      await bench.say(text(CLIENT_FRAME_MAX_BYTES + 1));
      expect(bench.client.closed).toEqual(endOf("frameTooBig"));
      expect(bench.hub.closed).toEqual(endOf("frameTooBig"));
    });

    test.each([
      [
        { code: 4000, reason: "done" },
        { code: 4000, reason: "done" },
      ],
      [
        { code: 1005, reason: "" },
        { code: 1000, reason: "" },
      ],
    ])(
      "HUB-24 %j by the client reaches the hub, and the hub's answer the client",
      async (end, passed) => {
        const bench = await entered();
        bench.client.end(end.code, end.reason);
        await bench.time.quiet();
        expect(bench.hub.closed).toEqual(passed);
        expect(bench.client.closed).toEqual(passed);
      },
    );

    test("HUB-24 that is lost leaves its hub with a code that may be sent", async () => {
      const bench = await entered();
      bench.client.breakOff();
      await bench.time.quiet();
      expect(bench.hub.closed?.code).toBe(CLOSE_CODES.goingAway.code);
    });

    test("HUB-24 is closed as its hub closes, and both ends are done", async () => {
      const bench = await entered();
      bench.hub.say(":last words").end(codeOf("unauthorized"), "expired");
      await bench.time.quiet();
      expect(bench.client.heard.at(-1)).toBe("last words");
      expect(bench.client.closed).toEqual({ code: codeOf("unauthorized"), reason: "expired" });
      expect(bench.hub.closed?.code).toBe(codeOf("unauthorized"));
    });

    test("HUB-24 comes back when its hub was lost", async () => {
      const bench = await entered();
      bench.hub.breakOff();
      await bench.time.quiet();
      expect(bench.client.closed?.code).toBe(CLOSE_CODES.restart.code);
    });

    test("HUB-24 that acknowledges nothing may be sent 16 MB, and the Worker acknowledges for it meanwhile", async () => {
      const bench = await entered();
      const piece = text(CREDIT_WINDOW_BYTES / 4);
      const pieces = UNACKNOWLEDGED_BYTES_MAX / piece.length;
      for (let n = 1; n <= pieces; n += 1) bench.hub.say(`${n}:${piece}`);
      expect(bench.client.closed).toBeNull();
      expect(bench.hub.heard.slice(0, 2)).toEqual(["t1", "t2"]);
      expect(bench.hub.heard).toHaveLength(Math.floor(pieces));
      for (let n = pieces + 1; n <= pieces + 2; n += 1) bench.hub.say(`${Math.floor(n)}:${piece}`);
      await bench.time.quiet();
      expect([bench.client.closed, bench.hub.closed]).toEqual([
        endOf("overloaded"),
        endOf("overloaded"),
      ]);
    });

    test("cannot say what only the Worker may say", async () => {
      const bench = await entered();
      bench.client.say("t99").say("t99x");
      expect(bench.hub.heard).toEqual(["", "t99x"]);
    });

    test("HUB-24 that acknowledges gets the next window, and is closed beyond two", async () => {
      const bench = await entered();
      const piece = text(CREDIT_WINDOW_BYTES / 4);
      bench.hub.say(`0:state`);
      await bench.say(say.acknowledge(0));
      for (let round = 0; round < 10; round += 1) {
        for (let n = 1; n <= 4; n += 1) bench.hub.say(`${round * 4 + n}:${piece}`);
        await bench.say(say.acknowledge(round * 4 + 4));
      }
      expect(bench.client.closed).toBeNull();
      // Only what the client has said: the Worker acknowledges nothing for it.
      expect(bench.hub.heard).toHaveLength(11);
      for (let n = 41; n <= 48; n += 1) bench.hub.say(`${n}:${piece}`);
      expect(bench.client.closed).toBeNull();
      bench.hub.say(`49:${piece}`);
      expect(bench.client.closed).toEqual(endOf("overloaded"));
    });

    test("may say whatever it likes: it is answered, let in or closed, and nothing throws", async () => {
      const value = fc.oneof(fc.jsonValue(), fc.string(), fc.integer({ min: -1, max: 30 }));
      const member = fc.constantFrom("token", "seq", "epoch", "op", "d", "type", "v", "s");
      const type = fc.constantFrom("auth", "reauth", "ack", "ping", "__proto__", "", 2, 6, 11);
      const frame = fc.oneof(
        fc
          .tuple(type, fc.dictionary(member, value))
          .map(([name, d]) => JSON.stringify({ type: name, op: name, d, ...d })),
        fc.json(),
        fc.string(),
        fc.constant(PING_FRAME),
        fc.uint8Array().map((bytes) => bytes.slice().buffer),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(frame, { maxLength: 5 }), async (frames) => {
          const bench = waiting();
          for (const data of frames) {
            if (bench.client.closed !== null) break;
            const before = [bench.client.heard, bench.hub.heard, bench.asked].map(
              ({ length }) => length,
            );
            await bench.say(data);
            const after = [bench.client.heard, bench.hub.heard, bench.asked].map(
              ({ length }) => length,
            );
            expect(bench.client.closed !== null || after.join() !== before.join()).toBe(true);
          }
        }),
      );
    });
  },
);

describe("HUB-7 the native `auth` frame", () => {
  const auth = (members: object): string => JSON.stringify({ type: "auth", ...members });

  test.each([undefined, "", 5, null, {}, ["t"], true])(
    "with the token %j is unauthorized at once",
    async (token) => {
      const bench = new Bench([GUILD_CLIENT]);
      await bench.say(auth({ token }));
      expect(bench.client.closed?.code).toBe(4401);
      expect([bench.client.heard, bench.asked]).toEqual([[], []]);
    },
  );

  test("may name an epoch of the longest length, and not one longer", async () => {
    const bench = new Bench([GUILD_CLIENT]);
    await bench.say(auth({ token: "t", epoch: "e".repeat(EPOCH_MAX_LENGTH + 1), seq: 1 }));
    expect(bench.heard(GUILD_CLIENT)).toEqual([{ what: "refused", code: "invalid_frame" }]);
    await bench.say(auth({ token: "t", epoch: "e".repeat(EPOCH_MAX_LENGTH), seq: 1 }));
    expect(bench.asked).toHaveLength(1);
  });
});

describe("where a client may speak two dialects", () => {
  const BOTH = [GUILD_CLIENT, OPCODE_CLIENT] as const;
  const isGreeted = ({ client }: Bench): boolean =>
    client.heard.includes(OPCODE_CLIENT.dialect.hello?.() ?? "");

  test.each([...BOTH])("its first frame decides: $dialect.name", async ({ dialect, say }) => {
    const bench = new Bench(BOTH, null);
    await bench.say(say.authenticate("t", { epoch: "e", seq: 2, base: 1 }));
    expect(bench.asked).toMatchObject([{ dialect: dialect.name, token: "t" }]);
    await bench.time.pass(FIRST_FRAME_MS);
    expect(bench.client.heard).toEqual([]);
    bench.decide(err("forbidden"));
    await bench.time.quiet();
    expect(bench.client.closed?.code).toBe(dialect.farewell("forbidden").code);
  });

  test("a silent one is greeted after a moment, and not before", async () => {
    const bench = new Bench(BOTH);
    await bench.time.pass(FIRST_FRAME_MS - 1);
    expect(bench.client.heard).toEqual([]);
    await bench.time.pass(1);
    expect(bench.heard(OPCODE_CLIENT)).toEqual([{ what: "hello" }]);
    await bench.time.pass(FIRST_FRAME_MS);
    expect(bench.client.heard).toHaveLength(1);
  });

  test.each([...BOTH])(
    "its first frame decides also after the greeting: $dialect.name",
    async ({ dialect, say }) => {
      const bench = new Bench(BOTH, "unauthorized");
      await bench.time.pass(FIRST_FRAME_MS);
      await bench.say(say.authenticate("t"));
      expect(bench.asked).toMatchObject([{ dialect: dialect.name, token: "t" }]);
      expect(bench.client.closed?.code).toBe(dialect.farewell("unauthorized").code);
    },
  );

  test("one that has said anything is not greeted", async () => {
    for (const frame of [GUILD_CLIENT.say.nonsense(), OPCODE_CLIENT.say.nonsense(), "{"]) {
      const bench = new Bench(BOTH);
      await bench.say(frame);
      await bench.time.pass(FIRST_FRAME_MS);
      expect(isGreeted(bench)).toBe(false);
    }
  });

  test("a useless frame is refused in the language that understands most of it", async () => {
    const native = new Bench(BOTH);
    await native.say(GUILD_CLIENT.say.acknowledge(1));
    expect(native.heard(GUILD_CLIENT)).toEqual([{ what: "refused", code: "not_authenticated" }]);
    const opcode = new Bench(BOTH);
    await opcode.say(OPCODE_CLIENT.say.acknowledge(1));
    expect(opcode.heard(OPCODE_CLIENT)).toEqual([{ what: "refused", code: "not_authenticated" }]);
  });

  test("a frame that nobody understands is refused in the language of the greeting, before it in the first", async () => {
    const early = new Bench(BOTH);
    await early.say("nonsense");
    expect(early.heard(GUILD_CLIENT)).toEqual([{ what: "refused", code: "not_json" }]);
    const late = new Bench(BOTH);
    await late.time.pass(FIRST_FRAME_MS);
    await late.say("nonsense");
    expect(late.heard(OPCODE_CLIENT)).toEqual([
      { what: "hello" },
      { what: "refused", code: "not_json" },
    ]);
  });

  test.each([
    [GUILD_CLIENT, '{"type":"auth","token":7}'],
    [OPCODE_CLIENT, '{"op":2,"d":{"token":7}}'],
  ])("a bad token closes in the language of its frame", async ({ dialect }, frame) => {
    for (const ms of [0, FIRST_FRAME_MS]) {
      const bench = new Bench(BOTH);
      await bench.time.pass(ms);
      await bench.say(frame);
      expect(bench.client.closed?.code).toBe(dialect.farewell("unauthorized").code);
    }
  });

  test("bad frames of both languages count together", async () => {
    const bench = new Bench(BOTH);
    await bench.say(GUILD_CLIENT.say.acknowledge(1), OPCODE_CLIENT.say.acknowledge(1));
    expect(bench.client.closed).toBeNull();
    await bench.say(GUILD_CLIENT.say.acknowledge(1));
    expect(bench.client.closed?.code).toBe(CLOSE_CODES.protocolError.code);
  });

  test("a silent one is closed in the language of its greeting", async () => {
    const bench = new Bench(BOTH);
    await bench.time.pass(AUTHENTICATION_DEADLINE_MS);
    const { farewell } = OPCODE_CLIENT.dialect;
    expect(bench.client.closed?.code).toBe(farewell("authenticationTimeout").code);
  });

  test("its acknowledgements are read in its own language", async () => {
    const bench = new Bench(BOTH);
    await bench.say(OPCODE_CLIENT.say.authenticate("t"));
    const piece = text(CREDIT_WINDOW_BYTES / 2);
    for (let n = 1; n <= 6; n += 1) {
      bench.hub.say(`${n}:${piece}`);
      await bench.say(OPCODE_CLIENT.say.acknowledge(n));
    }
    for (let n = 7; n <= 11; n += 1) bench.hub.say(`${n}:${piece}`);
    // It acknowledges, so the window applies.
    expect(bench.client.closed?.code).toBe(OPCODE_CLIENT.dialect.farewell("overloaded").code);
  });
});

describe("HUB-28 a kind of hubs of its own", () => {
  const { ping, limits } = {
    ping: { request: "are you there", answer: "I am" },
    limits: { ...KIND.limits, badFrames: 5, framesBeforeAuth: 7, frameBytes: 100 },
  };
  const bench = (entered: CloseName | null | undefined, more: Partial<Language> = {}): Bench =>
    new Bench([GUILD_CLIENT], entered, undefined, { ping, limits, ...more });

  test("has a ping of its own, which the Worker answers before and after the client has entered", async () => {
    const one = bench(undefined);
    await one.say(ping.request, GUILD_CLIENT.say.authenticate("t"), ping.request);
    expect(one.client.heard).toEqual([ping.answer, ping.answer]);
    expect(one.hub.heard).toEqual([]);
    // Another kind's is a frame like any other.
    await one.say(PING_FRAME);
    expect([one.client.heard.length, one.hub.heard]).toEqual([2, [PING_FRAME]]);
  });

  test("says how many unusable frames and how many at all a client may send before it enters", async () => {
    const useless = bench(undefined);
    for (let i = 1; i < limits.badFrames; i += 1) await useless.say("{");
    expect(useless.client.closed).toBeNull();
    await useless.say("{");
    expect(useless.client.closed?.code).toBe(CLOSE_CODES.protocolError.code);
    const endless = { ...limits, badFrames: Number.POSITIVE_INFINITY };
    const many = bench(undefined, { limits: endless });
    for (let i = 0; i < limits.framesBeforeAuth; i += 1) await many.say("{");
    expect([many.client.closed, many.client.heard.length]).toEqual([null, limits.framesBeforeAuth]);
    await many.say("{");
    expect(many.client.closed?.code).toBe(CLOSE_CODES.tooManyFrames.code);
  });

  test("keeps two of its longest frames of a client whose token is checked", async () => {
    const one = bench(null);
    const half = "x".repeat(limits.frameBytes / 2);
    await one.say(GUILD_CLIENT.say.authenticate("t"), half, half, half, half);
    expect(one.client.closed).toBeNull();
    await one.say("x");
    expect(one.client.closed?.code).toBe(CLOSE_CODES.tooManyFrames.code);
  });
});

describe("HUB-29 messages that say nothing new", () => {
  const message = (name: string, data: unknown, ack?: string): string =>
    JSON.stringify({ op: 20, d: { name, data, ...(ack === undefined ? {} : { ack }) } });
  /** A client whose kind drops every "beat", and what its filter was asked. */
  const filtered = async (): Promise<{ bench: Bench; asked: unknown[] }> => {
    const asked: unknown[] = [];
    const absorb: NonNullable<Language["absorb"]> = (name, data) => {
      asked.push([name, data]);
      return name === "beat";
    };
    const bench = new Bench([OPCODE_CLIENT], undefined, undefined, { absorb });
    await bench.say(OPCODE_CLIENT.say.authenticate("t"));
    return { bench, asked };
  };

  test("do not reach the hub, and everything else does, in its order", async () => {
    const { bench, asked } = await filtered();
    const others = [message("other", 1), OPCODE_CLIENT.say.subscribe([]), "nonsense"];
    await bench.say(message("beat", { n: 1 }), ...others, message("beat", null));
    expect(bench.hub.heard).toEqual(others);
    expect(asked).toEqual([
      ["beat", { n: 1 }],
      ["other", 1],
      ["beat", null],
    ]);
    expect(bench.client.closed).toBeNull();
  });

  test("reach it if they wait for an answer, or are too long to be looked at", async () => {
    const { bench, asked } = await filtered();
    const frames = [message("beat", 1, "a"), message("beat", "x".repeat(600))];
    await bench.say(...frames);
    expect(bench.hub.heard).toEqual(frames);
    expect(asked).toEqual([]);
  });

  test("that came before the client has entered are judged as well", async () => {
    const bench = new Bench([OPCODE_CLIENT], null, undefined, {
      absorb: (name) => name === "beat",
    });
    await bench.say(OPCODE_CLIENT.say.authenticate("t"), message("beat", 1), message("other", 1));
    bench.decide(ok(bench.hub.worker));
    await bench.time.quiet();
    expect(bench.hub.heard).toEqual([message("other", 1)]);
  });

  test("count to the limit of frames", async () => {
    const { bench } = await filtered();
    const most = Array.from({ length: CLIENT_FRAMES_PER_WINDOW }, () => message("beat", 1));
    await bench.say(...most);
    expect(bench.client.closed).toBeNull();
    await bench.say(message("beat", 1));
    expect(bench.client.closed?.code).toBe(OPCODE_CLIENT.dialect.farewell("tooManyFrames").code);
  });

  test("are judged with the acknowledgements that go with them", async () => {
    const { bench } = await filtered();
    const acknowledgement = OPCODE_CLIENT.say.acknowledge(3);
    await bench.say(acknowledgement);
    expect(bench.hub.heard).toEqual([acknowledgement]);
  });
});

test("HUB-9 an `auth` frame that is nested too deep is unusable", async () => {
  const nested = (depth: number): string =>
    `{"type":"auth","token":"t","more":${"[".repeat(depth)}${"]".repeat(depth)}}`;
  const deep = new Bench([GUILD_CLIENT]);
  await deep.say(nested(FRAME_DEPTH_MAX));
  expect(deep.heard(GUILD_CLIENT)).toEqual([{ what: "refused", code: "invalid_frame" }]);
  expect(deep.asked).toEqual([]);
  const deepest = new Bench([GUILD_CLIENT]);
  await deepest.say(nested(FRAME_DEPTH_MAX - 1));
  expect(deepest.asked).toHaveLength(1);
});

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { IdentifyRecord, Session } from "../store/settings-store.ts";
import {
  DEADLINES,
  GUILD_DEADLINE_MS,
  SEND_WINDOW_MS,
  SENDS_PER_WINDOW,
  type AwaitingPhase,
} from "./machine-draft.ts";
import { HEARTBEAT_INTERVAL_MAX_MS, REQUESTED_BEATS_PER_WINDOW } from "./machine-frames.ts";
import {
  initialState,
  type Effect,
  type Input,
  type MachineState,
  type TimerName,
} from "./machine-state.ts";
import { step } from "./machine.ts";

const BASE = "wss://gateway.test/";
const RESUME = "wss://resume.test/";
const SESSION: Session = { sessionId: "s1", resumeUrl: RESUME, seq: 7 };
const NEVER: IdentifyRecord = { streak: 0, lastAt: 0 };

/** The environment of a machine: time, timers, the socket. */
class World {
  state: MachineState;
  now = 1_000_000_000;
  random = 0.5;
  /** Timer to the time at which it fires. */
  readonly due = new Map<TimerName, number>();
  /** All effects so far. */
  readonly effects: Effect[] = [];
  /** The connection that is open or opening. */
  open: number | null = null;
  discovering = false;

  constructor(session: Session | null = null, record: IdentifyRecord = NEVER) {
    this.state = initialState(session, record);
  }

  give(input: Input): readonly Effect[] {
    const { state, effects } = step(this.state, input, { now: this.now, random: this.random });
    this.state = state;
    for (const effect of effects) this.#perform(effect);
    this.effects.push(...effects);
    return effects;
  }

  #perform(effect: Effect): void {
    if (effect.type === "set-timer") this.due.set(effect.name, this.now + effect.ms);
    if (effect.type === "clear-timer") this.due.delete(effect.name);
    if (effect.type === "connect") this.open = effect.connection;
    if (effect.type === "close") this.open = null;
    if (effect.type === "discover") this.discovering = true;
  }

  /** Timer to its remaining time, milliseconds. */
  get timers(): ReadonlyMap<TimerName, number> {
    return new Map([...this.due].map(([name, at]) => [name, at - this.now]));
  }

  /** Fires a timer that is set. */
  fire(name: TimerName): readonly Effect[] {
    const at = this.due.get(name);
    if (at === undefined) throw new Error(`${name} is not set`);
    this.due.delete(name);
    this.now = Math.max(this.now, at);
    return this.give({ type: "timer", name });
  }

  /** Fires the next timer. */
  fireNext(): readonly Effect[] {
    const [next] = [...this.due].toSorted(([, a], [, b]) => a - b);
    if (next === undefined) throw new Error("no timer is set");
    return this.fire(next[0]);
  }

  gateway(remaining = 900, resetAfterMs = 0): readonly Effect[] {
    this.discovering = false;
    return this.give({ type: "gateway", url: BASE, remaining, resetAfterMs });
  }

  frame(op: number, d: unknown = null, s: number | null = null, t: string | null = null) {
    return this.give({
      type: "frame",
      connection: this.state.connection,
      frame: { op, d, s, t },
    });
  }

  hello(intervalMs = 40_000): readonly Effect[] {
    return this.frame(10, { heartbeat_interval: intervalMs });
  }

  ready(seq = 1): readonly Effect[] {
    return this.frame(0, { session_id: "s2", resume_gateway_url: RESUME }, seq, "READY");
  }

  closed(code: number): readonly Effect[] {
    this.open = null;
    return this.give({ type: "closed", connection: this.state.connection, code });
  }
}

/** A machine that is connected with a new session. */
function connected(): World {
  const world = new World();
  world.give({ type: "start" });
  world.gateway();
  world.hello();
  world.ready();
  return world;
}

/** A machine that tries to resume its stored session. */
function resuming(session: Session = SESSION): World {
  const world = new World(session);
  world.give({ type: "start" });
  world.hello();
  return world;
}

function types(effects: readonly Effect[]): string[] {
  return effects.map(({ type }) => type);
}

function find<T extends Effect["type"]>(
  effects: readonly Effect[],
  type: T,
): Extract<Effect, { type: T }> | undefined {
  return effects.find((effect): effect is Extract<Effect, { type: T }> => effect.type === type);
}

describe("a first connection", () => {
  test("reads the budget before IDENTIFY, and identifies after HELLO", () => {
    const world = new World();
    expect(types(world.give({ type: "start" }))).toEqual(["discover", "set-timer", "state"]);
    expect(find(world.gateway(), "connect")?.url).toBe(BASE);
    expect(types(world.hello())).toEqual(["set-timer", "set-timer", "identify"]);
    expect(find(world.ready(), "dispatch")?.session).toEqual({
      sessionId: "s2",
      resumeUrl: RESUME,
      seq: 1,
    });
    expect(world.state.reported).toBe("connected");
  });

  test("waits when the budget is used up, and reads it again", () => {
    const world = new World();
    world.give({ type: "start" });
    const until = world.now + 3_600_000;
    expect(find(world.gateway(0, 3_600_000), "held")?.until).toBe(until);
    expect(world.timers.get("reconnect")).toBe(3_600_000);
    expect(world.state).toMatchObject({
      obstacle: "Discord allows no more new sessions of this bot today",
      retryAt: until,
    });
    expect(types(world.fire("reconnect"))).toEqual(["discover", "set-timer"]);
    expect(types(world.gateway(1))).toContain("connect");
  });

  test("a token that REST refuses is final", () => {
    const world = new World();
    world.give({ type: "start" });
    const effects = world.give({
      type: "gateway-failed",
      fatal: true,
      retryAfterMs: 0,
      reason: "refused",
    });
    expect(find(effects, "fatal")?.reason).toBe("refused");
    expect(world.timers.size).toBe(0);
  });

  test("a failed REST call is tried again, not before its Retry-After", () => {
    const world = new World();
    world.give({ type: "start" });
    world.give({ type: "gateway-failed", fatal: false, retryAfterMs: 4_000, reason: "503" });
    expect(world.timers.get("reconnect")).toBe(4_000);
    expect(types(world.fire("reconnect"))).toContain("discover");
  });
});

describe("a missing answer", () => {
  /** A waiting machine for each phase. */
  const waiting: Readonly<Record<AwaitingPhase, () => World>> = {
    discovering: () => {
      const world = new World();
      world.give({ type: "start" });
      return world;
    },
    connecting: () => {
      const world = new World(SESSION);
      world.give({ type: "start" });
      return world;
    },
    identifying: () => {
      const world = new World();
      world.give({ type: "start" });
      world.gateway();
      world.hello();
      return world;
    },
    resuming: () => resuming(),
  };

  test.each(Object.entries(waiting))(
    "while %s: the connection is given up, and the reason is named",
    (phase, make) => {
      const world = make();
      expect(world.state.phase).toBe(phase);
      const { ms, missing } = DEADLINES[phase as AwaitingPhase];
      expect(ms).toBeGreaterThanOrEqual(15_000);
      expect(ms).toBeLessThanOrEqual(60_000);
      expect(world.timers.get("deadline")).toBe(ms);
      const had = world.open !== null;
      const effects = world.fire("deadline");
      expect(find(effects, "close")?.code).toBe(had ? 4000 : undefined);
      expect(find(effects, "lost")?.reason).toBe(missing);
      expect(world.state.phase).toBe("waiting");
      world.fire("reconnect");
      // This also holds during the next attempt.
      expect(world.state.obstacle).toBe(missing);
    },
  );

  test.each(["READY", "RESUMED"])("%s ends the wait and the obstacle", (name) => {
    const world = name === "READY" ? waiting.identifying() : waiting.resuming();
    world.fire("deadline");
    for (; world.state.phase !== (name === "READY" ? "identifying" : "resuming");) {
      world.fire("reconnect");
      if (world.discovering) world.gateway();
      if (world.open !== null) world.hello();
    }
    if (name === "READY") world.ready();
    else world.frame(0, {}, 8, "RESUMED");
    expect(world.timers.has("deadline")).toBe(false);
    expect(world.state).toMatchObject({ phase: "ready", obstacle: null });
  });

  test.each([
    ["a new session", null],
    ["a stored one", SESSION],
  ])("HELLO and answered beats for a day, but no session: %s", (_, session) => {
    const world = new World(session);
    world.random = 0.999;
    world.give({ type: "start" });
    const end = world.now + 24 * 3_600_000;
    let phase = world.state.phase;
    let since = world.now;
    while (world.now < end) {
      if (world.discovering) world.gateway();
      else if (world.state.phase === "connecting") world.hello();
      else if (types(world.fireNext()).includes("beat")) world.frame(11);
      expect(world.state.phase).not.toBe("ready");
      if (world.state.phase !== phase) since = world.now;
      phase = world.state.phase;
      if (phase !== "waiting") expect(world.now - since).toBeLessThanOrEqual(60_000);
    }
    const count = (type: Effect["type"]): number =>
      world.effects.filter((effect) => effect.type === type).length;
    expect(count("resume")).toBe(session === null ? 0 : 3);
    expect(count("drop-session")).toBe(session === null ? 0 : 1);
    expect(count("identify")).toBeGreaterThan(100);
    expect(count("identify")).toBeLessThan(320);
    expect(world.state.obstacle).not.toBeNull();
  });

  test("with a HELLO interval of a year heartbeats are sent more often, to detect a dead connection", () => {
    const world = connected();
    world.closed(1006);
    world.fire("reconnect");
    world.hello(365 * 24 * 3_600_000);
    world.fire("heartbeat");
    expect(world.timers.get("heartbeat")).toBe(HEARTBEAT_INTERVAL_MAX_MS);
  });
});

describe("the primary guild", () => {
  test("leads to a new session when Discord does not serve it", () => {
    const world = connected();
    world.give({ type: "guild", due: true });
    expect(world.timers.get("guild")).toBe(GUILD_DEADLINE_MS);
    // Further dispatches do not postpone it.
    world.now += 60_000;
    world.give({ type: "guild", due: true });
    expect(world.timers.get("guild")).toBe(GUILD_DEADLINE_MS - 60_000);
    const effects = world.fire("guild");
    expect(types(effects)).toEqual(expect.arrayContaining(["drop-session", "close"]));
    expect(world.state.obstacle).toContain("did not serve the guild for 15 minutes");
    world.fire("reconnect");
    world.gateway();
    expect(types(world.hello())).toContain("identify");
  });

  test("changes nothing when it arrives in time", () => {
    const world = connected();
    world.give({ type: "guild", due: true });
    expect(types(world.give({ type: "guild", due: false }))).toEqual(["clear-timer"]);
    expect(world.timers.has("guild")).toBe(false);
    expect(world.state.phase).toBe("ready");
  });

  test("does not matter while there is no session", () => {
    const world = connected();
    world.give({ type: "guild", due: true });
    world.closed(1006);
    expect(world.timers.has("guild")).toBe(false);
    expect(world.give({ type: "guild", due: true })).toEqual([]);
  });
});

describe("heartbeats", () => {
  test("the first is sent after interval * random, then one per interval, with the last seq", () => {
    const world = connected();
    world.random = 0.25;
    world.closed(1006);
    world.fire("reconnect");
    world.hello(40_000);
    expect(world.timers.get("heartbeat")).toBe(10_000);
    expect(find(world.fire("heartbeat"), "beat")?.seq).toBe(1);
    expect(world.timers.get("heartbeat")).toBe(40_000);
  });

  test("carry null before the first dispatch", () => {
    const world = new World();
    world.give({ type: "start" });
    world.gateway();
    world.hello();
    expect(find(world.fire("heartbeat"), "beat")?.seq).toBeNull();
  });

  test("an unanswered one means a dead connection: closed with a resumable code, then resumed", () => {
    const world = connected();
    world.fire("heartbeat");
    const effects = world.fire("heartbeat");
    expect(find(effects, "close")?.code).toBe(4000);
    expect(find(world.fire("reconnect"), "connect")?.url).toBe(RESUME);
    expect(find(world.hello(), "resume")?.session.seq).toBe(1);
  });

  test("an unanswered one on the last connection does not count against the next", () => {
    const world = connected();
    world.fire("heartbeat");
    world.fire("heartbeat");
    world.fire("reconnect");
    world.hello();
    expect(types(world.fire("heartbeat"))).toContain("beat");
  });

  test("an answer gives the latency and keeps the connection alive", () => {
    const world = connected();
    world.fire("heartbeat");
    world.now += 123;
    expect(find(world.frame(11), "answered")).toMatchObject({ sentAt: world.now - 123, ms: 123 });
    expect(types(world.fire("heartbeat"))).toContain("beat");
  });

  test("op 1 is answered at once and does not change the rhythm", () => {
    const world = connected();
    expect(types(world.frame(1))).toEqual(["beat"]);
    expect(types(world.fire("heartbeat"))).toContain("beat");
    expect(world.state.phase).toBe("ready");
  });

  test("op 1 cannot make us send more than Discord accepts", () => {
    const world = connected();
    const sent = Array.from({ length: REQUESTED_BEATS_PER_WINDOW + 5 }, () => world.frame(1));
    expect(sent.flat()).toHaveLength(REQUESTED_BEATS_PER_WINDOW - 1);
    world.now += SEND_WINDOW_MS + 1;
    expect(types(world.frame(1))).toEqual(["beat"]);
  });
});

describe("requests of Discord", () => {
  test("op 7: a new connection at once, resumed at the resume URL", () => {
    const world = connected();
    expect(find(world.frame(7), "close")?.code).toBe(4000);
    expect(world.timers.get("reconnect")).toBe(0);
    expect(find(world.fire("reconnect"), "connect")?.url).toBe(RESUME);
    expect(types(world.hello())).toContain("resume");
  });

  test("op 9 true: resume", () => {
    const world = connected();
    world.frame(9, true);
    world.fire("reconnect");
    expect(types(world.hello())).toContain("resume");
  });

  test.each([
    [0, 1_000],
    [0.999, 4_996],
  ])("op 9 false: the session is dropped, and after 1 to 5 s a new one starts", (random, ms) => {
    const world = connected();
    world.random = random;
    const effects = world.frame(9, false);
    expect(types(effects)).toEqual(expect.arrayContaining(["drop-session", "close"]));
    expect(world.timers.get("reconnect")).toBe(ms);
    world.now += 10_000;
    expect(types(world.fire("reconnect"))).toContain("discover");
    expect(find(world.gateway(), "connect")?.url).toBe(BASE);
    expect(types(world.hello())).toContain("identify");
  });

  test("unknown opcodes and events change nothing but the sequence", () => {
    const world = connected();
    expect(world.frame(43, {})).toEqual([]);
    expect(find(world.frame(0, {}, 2, "SOMETHING_NEW"), "dispatch")?.session.seq).toBe(2);
  });
});

describe("closes", () => {
  test.each([1000, 1001, 1005, 1006, 4000, 4001, 4002, 4999])("%i resumes", (code) => {
    const world = connected();
    expect(types(world.closed(code))).not.toContain("drop-session");
    world.fire("reconnect");
    expect(types(world.hello())).toContain("resume");
  });

  test("4008 resumes after a while", () => {
    const world = connected();
    world.closed(4008);
    expect(world.timers.get("reconnect")).toBeGreaterThanOrEqual(10_000);
  });

  test.each([4003, 4005, 4007, 4009])("%i starts a new session", (code) => {
    const world = connected();
    expect(types(world.closed(code))).toContain("drop-session");
    expect(types(world.fire("reconnect"))).toContain("discover");
  });

  test.each([4004, 4010, 4011, 4012, 4013, 4014])("%i is final", (code) => {
    const world = connected();
    const effects = world.closed(code);
    expect(find(effects, "fatal")?.reason).toContain(String(code));
    expect(find(effects, "state")?.state).toBe("down");
    expect(world.timers.size).toBe(0);
    expect(world.give({ type: "timer", name: "reconnect" })).toEqual([]);
  });

  test("a close of a connection that was given up is ignored", () => {
    const world = connected();
    const old = world.state.connection;
    world.frame(7);
    expect(world.give({ type: "closed", connection: old, code: 4004 })).toEqual([]);
  });
});

describe("a resume", () => {
  test("gets the replay once and in order", () => {
    const world = resuming();
    expect(find(world.frame(0, {}, 8, "VOICE_STATE_UPDATE"), "dispatch")?.session.seq).toBe(8);
    expect(types(world.frame(0, {}, 8, "VOICE_STATE_UPDATE"))).toEqual(["repeated-dispatch"]);
    expect(world.state.reported).toBe("resuming");
    expect(types(world.frame(0, {}, 9, "RESUMED"))).toEqual(["clear-timer", "dispatch", "state"]);
    expect(world.state.reported).toBe("connected");
  });

  test("that fails three times is replaced by a new session", () => {
    const world = resuming();
    world.closed(1006);
    world.fire("reconnect");
    world.hello();
    world.closed(1006);
    world.fire("reconnect");
    world.hello();
    expect(types(world.closed(1006))).toContain("drop-session");
    expect(types(world.fire("reconnect"))).toContain("discover");
  });

  test("at a URL that no longer works continues at the base URL, with the same session", () => {
    const world = new World(SESSION);
    world.give({ type: "start" });
    for (let failures = 0; failures < 3; failures += 1) {
      world.closed(1006);
      world.fire("reconnect");
    }
    expect(world.discovering).toBe(true);
    expect(find(world.gateway(0, 1_000), "connect")?.url).toBe(BASE);
    expect(find(world.hello(), "resume")?.session).toEqual(SESSION);
  });

  test("that does not succeed is `down` after a while, and is tried at least every 15 s", () => {
    const world = new World(SESSION);
    world.random = 0.999;
    world.give({ type: "start" });
    for (let failures = 0; failures < 12; failures += 1) {
      if (world.discovering) world.gateway();
      world.closed(1006);
      expect(world.timers.get("reconnect")).toBeLessThanOrEqual(15_000);
      world.fire("reconnect");
    }
    expect(world.state.reported).toBe("down");
    expect(world.state.session).toEqual(SESSION);
  });
});

describe("the budget of IDENTIFY", () => {
  test("is not used up by a process in a crash loop", () => {
    let record = NEVER;
    let now = 1_000_000_000;
    let identifies = 0;
    const end = now + 24 * 3_600_000;
    while (now < end) {
      const world = new World(null, record);
      world.now = now;
      world.give({ type: "start" });
      world.gateway();
      while (world.state.phase === "waiting") {
        world.fire("reconnect");
        world.gateway();
      }
      record = find(world.hello(), "identify")?.record ?? record;
      identifies += 1;
      // The process dies immediately afterwards and is restarted.
      now = world.now + 1_000;
    }
    expect(identifies).toBeLessThan(320);
  });

  test("the pause between new sessions is reported with its end", () => {
    const world = new World(null, { streak: 8, lastAt: 1_000_000_000 - 1_000 });
    world.give({ type: "start" });
    const until = world.now + 79_000;
    expect(find(world.gateway(), "held")).toEqual({
      type: "held",
      reason: "8 new sessions in a row: the next one has to wait",
      until,
    });
    expect(world.state).toMatchObject({ phase: "waiting", retryAt: until });
    world.fire("reconnect");
    expect(world.state.retryAt).toBeNull();
  });

  test("does not count sessions that our own stop ended: six restarts, none waits longer", () => {
    let record = NEVER;
    let now = 1_000_000_000;
    for (let restarts = 0; restarts < 6; restarts += 1) {
      // The last session can no longer be resumed.
      const world = new World(SESSION, record);
      world.now = now;
      const began = now;
      world.give({ type: "start" });
      world.hello();
      world.random = 0.999;
      world.frame(9, false);
      for (; world.state.phase !== "identifying";) {
        if (world.discovering) world.gateway();
        else if (world.state.phase === "connecting") world.hello();
        else world.fire("reconnect");
      }
      world.ready();
      expect(world.now - began).toBeLessThanOrEqual(6_000);
      const settled = find(world.give({ type: "stop" }), "identify-settled");
      record = settled?.record ?? world.state.identify;
      expect(record.streak).toBe(0);
      now = world.now + 1_000;
    }
  });

  test("counts a session that was stopped before READY: it may never have existed", () => {
    const world = new World();
    world.give({ type: "start" });
    world.gateway();
    world.hello();
    expect(types(world.give({ type: "stop" }))).not.toContain("identify-settled");
    expect(world.state.identify.streak).toBe(1);
  });

  test("is full again after a successful session", () => {
    const world = connected();
    world.now += 70_000;
    world.frame(11);
    expect(world.state.identify.streak).toBe(0);
  });
});

test("a stop closes with a resumable code and leaves nothing behind", () => {
  const world = connected();
  const effects = world.give({ type: "stop" });
  expect(find(effects, "close")?.code).toBe(4000);
  expect(find(effects, "state")?.state).toBe("resuming");
  expect(world.timers.size).toBe(0);
  expect(world.give({ type: "start" })).toEqual([]);
});

/** One possible input; `pick` chooses among the inputs that are possible then. */
const happening = fc.record({
  kind: fc.constantFrom(
    "timer",
    "hello",
    "ready",
    "resumed",
    "event",
    "frame",
    "close",
    "rest",
    "guild",
  ),
  pick: fc.nat(),
  random: fc.double({ min: 0, max: 0.999, noNaN: true }),
  passed: fc.nat(5_000),
});

test("any sequence of inputs: it continues, in order, within Discord's limits", () => {
  const codes = [1000, 1001, 1006, 4000, 4003, 4007, 4008, 4009];
  fc.assert(
    fc.property(fc.boolean(), fc.array(happening, { maxLength: 150 }), (stored, happenings) => {
      const world = new World(stored ? SESSION : null);
      world.give({ type: "start" });
      const sends = new Map<number, number[]>();
      let reported: MachineState["reported"] = null;
      let seq = { sessionId: stored ? SESSION.sessionId : "", seq: stored ? SESSION.seq : 0 };
      let allowed = false;
      let sessions = 0;
      for (const { kind, pick, random, passed } of happenings) {
        world.random = random;
        world.now += passed;
        const before = world.effects.length;
        const timer = [...world.timers.keys()][pick % Math.max(1, world.timers.size)];
        if (kind === "rest" && world.discovering) {
          allowed = pick % 4 !== 0;
          if (pick % 5 === 0) {
            world.discovering = false;
            world.give({
              type: "gateway-failed",
              fatal: false,
              retryAfterMs: 0,
              reason: "away",
            });
          } else world.gateway(allowed ? 5 : 0, 1_000);
        } else if (kind === "timer" && timer !== undefined) world.fire(timer);
        else if (kind === "guild") world.give({ type: "guild", due: pick % 2 === 0 });
        else if (world.open !== null) {
          if (kind === "hello") world.hello(1 + (pick % 60_000));
          if (kind === "ready" && world.state.phase === "identifying") {
            sessions += 1;
            const data = { session_id: `n${sessions}`, resume_gateway_url: RESUME };
            world.frame(0, data, 1, "READY");
          }
          if (kind === "resumed" && world.state.phase === "resuming") {
            world.frame(0, {}, (world.state.session?.seq ?? 0) + 1, "RESUMED");
          }
          if (kind === "event") world.frame(0, {}, pick % 20, "VOICE_STATE_UPDATE");
          if (kind === "frame") world.frame([1, 7, 9, 11, 99][pick % 5] ?? 0, pick % 2 === 0);
          if (kind === "close") world.closed(codes[pick % codes.length] ?? 1006);
        }
        for (const effect of world.effects.slice(before)) {
          if (effect.type === "close") expect([1000, 1001]).not.toContain(effect.code);
          if (effect.type === "beat" || effect.type === "identify" || effect.type === "resume") {
            const at = sends.get(world.state.connection) ?? [];
            at.push(world.now);
            sends.set(world.state.connection, at);
            expect(at.filter((t) => t > world.now - SEND_WINDOW_MS).length).toBeLessThanOrEqual(
              SENDS_PER_WINDOW,
            );
          }
          if (effect.type === "identify") {
            expect(allowed, "an IDENTIFY without budget").toBe(true);
            allowed = false;
          }
          if (effect.type === "dispatch") {
            const { sessionId, seq: next } = effect.session;
            if (sessionId === seq.sessionId) expect(next).toBeGreaterThan(seq.seq);
            seq = { sessionId, seq: next };
          }
          if (effect.type === "state") {
            expect(effect.state).not.toBe(reported);
            reported = effect.state;
          }
        }
        // Every wait of the machine has an end.
        const { phase, guildDue } = world.state;
        const bound =
          phase === "waiting" ? "reconnect" : phase === "ready" ? "heartbeat" : "deadline";
        expect(world.timers.has(bound), `${phase} has an end`).toBe(true);
        if (bound === "deadline") {
          expect(world.timers.get("deadline")).toBeLessThanOrEqual(
            DEADLINES[phase as AwaitingPhase].ms,
          );
        }
        expect(world.timers.has("guild")).toBe(guildDue);
      }
    }),
    { numRuns: 300 },
  );
});

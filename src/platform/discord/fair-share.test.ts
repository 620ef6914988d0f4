import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  LINE_MAX,
  namedShare,
  PACE_CALLS,
  PACE_MS,
  PLACE_KEPT_MS,
  TURN_HELD_MS,
  WaitingLine,
} from "./fair-share.ts";
import { GLOBAL_REQUESTS_PER_SECOND } from "./global-rate.ts";
import type { LimitSignals } from "./limit-signals.ts";
import { RateLimits } from "./rate-limits.ts";

/** A rate limit window at Discord: it opens with its first call. */
class DiscordWindow {
  readonly limit: number;
  readonly lengthMs: number;
  #used = 0;
  #endsAt = 0;
  constructor(limit: number, lengthMs: number) {
    this.limit = limit;
    this.lengthMs = lengthMs;
  }
  take(now: number): LimitSignals {
    if (now >= this.#endsAt) {
      this.#used = 0;
      this.#endsAt = now + this.lengthMs;
    }
    this.#used += 1;
    return {
      status: this.#used > this.limit ? 429 : 200,
      bucket: "b",
      limit: this.limit,
      remaining: Math.max(0, this.limit - this.#used),
      resetAfterMs: this.#endsAt - now,
      retryAfterMs: this.#endsAt - now,
    };
  }
}

/** Longest time that a call or its answer is in transit, milliseconds. */
const SLOWEST_MS = 150;

/** A caller that retries until its call is sent. `place` is the one of `RateLimits`. */
type Caller = { readonly place?: string; readonly major: string; readonly from: number };

/** Simulates callers against one window for each major id, in virtual time. */
class Play {
  readonly limits = new RateLimits();
  readonly servedAt = new Map<Caller, number>();
  readonly sentAt: number[] = [];
  refusedByDiscord = 0;
  readonly #windows = new Map<string, DiscordWindow>();
  readonly #newWindow: () => DiscordWindow;
  #taken = 0;
  readonly #events: { at: number; run: () => void }[] = [];

  constructor(newWindow: () => DiscordWindow) {
    this.#newWindow = newWindow;
  }

  at(time: number, run: () => void): void {
    this.#events.push({ at: time, run });
  }

  /** @param latencies of a call, of its answer, and so on; repeated when used up */
  add(caller: Caller, latencies: readonly number[] = [0], isPatient = true): void {
    const ask = (now: number): void => {
      const route = { name: "POST /guilds/:guildId/channels", major: caller.major };
      const admission = this.limits.admit(route, now, caller.place);
      if (admission.kind !== "go") {
        const back = now + admission.retryAfterMs;
        if (isPatient) this.at(back, () => ask(back));
        return;
      }
      this.servedAt.set(caller, now);
      this.sentAt.push(now);
      const arrives = now + this.#nextOf(latencies);
      this.at(arrives, () => {
        const window = this.#windows.get(caller.major) ?? this.#newWindow();
        this.#windows.set(caller.major, window);
        const signals = window.take(arrives);
        if (signals.status === 429) this.refusedByDiscord += 1;
        const heard = arrives + this.#nextOf(latencies);
        const told = { ...signals, tookMs: heard - now };
        this.at(heard, () => this.limits.settle(route, told, heard, caller.place));
      });
    };
    this.at(caller.from, () => ask(caller.from));
  }

  #nextOf(latencies: readonly number[]): number {
    this.#taken += 1;
    return latencies[this.#taken % latencies.length] ?? 0;
  }

  /** Runs all events until `end`. */
  run(end: number): void {
    for (;;) {
      let next = 0;
      for (const [index, { at }] of this.#events.entries()) {
        if (at < (this.#events[next]?.at ?? Infinity)) next = index;
      }
      const event = this.#events[next];
      if (event === undefined || event.at > end) return;
      this.#events.splice(next, 1);
      event.run();
    }
  }
}

const named = (id: string, from = 0, major = "1"): Caller => ({ place: id, major, from });
const person = (from: number, major = "1"): Caller => ({ major, from });
const range = (length: number): number[] => Array.from({ length }, (_, index) => index);

describe("fair shares of Discord's limits", () => {
  it("gives every waiting caller its turn in time, whatever newcomers and people do", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1_000, max: 10_000 }),
        fc.integer({ min: 1, max: 60 }),
        fc.array(fc.integer({ min: 0, max: 8_000 }), { maxLength: 80 }),
        fc.array(fc.integer({ min: 0, max: 8_000 }), { maxLength: 80 }),
        fc.array(fc.integer({ min: 0, max: SLOWEST_MS }), { minLength: 1, maxLength: 50 }),
        (limit, lengthMs, waiting, newcomers, people, latencies) => {
          const play = new Play(() => new DiscordWindow(limit, lengthMs));
          const callers = range(waiting).map((index) => named(`match ${index}`));
          for (const caller of callers) play.add(caller, latencies);
          // Newcomers and people start when the limit is known: before that, calls for people may exceed it.
          for (const [index, after] of newcomers.entries()) {
            play.add(named(`newcomer ${index}`, 1_000 + after), latencies);
          }
          for (const after of people) play.add(person(1_000 + after), latencies);
          const windows = Math.ceil(waiting / namedShare(limit)) + 1;
          const paces = Math.ceil(waiting / PACE_CALLS) + 1;
          const deadline = windows * (lengthMs + 50 + 3 * SLOWEST_MS) + paces * PACE_MS;
          play.run(deadline);
          expect(callers.filter((caller) => !play.servedAt.has(caller))).toEqual([]);
          expect(play.refusedByDiscord).toBe(0);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("serves waiting callers in the order in which they arrived", () => {
    const play = new Play(() => new DiscordWindow(5, 5_000));
    const callers = range(40).map((index) => named(`match ${index}`, index));
    for (const caller of callers) play.add(caller);
    play.run(120_000);
    const times = callers.map((caller) => play.servedAt.get(caller) ?? Infinity);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });

  it("assigns turns of a known window to the millisecond, so that no caller has to return twice", () => {
    const limits = new RateLimits();
    const route = { name: "POST /guilds/:guildId/channels", major: "1" };
    limits.admit(route, 0);
    const window = { bucket: "b", limit: 10, remaining: 9, resetAfterMs: 10_000 };
    limits.settle(route, { status: 200, ...window }, 0);
    const told = range(30).map((index) => {
      const admission = limits.admit(route, 1_000, `match ${index}`);
      return admission.kind === "go" ? 0 : 1_000 + admission.retryAfterMs;
    });
    const at = (time: number): number => told.filter((one) => one === time).length;
    const share = namedShare(10);
    // Now, the unused reserve of this window, the next window, its unused reserve, and the window after it.
    expect([0, 8_000, 10_000, 18_000, 20_050].map(at)).toEqual([
      share,
      1,
      share,
      10 - share,
      share,
    ]);
    expect(told.filter((time) => time > 20_050)).toHaveLength(30 - 3 * share - 1 - (10 - share));
  });

  it("gives every caller its turn over all routes in time, and never exceeds the global limit", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 150, maxLength: 200 }),
        fc.array(fc.integer({ min: 1, max: 3_000 }), { minLength: 150, maxLength: 200 }),
        fc.integer({ min: 1, max: 150 }),
        (people, newcomers, waiting) => {
          const play = new Play(() => new DiscordWindow(100, 1_000));
          const callers = range(waiting).map((index) => named(`${index}`, 0, `${index}`));
          for (const caller of callers) play.add(caller);
          for (const [index, from] of newcomers.entries()) {
            play.add(named(`new ${index}`, from, `n${index}`));
          }
          for (const [index, from] of people.entries()) play.add(person(from, `p${index}`));
          play.run((Math.ceil(waiting / PACE_CALLS) + 1) * PACE_MS);
          expect(callers.filter((caller) => !play.servedAt.has(caller))).toEqual([]);
          for (const at of play.sentAt) {
            const inSecond = play.sentAt.filter((other) => other > at - 1_000 && other <= at);
            expect(inSecond.length).toBeLessThanOrEqual(GLOBAL_REQUESTS_PER_SECOND);
          }
        },
      ),
      { numRuns: 30 },
    );
  });

  it("sends a bucket's calls for people at once while hundreds wait", () => {
    const limit = 40;
    const play = new Play(() => new DiscordWindow(limit, 10_000));
    for (const index of range(400)) play.add(named(`match ${index}`));
    const reserve = limit - namedShare(limit);
    const people = range(10).flatMap((window) =>
      range(reserve).map((index) => person(window * 10_050 + 5_000 + index)),
    );
    for (const one of people) play.add(one);
    play.run(110_000);
    const waited = people.map((one) => (play.servedAt.get(one) ?? Infinity) - one.from);
    expect(waited).toEqual(people.map(() => 0));
  });

  it("uses a limit up when few people call, and delays no person longer than the last part of a window", () => {
    const lengthMs = 10_000;
    const play = new Play(() => new DiscordWindow(40, lengthMs));
    const matches = range(400).map((index) => named(`match ${index}`));
    for (const match of matches) play.add(match);
    const people = range(30).map((index) => person(index * 3_333 + 700));
    for (const one of people) play.add(one);
    play.run(200_000);
    const waited = people.map((one) => (play.servedAt.get(one) ?? Infinity) - one.from);
    expect(Math.max(...waited)).toBeLessThanOrEqual(lengthMs / 5);
    const last = Math.max(...matches.map((match) => play.servedAt.get(match) ?? Infinity));
    // 430 calls, 40 in each window: the last is in the eleventh window.
    expect(last).toBeLessThan(11 * (lengthMs + 50));
    expect(play.refusedByDiscord).toBe(0);
  });

  it("sends calls for people over all routes at once while hundreds wait", () => {
    const busy = new Play(() => new DiscordWindow(100, 1_000));
    for (const index of range(400)) busy.add(named(`${index}`, 0, `${index}`));
    const rooms = range(40).map((index) => person(index * 150 + 70, `p${index}`));
    for (const one of rooms) busy.add(one);
    busy.run(20_000);
    expect(rooms.map((one) => (busy.servedAt.get(one) ?? Infinity) - one.from)).toEqual(
      rooms.map(() => 0),
    );
  });

  it("frees the turns of callers that never return", () => {
    const play = new Play(() => new DiscordWindow(5, 5_000));
    for (const index of range(20)) play.add(named(`gone ${index}`), [0], false);
    const during = named("during", 100);
    const after = named("after", 60_000 + TURN_HELD_MS);
    play.add(during);
    play.add(after);
    play.run(120_000);
    // It waits for the callers before it as long as their turns are held, and no longer.
    const windows = Math.ceil(20 / namedShare(5)) + 1;
    expect(play.servedAt.get(during)).toBeLessThan(windows * 5_100);
    expect(play.servedAt.get(after)).toBe(after.from);
  });

  it("serves a late caller before callers that arrived after it", () => {
    const line = new WaitingLine();
    line.keep("late", 1_000);
    line.keep("next", 1_000);
    line.keep("last", 9_500);
    expect(["late", "next", "last", "new"].map((place) => line.before(place, 500))).toEqual([
      0, 1, 2, 3,
    ]);
    // The late caller's turn is no longer held against others, but its place is still the first.
    const now = 1_000 + TURN_HELD_MS;
    expect(["late", "next", "last", "new"].map((place) => line.before(place, now))).toEqual([
      0, 0, 0, 1,
    ]);
    const later = 1_000 + PLACE_KEPT_MS;
    expect(["late", "last"].map((place) => line.before(place, later))).toEqual([1, 0]);
  });

  it("moves a caller whose admitted call Discord refused to the front", () => {
    const limits = new RateLimits();
    const route = { name: "POST /guilds/:guildId/channels", major: "1" };
    limits.admit(route, 0);
    const window = { bucket: "b", limit: 5, remaining: 1, resetAfterMs: 1_000 };
    limits.settle(route, { status: 200, ...window }, 0);
    expect(limits.admit(route, 0, "unlucky").kind).toBe("go");
    for (const index of range(8)) limits.admit(route, 0, `match ${index}`);
    // Another user of the bucket had used it up.
    limits.settle(route, { status: 429, retryAfterMs: 700, limit: 5 }, 0, "unlucky");
    expect(limits.admit(route, 1, "unlucky")).toEqual({ kind: "rate_limited", retryAfterMs: 699 });
    expect(limits.admit(route, 700, "unlucky").kind).toBe("go");
  });

  it("gives a caller whose call had no effect the next turn, for the call that it makes instead", () => {
    const limits = new RateLimits();
    const route = { name: "POST /guilds/:guildId/channels", major: "1" };
    limits.admit(route, 0);
    const window = { bucket: "b", limit: 5, remaining: 1, resetAfterMs: 1_000 };
    limits.settle(route, { status: 200, ...window }, 0);
    expect(limits.admit(route, 0, "in vain").kind).toBe("go");
    for (const index of range(8)) limits.admit(route, 0, `match ${index}`);
    limits.settle(route, { status: 400, ...window, remaining: 0 }, 0, "in vain");
    limits.giveBack(route, "in vain", 0);
    expect(limits.admit(route, 0, "in vain")).toEqual({
      kind: "rate_limited",
      retryAfterMs: 1_000,
    });
    expect(limits.admit(route, 1_000, "in vain").kind).toBe("go");
  });

  it("probes an unknown limit with one call", () => {
    const play = new Play(() => new DiscordWindow(3, 2_000));
    for (const index of range(12)) play.add(named(`match ${index}`), [40]);
    play.run(60);
    expect(play.sentAt).toEqual([0]);
    play.run(30_000);
    expect([play.servedAt.size, play.refusedByDiscord]).toEqual([12, 0]);
  });

  it("keeps a bounded number of places", () => {
    const line = new WaitingLine();
    for (const index of range(LINE_MAX + 10)) line.keep(`match ${index}`, 1_000);
    expect(line.before("another", 0)).toBe(LINE_MAX);
    line.keep("match 3", 2_000);
    expect(line.before("match 3", 0)).toBe(3);
  });
});

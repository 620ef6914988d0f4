import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  SYNC_ALIVE_EVERY_MS,
  SYNC_ALIVE_FILTER_MAX,
  SYNC_ID_MAX_LENGTH,
} from "../../protocol/limits.ts";
import { aliveFilter } from "./alive-filter.ts";

/** A filter and its clock. */
function filter() {
  const time = { now: 1_000_000 };
  return { time, absorbs: aliveFilter(() => time.now) };
}

const beat = (sid = "s1", more: object = {}) => ({ sid, time: 1, ...more });

describe("sync.md §0a beats that the Worker keeps from the hub", () => {
  it("are those between the first and 30 s later that change nothing", () => {
    const { time, absorbs } = filter();
    expect(absorbs("session-alive", beat())).toBe(false);
    for (let ms = 0; ms < SYNC_ALIVE_EVERY_MS; ms += 2_000) {
      // Only the time has changed.
      expect(absorbs("session-alive", beat("s1", { time: ms }))).toBe(true);
      time.now += 2_000;
    }
    expect(absorbs("session-alive", beat())).toBe(false);
    expect(absorbs("session-alive", beat())).toBe(true);
  });

  it.each([
    [{ thinking: true }, { thinking: false }],
    [{ mode: "local" }, { mode: "remote" }],
    [{}, { thinking: true }],
  ])("are not those of a change: %j and %j", (before, after) => {
    const { absorbs } = filter();
    absorbs("session-alive", beat("s1", before));
    expect(absorbs("session-alive", beat("s1", after))).toBe(false);
    expect(absorbs("session-alive", beat("s1", after))).toBe(true);
    expect(absorbs("session-alive", beat("s1", before))).toBe(false);
  });

  it("are of each session and machine for itself", () => {
    const { absorbs } = filter();
    for (const expected of [false, true]) {
      expect(absorbs("session-alive", beat("x"))).toBe(expected);
      expect(absorbs("session-alive", beat("y"))).toBe(expected);
      expect(absorbs("machine-alive", { machineId: "x", time: 1 })).toBe(expected);
    }
  });

  it.each([
    ["message", beat()],
    ["session-end", beat()],
    ["constructor", beat()],
    ["session-alive", null],
    ["session-alive", "text"],
    ["session-alive", { machineId: "m1", time: 1 }],
    ["session-alive", beat("s".repeat(SYNC_ID_MAX_LENGTH + 1))],
    ["session-alive", { sid: { toString: "x" }, time: 1 }],
    ["session-alive", beat("s1", { time: "1" })],
    ["session-alive", beat("s1", { thinking: "yes" })],
    ["session-alive", beat("s1", { mode: "m".repeat(SYNC_ID_MAX_LENGTH + 1) })],
    ["session-alive", beat("s1", { mode: { a: [] } })],
    ["machine-alive", beat()],
  ])("are never anything else: %s %j", (name, data) => {
    const { absorbs } = filter();
    absorbs("session-alive", beat());
    for (let i = 0; i < 3; i += 1) expect(absorbs(name, data)).toBe(false);
    // It counts for no beat either.
    expect(absorbs("session-alive", beat())).toBe(true);
  });

  it("are bounded: with one made-up id more the next beat of each goes through", () => {
    const { absorbs } = filter();
    for (let i = 0; i < SYNC_ALIVE_FILTER_MAX; i += 1) absorbs("session-alive", beat(`s${i}`));
    // A change of one that is known needs no further place.
    expect(absorbs("session-alive", beat("s0", { thinking: true }))).toBe(false);
    expect(absorbs("session-alive", beat("s1"))).toBe(true);
    expect(absorbs("session-alive", beat("one more"))).toBe(false);
    for (const expected of [false, true]) {
      expect(absorbs("session-alive", beat("s1"))).toBe(expected);
    }
  });

  it("leave the hub what it needs: each state in turn, and a beat at least every 30 s", () => {
    const step = fc.record({
      ms: fc.constantFrom(0, 1, 2_000, 29_999, 30_000),
      sid: fc.constantFrom("a", "b"),
      thinking: fc.option(fc.boolean(), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
        const { time, absorbs } = filter();
        const heard = new Map<string, { at: number; thinking: boolean | undefined }>();
        for (const { ms, sid, thinking } of steps) {
          time.now += ms;
          const said = beat(sid, thinking === undefined ? {} : { thinking });
          if (!absorbs("session-alive", said)) heard.set(sid, { at: time.now, thinking });
          const last = heard.get(sid);
          expect(last?.thinking).toBe(thinking);
          expect(time.now - (last?.at ?? 0)).toBeLessThan(SYNC_ALIVE_EVERY_MS);
        }
      }),
    );
  });
});

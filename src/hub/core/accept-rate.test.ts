import { describe, expect, test } from "vitest";
import {
  ACCEPTS_BURST,
  ACCEPTS_PER_SECOND,
  RETRY_WINDOW_MIN_MS,
  SOCKETS_PER_OBJECT,
} from "../../protocol/limits.ts";
import { VirtualHub } from "../../testing/virtual-hub.ts";
import { AcceptRate, retryWindowMs } from "./accept-rate.ts";

/** How many of `tries` are let in at `now`. */
function accepted(rate: AcceptRate, tries: number, now: number): number {
  return Array.from({ length: tries }, () => rate.take(now)).filter(Boolean).length;
}

describe("HUB-18 accept rate", () => {
  test("a burst is let in at once, one more is not", () => {
    expect(accepted(new AcceptRate(), ACCEPTS_BURST + 1, 0)).toBe(ACCEPTS_BURST);
  });

  test("afterwards as many as the rate gives, and who was refused does not delay them", () => {
    const rate = new AcceptRate();
    accepted(rate, ACCEPTS_BURST * 2, 1_000);
    expect(accepted(rate, 1, 1_000)).toBe(0);
    expect(accepted(rate, ACCEPTS_PER_SECOND, 1_500)).toBe(ACCEPTS_PER_SECOND / 2);
    expect(accepted(rate, ACCEPTS_PER_SECOND * 2, 2_500)).toBe(ACCEPTS_PER_SECOND);
  });

  test("rest earns no more than a burst, and a clock that goes back earns nothing", () => {
    const rate = new AcceptRate();
    accepted(rate, ACCEPTS_BURST, 0);
    expect(accepted(rate, ACCEPTS_BURST * 2, 3_600_000)).toBe(ACCEPTS_BURST);
    expect(accepted(rate, 1, 3_000_000)).toBe(0);
    expect(accepted(rate, 1, 3_000_001)).toBe(1);
  });

  test("a hub counts who comes in, and is rested after a wake", () => {
    const bench = new VirtualHub();
    const letIn = (): number =>
      Array.from({ length: ACCEPTS_BURST + 5 }, () => bench.server.accepts()).filter(Boolean)
        .length;
    expect(letIn()).toBe(ACCEPTS_BURST);
    expect(letIn()).toBe(0);
    bench.clock.now += 10;
    expect(letIn()).toBe((10 * ACCEPTS_PER_SECOND) / 1000);
    bench.evict();
    expect(letIn()).toBe(ACCEPTS_BURST);
  });
});

describe("HUB-18 retry window", () => {
  test.each([
    [0, RETRY_WINDOW_MIN_MS],
    [1, RETRY_WINDOW_MIN_MS],
    [ACCEPTS_PER_SECOND, RETRY_WINDOW_MIN_MS],
    [ACCEPTS_PER_SECOND + 1, 2_000],
    [SOCKETS_PER_OBJECT, (SOCKETS_PER_OBJECT / ACCEPTS_PER_SECOND) * 1000],
  ])("of %i sockets is %i ms: no more come than are let in", (sockets, ms) => {
    expect(retryWindowMs(sockets)).toBe(ms);
  });

  test("is announced to who comes in, counting itself", () => {
    const bench = new VirtualHub();
    for (let i = 0; i < ACCEPTS_PER_SECOND; i += 1) bench.connect({ sub: `u${i}` });
    expect(bench.connect({ sub: "last" }).frames()[0]).toMatchObject({
      type: "ack",
      retryWindowMs: 2_000,
    });
  });
});

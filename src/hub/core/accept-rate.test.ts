import { describe, expect, test } from "vitest";
import {
  ACCEPTS_BURST,
  ACCEPTS_PER_SECOND,
  RETRY_WINDOW_MIN_MS,
  SOCKETS_PER_OBJECT,
} from "../../protocol/limits.ts";
import { VirtualHub } from "../../testing/virtual-hub.ts";
import { AcceptRate, retryWindowMs } from "./accept-rate.ts";

const resting = (): AcceptRate => new AcceptRate(ACCEPTS_BURST, ACCEPTS_PER_SECOND);

/** How many of `tries` are accepted at `now`. */
function accepted(rate: AcceptRate, tries: number, now: number): number {
  return Array.from({ length: tries }, () => rate.take(now)).filter(Boolean).length;
}

describe("HUB-18 accept rate", () => {
  test("a burst is accepted at once, one more is not", () => {
    expect(accepted(resting(), ACCEPTS_BURST + 1, 0)).toBe(ACCEPTS_BURST);
  });

  test("after a burst the rate applies, and refused clients do not delay others", () => {
    const rate = resting();
    accepted(rate, ACCEPTS_BURST * 2, 1_000);
    expect(accepted(rate, 1, 1_000)).toBe(0);
    expect(accepted(rate, ACCEPTS_PER_SECOND, 1_500)).toBe(ACCEPTS_PER_SECOND / 2);
    expect(accepted(rate, ACCEPTS_PER_SECOND * 2, 2_500)).toBe(ACCEPTS_PER_SECOND);
  });

  test("a pause restores no more than a burst, and a clock that goes back restores nothing", () => {
    const rate = resting();
    accepted(rate, ACCEPTS_BURST, 0);
    expect(accepted(rate, ACCEPTS_BURST * 2, 3_600_000)).toBe(ACCEPTS_BURST);
    expect(accepted(rate, 1, 3_000_000)).toBe(0);
    expect(accepted(rate, 1, 3_000_001)).toBe(1);
  });

  test("a client that does not connect after all gives its place back, up to a burst", () => {
    const rate = resting();
    accepted(rate, ACCEPTS_BURST, 0);
    rate.giveBack();
    expect(accepted(rate, 2, 0)).toBe(1);
    const rested = resting();
    rested.giveBack();
    expect(accepted(rested, ACCEPTS_BURST + 1, 0)).toBe(ACCEPTS_BURST);
  });

  test("a hub counts clients that connect, and has its whole burst after a wake", async () => {
    const bench = new VirtualHub();
    const letIn = (): number =>
      Array.from({ length: ACCEPTS_BURST + 5 }, () => bench.server.accepts()).filter(Boolean)
        .length;
    expect(letIn()).toBe(ACCEPTS_BURST);
    expect(letIn()).toBe(0);
    bench.clock.now += 10;
    expect(letIn()).toBe((10 * ACCEPTS_PER_SECOND) / 1000);
    await bench.evict();
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
  ])("of %i sockets is %i ms: no more connect than are accepted", (sockets, ms) => {
    expect(retryWindowMs(sockets)).toBe(ms);
  });

  test("is sent to a new client, which is counted itself", () => {
    const bench = new VirtualHub();
    for (let i = 0; i < ACCEPTS_PER_SECOND; i += 1) bench.connect({ sub: `u${i}` });
    expect(bench.connect({ sub: "last" }).frames()[0]).toMatchObject({
      type: "ack",
      retryWindowMs: 2_000,
    });
  });
});

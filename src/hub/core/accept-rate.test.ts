import { describe, expect, test } from "vitest";
import {
  ACCEPTS_BURST,
  ACCEPTS_PER_SECOND,
  RETRY_WINDOW_MIN_MS,
  SOCKETS_PER_OBJECT,
  UNAUTHENTICATED_ACCEPTS_BURST,
  UNAUTHENTICATED_ACCEPTS_BURST_PER_ADDRESS,
  UNAUTHENTICATED_ACCEPTS_PER_SECOND,
  UNAUTHENTICATED_ACCEPTS_PER_SECOND_PER_ADDRESS,
  UNAUTHENTICATED_SOCKETS_PER_ADDRESS,
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

describe("HUB-18 unauthenticated sockets", () => {
  const count = (tries: number, one: (index: number) => boolean): number =>
    Array.from({ length: tries }, (_, index) => one(index)).filter(Boolean).length;

  test("have a burst and a rate of their own, and one more is refused", () => {
    const bench = new VirtualHub();
    const letIn = (): number =>
      count(UNAUTHENTICATED_ACCEPTS_BURST + 1, (i) => bench.server.acceptsToWait(`a${i}`));
    expect(letIn()).toBe(UNAUTHENTICATED_ACCEPTS_BURST);
    expect(letIn()).toBe(0);
    bench.clock.now += 1_000;
    expect(letIn()).toBe(UNAUTHENTICATED_ACCEPTS_PER_SECOND);
  });

  test("take nothing from clients with a ticket, however many connect", () => {
    const bench = new VirtualHub();
    let taken = 0;
    for (let second = 0; second < 5; second += 1) {
      count(1_500, (i) => bench.server.acceptsToWait(`a${i}`));
      taken += count(ACCEPTS_PER_SECOND, () => bench.server.accepts());
      count(1_500, (i) => bench.server.acceptsToWait(`b${i}`));
      bench.clock.now += 1_000;
    }
    expect(taken).toBe(5 * ACCEPTS_PER_SECOND);
  });

  test("of an address whose share is used up take no accepts of others", () => {
    const bench = new VirtualHub();
    for (let i = 0; i < UNAUTHENTICATED_SOCKETS_PER_ADDRESS; i += 1) bench.wait("flooding");
    expect(count(10_000, () => bench.server.acceptsToWait("flooding"))).toBe(0);
    expect(count(UNAUTHENTICATED_ACCEPTS_BURST, (i) => bench.server.acceptsToWait(`a${i}`))).toBe(
      UNAUTHENTICATED_ACCEPTS_BURST,
    );
  });
});

describe("HUB-18 sockets of one address that connect and leave", () => {
  /** Opens so many sockets, and closes each before the next one. @returns how many were accepted */
  const churn = (bench: VirtualHub, address: string | undefined, tries: number): number => {
    let taken = 0;
    for (let i = 0; i < tries; i += 1) {
      if (!bench.server.acceptsToWait(address)) continue;
      taken += 1;
      bench.drop(bench.wait(address));
    }
    return taken;
  };

  test("have the burst and the rate of one address, and one more is refused", () => {
    const bench = new VirtualHub();
    const tries = UNAUTHENTICATED_ACCEPTS_BURST_PER_ADDRESS + 1;
    expect(churn(bench, "flooding", tries)).toBe(UNAUTHENTICATED_ACCEPTS_BURST_PER_ADDRESS);
    bench.clock.now += 1_000;
    expect(churn(bench, "flooding", tries)).toBe(UNAUTHENTICATED_ACCEPTS_PER_SECOND_PER_ADDRESS);
    bench.clock.now += 60_000;
    expect(churn(bench, "flooding", tries)).toBe(UNAUTHENTICATED_ACCEPTS_BURST_PER_ADDRESS);
  });

  test("leave the remaining accepts to other addresses", () => {
    const bench = new VirtualHub();
    let [flooding, others] = [0, 0];
    for (let second = 0; second < 5; second += 1) {
      flooding += churn(bench, "flooding", 1_500);
      for (let i = 0; i < 1_500; i += 1) others += churn(bench, `a${second}-${i}`, 1);
      bench.clock.now += 1_000;
    }
    const all = UNAUTHENTICATED_ACCEPTS_BURST + 4 * UNAUTHENTICATED_ACCEPTS_PER_SECOND;
    const share =
      UNAUTHENTICATED_ACCEPTS_BURST_PER_ADDRESS +
      4 * UNAUTHENTICATED_ACCEPTS_PER_SECOND_PER_ADDRESS;
    expect([flooding, others]).toEqual([share, all - share]);
  });

  test("keep their share when other addresses have used up all accepts", () => {
    const bench = new VirtualHub();
    for (let i = 0; i < UNAUTHENTICATED_ACCEPTS_BURST; i += 1) churn(bench, `a${i}`, 1);
    expect(churn(bench, "late", 200)).toBe(0);
    bench.clock.now += 1_000;
    expect(churn(bench, "late", 200)).toBe(UNAUTHENTICATED_ACCEPTS_BURST_PER_ADDRESS);
  });

  test("without an address (from a Worker of an older version) only count towards the rate of all", () => {
    expect(churn(new VirtualHub(), undefined, UNAUTHENTICATED_ACCEPTS_BURST + 1)).toBe(
      UNAUTHENTICATED_ACCEPTS_BURST,
    );
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

  test("for sockets without ticket or header is as long as their own rate needs", () => {
    const bench = new VirtualHub();
    for (let i = 0; i < UNAUTHENTICATED_ACCEPTS_PER_SECOND; i += 1) bench.connect({ sub: `u${i}` });
    const socket = bench.wait();
    const request = bench.server.message(socket, JSON.stringify({ type: "auth", token: "t" }));
    if (request?.kind !== "auth") throw new Error("the auth frame was not passed on");
    const identity = { sub: "late", grants: [], exp: bench.now / 1000 + 60 };
    bench.server.open(socket, identity, request.options, () => ({ seq: 0, state: { rooms: [] } }));
    expect(socket.frames()[0]).toMatchObject({ event: "auth.ok", retryWindowMs: 2_000 });
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

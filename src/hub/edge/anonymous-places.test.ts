import { describe, expect, test } from "vitest";
import {
  ACCEPTS_PER_SECOND,
  AUTHENTICATION_DEADLINE_MS,
  UNAUTHENTICATED_ACCEPTS_BURST,
  UNAUTHENTICATED_ACCEPTS_BURST_PER_ADDRESS,
  UNAUTHENTICATED_ACCEPTS_PER_SECOND,
  UNAUTHENTICATED_ACCEPTS_PER_SECOND_PER_ADDRESS,
  UNAUTHENTICATED_CLOSING_MS,
  UNAUTHENTICATED_SOCKETS_PER_ADDRESS,
  UNAUTHENTICATED_SOCKETS_PER_ISOLATE,
} from "../../protocol/limits.ts";
import { AnonymousPlaces, type Place } from "./anonymous-places.ts";

const MS = AUTHENTICATION_DEADLINE_MS;
const START = 1_000_000;

/** The places of an isolate, with a clock that the test moves. */
class Bench {
  now = START;
  readonly places = new AnonymousPlaces();

  take(address: string): Place | null {
    return this.places.take(address, this.now, MS);
  }

  /** So many clients come and stay. @returns how many got a place */
  stay(tries: number, addressOf: (index: number) => string): number {
    return Array.from({ length: tries }, (_, i) => this.take(addressOf(i))).filter(
      (place) => place !== null,
    ).length;
  }

  /** So many clients come, and each leaves before the next one. @returns how many got a place */
  churn(tries: number, addressOf: (index: number) => string): number {
    let taken = 0;
    for (let i = 0; i < tries; i += 1) {
      const place = this.take(addressOf(i));
      if (place === null) continue;
      taken += 1;
      this.places.leave(place);
    }
    return taken;
  }
}

const flooding = (): string => "flooding";

describe("HUB-18 places of clients that have not said who they are", () => {
  test("are kept by clients that were closed and have not answered, for a minute", () => {
    const bench = new Bench();
    const places = Array.from({ length: UNAUTHENTICATED_SOCKETS_PER_ADDRESS }, () =>
      bench.take("a"),
    );
    bench.now += MS;
    // The deadline closes them at the same moment as their time is up.
    for (const place of places) if (place !== null) bench.places.closing(place, bench.now);
    bench.now += UNAUTHENTICATED_CLOSING_MS - 1;
    expect(bench.take("a")).toBeNull();
    const [answers] = places;
    if (answers !== null && answers !== undefined) bench.places.leave(answers);
    expect([bench.take("a") !== null, bench.take("a")]).toEqual([true, null]);
    bench.now += 1;
    expect(bench.stay(places.length, () => "a")).toBe(places.length - 1);
  });

  test("are limited in all, and one that leaves makes room", () => {
    const bench = new Bench();
    const first = bench.take("first");
    const rest = UNAUTHENTICATED_SOCKETS_PER_ISOLATE - 2;
    expect(bench.stay(rest, (i) => `a${i}`)).toBe(rest);
    expect(bench.take("last")).not.toBeNull();
    // The rate allows more by now, and the first ones may wait still.
    bench.now += MS - 1;
    expect(bench.take("late")).toBeNull();
    if (first !== null) bench.places.leave(first);
    expect(bench.take("late")).not.toBeNull();
    expect(bench.take("later")).toBeNull();
  });

  test("are limited for one address, and others do not notice", () => {
    const bench = new Bench();
    const places = Array.from({ length: UNAUTHENTICATED_SOCKETS_PER_ADDRESS }, () =>
      bench.take("a"),
    );
    expect(places).not.toContain(null);
    expect([bench.take("a"), bench.take("b")]).toEqual([null, expect.anything()]);
    const [first, second] = places;
    for (const place of [first, second]) if (place) bench.places.leave(place);
    // Leaving twice makes room once.
    if (first) bench.places.leave(first);
    expect([bench.take("a"), bench.take("a"), bench.take("a")]).toEqual([
      expect.anything(),
      expect.anything(),
      null,
    ]);
  });

  test("are free again after their time, also if the code that would free them was cancelled", () => {
    const bench = new Bench();
    expect(bench.stay(UNAUTHENTICATED_SOCKETS_PER_ADDRESS, () => "a")).toBe(
      UNAUTHENTICATED_SOCKETS_PER_ADDRESS,
    );
    bench.now += MS - 1;
    expect(bench.take("a")).toBeNull();
    bench.now += 1;
    expect(bench.stay(UNAUTHENTICATED_SOCKETS_PER_ADDRESS + 1, () => "a")).toBe(
      UNAUTHENTICATED_SOCKETS_PER_ADDRESS,
    );
  });

  test("each have their own time", () => {
    const bench = new Bench();
    const other = UNAUTHENTICATED_SOCKETS_PER_ADDRESS - 1;
    bench.places.take("a", bench.now, 4 * MS);
    bench.stay(other, () => "a");
    bench.now += MS;
    expect(bench.stay(other + 1, () => "a")).toBe(other);
    bench.now += MS;
    expect(bench.stay(other + 1, () => "a")).toBe(other);
  });

  test("have a burst and a rate, and one more is refused", () => {
    const bench = new Bench();
    let round = 0;
    const letIn = (): number => {
      round += 1;
      return bench.churn(UNAUTHENTICATED_ACCEPTS_BURST + 1, (i) => `a${round}-${i}`);
    };
    expect(letIn()).toBe(UNAUTHENTICATED_ACCEPTS_BURST);
    expect(letIn()).toBe(0);
    bench.now += 1_000;
    expect(letIn()).toBe(UNAUTHENTICATED_ACCEPTS_PER_SECOND);
  });

  test("that are refused for want of places use up no accepts of others", () => {
    const bench = new Bench();
    bench.stay(UNAUTHENTICATED_SOCKETS_PER_ADDRESS, flooding);
    expect(bench.stay(10_000, flooding)).toBe(0);
    const left = UNAUTHENTICATED_ACCEPTS_BURST - UNAUTHENTICATED_SOCKETS_PER_ADDRESS;
    expect(bench.churn(2 * left, (i) => `a${i}`)).toBe(left);
  });
});

describe("HUB-18 clients of one address that connect and leave", () => {
  test("have the burst and the rate of one address, and one more is refused", () => {
    const bench = new Bench();
    const tries = UNAUTHENTICATED_ACCEPTS_BURST_PER_ADDRESS + 1;
    expect(bench.churn(tries, flooding)).toBe(UNAUTHENTICATED_ACCEPTS_BURST_PER_ADDRESS);
    bench.now += 1_000;
    expect(bench.churn(tries, flooding)).toBe(UNAUTHENTICATED_ACCEPTS_PER_SECOND_PER_ADDRESS);
    bench.now += 60_000;
    expect(bench.churn(tries, flooding)).toBe(UNAUTHENTICATED_ACCEPTS_BURST_PER_ADDRESS);
  });

  test("leave the remaining accepts to other addresses", () => {
    const bench = new Bench();
    let [ofOne, ofOthers] = [0, 0];
    for (let second = 0; second < 5; second += 1) {
      ofOne += bench.churn(1_500, flooding);
      ofOthers += bench.churn(ACCEPTS_PER_SECOND, (i) => `a${second}-${i}`);
      bench.now += 1_000;
    }
    const all = UNAUTHENTICATED_ACCEPTS_BURST + 4 * UNAUTHENTICATED_ACCEPTS_PER_SECOND;
    const share =
      UNAUTHENTICATED_ACCEPTS_BURST_PER_ADDRESS +
      4 * UNAUTHENTICATED_ACCEPTS_PER_SECOND_PER_ADDRESS;
    expect([ofOne, ofOthers]).toEqual([share, all - share]);
  });

  test("keep their share when other addresses have used up all accepts", () => {
    const bench = new Bench();
    bench.churn(UNAUTHENTICATED_ACCEPTS_BURST, (i) => `a${i}`);
    expect(bench.churn(200, () => "late")).toBe(0);
    bench.now += 1_000;
    expect(bench.churn(200, () => "late")).toBe(UNAUTHENTICATED_ACCEPTS_BURST_PER_ADDRESS);
  });
});

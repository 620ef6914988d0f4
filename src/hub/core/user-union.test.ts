import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PRESENCE_EXACT_USERS } from "../../protocol/limits.ts";
import { UserMarks, UserUnion } from "./user-union.ts";

const RELAYS = 3;
const USERS = Array.from({ length: 8 }, (_, n) => `user-${n}`);

/** Relays with users, and a hub that asks them. */
class Bench {
  union = new UserUnion();
  readonly relays = Array.from({ length: RELAYS }, () => ({
    users: new Set<string>(),
    marks: new UserMarks(),
  }));
  readonly own = new Set<string>();
  /** Marks in all answers. */
  told = 0;
  #answers = 0;

  /** Asks a relay. @param isLost whether the answer gets lost */
  ask(index: number, isLost = false): void {
    const relay = this.relays[index];
    if (relay === undefined) return;
    const question = this.union.ask(index);
    this.#answers += 1;
    const answer = relay.marks.answer(question, relay.users, `answer-${this.#answers}`);
    this.told += answer.joined.length + answer.left.length;
    if (isLost) this.union.changed(index);
    else this.union.take(index, answer);
  }

  askAll(): void {
    this.relays.forEach((_, index) => this.ask(index));
  }

  /** Users, each once for each object. */
  get sum(): number {
    return this.relays.reduce((sum, { users }) => sum + users.size, this.own.size);
  }

  get everybody(): Set<string> {
    return new Set([...this.own, ...this.relays.flatMap(({ users }) => [...users])]);
  }
}

describe("HUB-15 users at several objects", () => {
  test("count once, whatever is lost, restarted or released", () => {
    const step = fc.record({
      what: fc.constantFrom("come", "come", "leave", "ask", "lose", "sleep", "release", "wake"),
      relay: fc.nat(RELAYS),
      user: fc.constantFrom(...USERS),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
        const bench = new Bench();
        for (const { what, relay: index, user } of steps) {
          const relay = bench.relays[index];
          const users = relay?.users ?? bench.own;
          if (what === "come") users.add(user);
          if (what === "leave") users.delete(user);
          if (what === "ask") bench.ask(index);
          if (what === "lose") bench.ask(index, true);
          if (what === "sleep" && relay !== undefined) relay.marks = new UserMarks();
          if (what === "release") bench.union.forget(index);
          if (what === "wake") bench.union = new UserUnion();
        }
        bench.askAll();
        expect(bench.sum - bench.union.twice(bench.own)).toBe(bench.everybody.size);
      }),
      { numRuns: 2_000 },
    );
  });

  test("a relay tells only what has changed, and everything again before the changes need more room", () => {
    const bench = new Bench();
    const [relay] = bench.relays;
    for (let n = 0; n < 1_000; n += 1) relay?.users.add(`u${n}`);
    bench.ask(0);
    expect(bench.told).toBe(1_000);
    relay?.users.delete("u1");
    relay?.users.add("new");
    bench.ask(0);
    expect(bench.told).toBe(1_002);
    const asked = (): string | null => bench.union.ask(0).since;
    let changes = 0;
    while (asked() !== null && changes < 10_000) {
      changes += 1;
      relay?.users.delete(`come ${changes - 1}`);
      relay?.users.add(`come ${changes}`);
      bench.ask(0);
    }
    expect(changes).toBeGreaterThan(1_000);
    expect(changes).toBeLessThan(2_000);
    const before = bench.told;
    bench.ask(0);
    expect(bench.told - before).toBe(relay?.users.size);
    expect(asked()).not.toBeNull();
  });

  test("an answer that was under way while its relay was released is not taken for the whole", () => {
    const bench = new Bench();
    bench.relays.forEach(({ users }) => users.add("alice"));
    bench.askAll();
    bench.relays[0]?.users.add("bob");
    const late = bench.relays[0]?.marks.answer(bench.union.ask(0), ["alice", "bob"], "late");
    bench.union.forget(0);
    if (late !== undefined) bench.union.take(0, late);
    expect(bench.union.isStale(0)).toBe(true);
    expect(bench.union.twice([])).toBe(1);
    bench.ask(0);
    expect(bench.union.twice([])).toBe(2);
  });

  test("with one user over the limit, a share is told, and the others are estimated", () => {
    const bench = new Bench();
    const [first, second] = bench.relays;
    for (let n = 0; n < 4_000; n += 1) {
      first?.users.add(`user ${n}`);
      if (n % 2 === 0) second?.users.add(`user ${n}`);
    }
    bench.union.plan(PRESENCE_EXACT_USERS);
    bench.askAll();
    expect(bench.union.twice([])).toBe(2_000);
    expect(bench.told).toBe(6_000);
    bench.union.plan(PRESENCE_EXACT_USERS + 1);
    expect(bench.union.isStale(0)).toBe(true);
    bench.askAll();
    expect(bench.told).toBeLessThan(6_000 + 3_300);
    expect(bench.union.twice([])).toBeGreaterThan(1_800);
    expect(bench.union.twice([])).toBeLessThan(2_200);
    // It becomes exact again well below the limit, not just below it.
    bench.union.plan(PRESENCE_EXACT_USERS / 2 - 1);
    expect(bench.union.ask(0).oneIn).toBe(1);
    bench.askAll();
    expect(bench.union.twice([])).toBe(2_000);
  });
});

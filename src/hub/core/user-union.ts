import { PRESENCE_EXACT_USERS } from "../../protocol/limits.ts";
import type { UsersAnswer, UsersQuestion } from "./relay-calls.ts";

/** What the hub knows of the users of one relay. */
type Told = {
  /** Names the newest answer. */
  at: string;
  /** The whole answer, and the changes after it: what has to be taken back when the relay is forgotten. */
  readonly answers: UsersAnswer[];
  /** Marks in `answers`, and marks that count. */
  length: number;
  size: number;
};

/**
 * Which users are connected at several objects, so that presence counts each of them once (HUB-15). A relay tells
 * the marks of its users, and later only what changed. A mark stands for a user in 53 bits: two users of a
 * million have the same one with a probability of 1 in 18,000, and then the number is off by one.
 *
 * With more than {@link PRESENCE_EXACT_USERS} users only every second, fourth … mark is told, and the others are
 * extrapolated. So neither memory nor calls grow without a bound.
 */
export class UserUnion {
  /** At how many relays a user is. */
  readonly #relaysOf = new Map<number, number>();
  readonly #told = new Map<number, Told>();
  /** Relays whose users have not changed since they were told. */
  readonly #current = new Set<number>();
  #oneIn = 1;

  /** Chooses the share of users that relays tell. @param users connected at all relays */
  plan(users: number): void {
    let oneIn = this.#oneIn;
    while (users / oneIn > PRESENCE_EXACT_USERS) oneIn *= 2;
    // Far below the bound, so that a number near it does not ask for everything again and again.
    while (oneIn > 1 && users / oneIn < PRESENCE_EXACT_USERS / 4) oneIn /= 2;
    if (oneIn === this.#oneIn) return;
    this.#oneIn = oneIn;
    for (const relay of this.#told.keys()) this.forget(relay);
  }

  /** Whether a relay has to be asked. */
  isStale(relay: number): boolean {
    return !this.#current.has(relay);
  }

  /** The users of a relay may have changed. */
  changed(relay: number): void {
    this.#current.delete(relay);
  }

  /** What to ask a relay. A change that is reported during the call makes it stale again. */
  ask(relay: number): UsersQuestion {
    this.#current.add(relay);
    const told = this.#told.get(relay);
    // Many small changes need more memory than the whole.
    const isLong = told !== undefined && told.length > 3 * told.size + 1_000;
    return { v: 1, since: told === undefined || isLong ? null : told.at, oneIn: this.#oneIn };
  }

  /** Takes the answer of a relay. */
  take(relay: number, answer: UsersAnswer): void {
    if (answer.isWhole) this.#takeBack(relay);
    // It was released and attached again meanwhile, so that what has changed is not enough.
    else if (!this.#told.has(relay)) return this.changed(relay);
    const told = this.#told.get(relay) ?? { at: "", answers: [], length: 0, size: 0 };
    told.at = answer.at;
    told.answers.push(answer);
    told.length += answer.joined.length + answer.left.length;
    told.size += answer.joined.length - answer.left.length;
    this.#told.set(relay, told);
    for (const mark of answer.joined) this.#count(mark, 1);
    for (const mark of answer.left) this.#count(mark, -1);
  }

  /** The relay was released, or its answer does not count any more. */
  forget(relay: number): void {
    this.#takeBack(relay);
    this.#current.delete(relay);
  }

  /**
   * How many users the objects' counts, added up, count more than once.
   * @param own users at the hub itself
   */
  twice(own: Iterable<string>): number {
    let twice = -this.#relaysOf.size;
    for (const { size } of this.#told.values()) twice += size;
    for (const user of own) if (this.#relaysOf.has(userMark(user))) twice += 1;
    return twice * this.#oneIn;
  }

  #takeBack(relay: number): void {
    // From the newest on, so that no number gets below zero.
    for (const { joined, left } of this.#told.get(relay)?.answers.toReversed() ?? []) {
      for (const mark of left) this.#count(mark, 1);
      for (const mark of joined) this.#count(mark, -1);
    }
    this.#told.delete(relay);
  }

  #count(mark: number, by: 1 | -1): void {
    const relays = (this.#relaysOf.get(mark) ?? 0) + by;
    if (relays === 0) this.#relaysOf.delete(mark);
    else this.#relaysOf.set(mark, relays);
  }
}

/** A relay's side of {@link UserUnion}: remembers what it told last, and tells what has changed since. */
export class UserMarks {
  #told: { readonly at: string; readonly oneIn: number; readonly marks: Set<number> } | null = null;

  /**
   * Answers the hub. A hub or relay that has slept, or an answer that was lost, leads to a whole answer.
   * @param at names this answer; no two have the same name
   */
  answer({ since, oneIn }: UsersQuestion, users: Iterable<string>, at: string): UsersAnswer {
    const marks = new Set<number>();
    let count = 0;
    for (const user of users) {
      count += 1;
      const mark = userMark(user);
      if (mark % oneIn === 0) marks.add(mark);
    }
    const told = this.#told;
    const isWhole = told === null || told.at !== since || told.oneIn !== oneIn;
    this.#told = { at, oneIn, marks };
    const before = isWhole ? new Set<number>() : told.marks;
    const joined = [...marks].filter((mark) => !before.has(mark));
    const left = [...before].filter((mark) => !marks.has(mark));
    return {
      v: 1,
      at,
      isWhole,
      users: count,
      joined: Float64Array.from(joined),
      left: Float64Array.from(left),
    };
  }
}

/** A mark of a user, 53 bits: cyrb53, which mixes two hashes of 32 bits. */
function userMark(user: string): number {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let at = 0; at < user.length; at += 1) {
    const code = user.charCodeAt(at);
    high = Math.imul(high ^ code, 2_654_435_761);
    low = Math.imul(low ^ code, 1_597_334_677);
  }
  high =
    Math.imul(high ^ (high >>> 16), 2_246_822_507) ^ Math.imul(low ^ (low >>> 13), 3_266_489_909);
  low =
    Math.imul(low ^ (low >>> 16), 2_246_822_507) ^ Math.imul(high ^ (high >>> 13), 3_266_489_909);
  return 2 ** 32 * (high & 0x1fffff) + (low >>> 0);
}

import { seededRandom as numbersOf } from "../../src/testing/random.ts";

/** Repeatable random choices: the same seed gives the same choices in the same order. */
export type Random = {
  /** In [0, 1). */
  readonly next: () => number;
  /** A whole number from `from` up to and including `to`. */
  readonly between: (from: number, to: number) => number;
  /** True with this probability. */
  readonly chance: (probability: number) => boolean;
  /**
   * One of the choices.
   * @throws when there is none
   */
  readonly pick: <T>(choices: readonly T[]) => T;
  /** All of them in a random order. */
  readonly shuffle: <T>(all: readonly T[]) => T[];
  /** A separate source for one part, so that the pace of one part does not change another's choices. */
  readonly fork: (name: string) => Random;
};

/** Choices from the numbers of a seed. */
export function seededRandom(seed: number): Random {
  const next = numbersOf(seed);
  const between = (from: number, to: number): number => from + Math.floor(next() * (to - from + 1));
  const random: Random = {
    next,
    between,
    chance: (probability) => next() < probability,
    pick: (choices) => {
      const choice = choices[between(0, choices.length - 1)];
      if (choice === undefined) throw new Error("nothing to choose from");
      return choice;
    },
    shuffle: (all) =>
      all
        .map((one) => ({ one, at: next() }))
        .toSorted((a, b) => a.at - b.at)
        .map(({ one }) => one),
    fork: (name) => {
      let hash = seed >>> 0;
      for (const letter of name) hash = Math.imul(hash ^ (letter.codePointAt(0) ?? 0), 0x01000193);
      return seededRandom(hash >>> 0);
    },
  };
  return random;
}

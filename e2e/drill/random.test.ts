import { expect, it } from "vitest";
import { seededRandom, type Random } from "./random.ts";

const choices = (random: Random): number[] =>
  Array.from({ length: 50 }, () => random.between(1, 1_000));

it("makes the same choices from the same seed, and other choices from another", () => {
  expect(choices(seededRandom(7))).toEqual(choices(seededRandom(7)));
  expect(choices(seededRandom(7))).not.toEqual(choices(seededRandom(8)));
});

it("gives each part its own choices, whatever the others have chosen", () => {
  const used = seededRandom(7);
  choices(used);
  expect(choices(used.fork("faults"))).toEqual(choices(seededRandom(7).fork("faults")));
  expect(choices(seededRandom(7).fork("fleet"))).not.toEqual(
    choices(seededRandom(7).fork("faults")),
  );
});

it("stays within its bounds, and loses nothing when it shuffles", () => {
  const random = seededRandom(1);
  const seen = new Set(Array.from({ length: 500 }, () => random.between(2, 4)));
  expect(seen).toEqual(new Set([2, 3, 4]));
  const shuffled = random.shuffle([1, 2, 3, 4, 5]);
  expect(shuffled).toHaveLength(5);
  expect(new Set(shuffled)).toEqual(new Set([1, 2, 3, 4, 5]));
  expect(() => random.pick([])).toThrow("nothing to choose from");
});

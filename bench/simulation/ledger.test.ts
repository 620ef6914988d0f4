import { describe, expect, test } from "vitest";
import { KINDS, Ledger, type Kind, type Witness } from "./ledger.ts";

const witness = (kind: Kind = KINDS.everybody): Witness => ({
  kind,
  start: 0,
  last: 0,
  received: 0,
});

/** Three events. Only privileged sockets may see the second. */
function ledger(): Ledger {
  const made = new Ledger();
  for (const [index, mark] of ["a", "b", "c"].entries()) made.publish(mark, index === 1);
  return made;
}

const NO_FAULTS = { lost: 0, duplicated: 0, reordered: 0, leaked: 0, altered: 0 };

describe("the simulation's judge", () => {
  test("finds no fault in a complete stream, filtered or not", () => {
    const book = ledger();
    const [everybody, privileged] = [witness(), witness(KINDS.privileged)];
    book.receive(everybody, 1, 0, "a");
    expect(book.isComplete(everybody)).toBe(false);
    book.receive(everybody, 3, 1, "c");
    for (const [index, mark] of ["a", "b", "c"].entries())
      book.receive(privileged, index + 1, index, mark);
    expect(book.isComplete(everybody) && book.isComplete(privileged)).toBe(true);
    expect(book.faults).toEqual(NO_FAULTS);
  });

  test("starts over with a snapshot", () => {
    const book = ledger();
    const late = witness();
    book.reset(late, 2);
    book.receive(late, 3, 2, "c");
    expect(book.isComplete(late)).toBe(true);
    expect(book.faults).toEqual(NO_FAULTS);
  });

  test.each([
    ["lost", [[3, 2, "c"]]],
    [
      "duplicated",
      [
        [1, 0, "a"],
        [1, 0, "a"],
      ],
    ],
    [
      "reordered",
      [
        [1, 0, "a"],
        [3, 1, "c"],
        [1, 0, "a"],
      ],
    ],
    [
      "leaked",
      [
        [1, 0, "a"],
        [2, 1, "b"],
      ],
    ],
    ["altered", [[1, 0, "x"]]],
  ] as const)("finds what was %s", (fault, frames) => {
    const book = ledger();
    const victim = witness();
    for (const [seq, prev, mark] of frames) book.receive(victim, seq, prev, mark);
    expect(book.faults[fault]).toBe(1);
  });

  test("finds missing events that only the end of the stream shows", () => {
    const book = ledger();
    const deaf = witness();
    book.receive(deaf, 1, 0, "a");
    expect(book.faults).toEqual(NO_FAULTS);
    expect(book.isComplete(deaf)).toBe(false);
  });
});

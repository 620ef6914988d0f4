import { expect, it } from "vitest";
import type { CallFact } from "./history.ts";
import { judgeCalls } from "./judge-calls.ts";
import { Problems, type ProblemKind } from "./problems.ts";

const called: CallFact = { k: "called", call: "a:1" };
const asked: CallFact = { k: "asked", call: "a:1", by: "b" };
const answered: CallFact = { k: "answered", call: "a:1", to: "a:1", by: "b" };
const failed = (why: string): CallFact => ({ k: "failed", call: "a:1", why });
const left: CallFact = { k: "left", call: "a:1" };

function judged(...facts: readonly CallFact[]) {
  const problems = new Problems();
  const tally = judgeCalls(
    facts.map((fact) => ({ t: 0, ...fact })),
    problems,
  );
  return { tally, kinds: problems.all.map(({ kind }) => kind) };
}

it.each<[string, readonly CallFact[]]>([
  ["an answer", [called, asked, answered]],
  ["a method of nobody", [called, failed("no_target")]],
  ["a target that left before it was asked", [called, failed("target_gone")]],
  ["a target that left after it was asked", [called, asked, failed("target_gone")]],
  ["a target that says nothing", [called, asked, failed("timed_out")]],
  ["a caller that left", [called, asked, left]],
])("allows %s", (_what, facts) => {
  expect(judged(...facts).kinds).toEqual([]);
});

it.each<[string, ProblemKind, readonly CallFact[]]>([
  ["a call that does not end", "unanswered", [called, asked]],
  ["two answers", "duplicated", [called, asked, answered, answered]],
  ["an answer after a failure", "duplicated", [called, asked, failed("timed_out"), answered]],
  ["an answer for which nobody waits", "duplicated", [{ k: "strays", by: "a", count: 1 }]],
  ["a call that goes to two", "duplicated", [called, asked, { ...asked, by: "c" }, answered]],
  ["a call that is not sent, and was", "wrong", [called, asked, failed("no_target")]],
  ["an unknown reason", "wrong", [called, failed("because")]],
  ["the answer to another call", "wrong", [called, asked, { ...answered, to: "a:2" }]],
  ["an answer of somebody else", "wrong", [called, asked, { ...answered, by: "c" }]],
  ["a call that nobody made", "wrong", [asked]],
])("finds %s", (_what, kind, facts) => {
  expect(judged(...facts).kinds).toEqual([kind]);
});

it("counts how calls ended", () => {
  const other = (fact: CallFact): CallFact => ({ ...fact, call: "a:2", to: "a:2" }) as CallFact;
  const { tally } = judged(called, asked, answered, other(called), other(failed("no_target")));
  expect(tally).toEqual({ answered: 1, failed: new Map([["no_target", 1]]), left: 0 });
});

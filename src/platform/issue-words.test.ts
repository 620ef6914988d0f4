import { describe, expect, it } from "vitest";
import { z } from "zod";
import { putIssuesInWords } from "./issue-words.ts";

putIssuesInWords();

/** What is wrong with a value, after the name of its field. */
function wordsFor(schema: z.ZodType, value: unknown): readonly string[] {
  return schema.safeParse(value).error?.issues.map(({ message }) => message) ?? [];
}

const Shape = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("round") }),
  z.object({ kind: z.literal("square") }),
]);

describe("what is wrong with a value", () => {
  it.each<readonly [string, z.ZodType, unknown, string]>([
    ["nothing", z.string(), undefined, "is missing"],
    ["another type", z.string(), 1, "must be a text"],
    ["no number", z.coerce.number().int(), "abc", "must be a number"],
    ["a part", z.coerce.number().int(), "1.5", "must be a whole number"],
    ["a large number", z.number().max(9), 10, "may be at most 9"],
    ["too much", z.number().lt(9), 9, "must be less than 9"],
    ["an empty text", z.string().min(1), "", "must have at least 1 character"],
    ["a long list", z.array(z.number()).max(2), [1, 2, 3], "may have at most 2 entries"],
    ["a value of no list", z.enum(["on", "off"]), "x", "must be one of on, off"],
    ["another constant", z.literal("on"), "x", "must be on"],
    ["another kind", Shape, { kind: "flat" }, "must be one of round, square"],
    ["no form of several", z.union([z.string(), z.boolean()]), 1, "has none of the accepted forms"],
    ["no URL", z.url(), "x", "must be a URL"],
    ["no time", z.iso.datetime(), "x", "must be a time in ISO 8601"],
    ["other characters", z.string().regex(/^a$/), "x", "has no accepted form"],
    ["a step between", z.number().multipleOf(5), 3, "must be a multiple of 5"],
    ["unknown members", z.strictObject({}), { a: 1, b: 2 }, "may not have a, b"],
    [
      "a wrong name",
      z.record(z.string().max(1), z.number()),
      { ab: 1 },
      "has a name that it may not have",
    ],
    ["a check without words", z.string().refine(() => false), "x", "is not valid"],
  ])("is said in words for %s", (_, schema, value, words) => {
    expect(wordsFor(schema, value)).toEqual([words]);
  });

  it("is said in the words of a schema that has some", () => {
    expect(wordsFor(z.string("must be a name"), 1)).toEqual(["must be a name"]);
    expect(wordsFor(z.union([z.string(), z.null()], { error: "must be a time" }), 1)).toEqual([
      "must be a time",
    ]);
  });
});

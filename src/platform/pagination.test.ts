import * as fc from "fast-check";
import { z } from "zod";
import { describe, expect, it } from "vitest";
import { pageQuery, readPage } from "./pagination.ts";

describe("pages", () => {
  it("contain every row once and in order, and come to an end", async () => {
    const rows = fc.integer({ min: 0, max: 30 });
    const limits = fc.integer({ min: 1, max: 12 });
    await fc.assert(
      fc.asyncProperty(rows, limits, async (count, limit) => {
        const all = Array.from({ length: count }, (_, at) => at);
        const seen: number[] = [];
        for (let from: number | null = 0; from !== null;) {
          const start: number = from;
          const page = await readPage(limit, async (most) => all.slice(start, start + most));
          expect(page.rows.length).toBeLessThanOrEqual(limit);
          seen.push(...page.rows);
          from = page.last === null ? null : page.last + 1;
        }
        expect(seen).toEqual(all);
      }),
    );
  });

  it("never lead to an empty page", async () => {
    const page = await readPage(2, async (most) => ["a", "b"].slice(0, most));
    expect(page).toEqual({ rows: ["a", "b"], last: null });
  });

  const Query = z.object(pageQuery(/^\d{3}$/, 50, 20));

  it("accept only a cursor in our own form, and a limit in decimal digits", () => {
    expect(Query.parse({})).toEqual({ limit: 20 });
    expect(Query.parse({ cursor: "123", limit: "50" })).toEqual({ cursor: "123", limit: 50 });
    for (const limit of ["51", "0", "-1", "0x10", "1e1", "", " 5"]) {
      const [issue] = Query.safeParse({ limit }).error?.issues ?? [];
      expect(issue?.message, limit).toBe("must be a whole number from 1 to 50");
    }
    expect(Query.safeParse({ cursor: "1234" }).error?.issues[0]?.message).toBe(
      "take it from nextCursor",
    );
  });
});

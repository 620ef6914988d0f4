import { z } from "@hono/zod-openapi";

/**
 * The query parameter for the number of entries of a page. It accepts only decimal digits: `Number` would also
 * accept `0x10`, `1e1` and the empty string.
 * @param most entries of the largest page
 * @param usual entries of a page when the parameter is absent
 */
export function pageLimit(most: number, usual: number) {
  const words = `must be a whole number from 1 to ${most}`;
  return z
    .preprocess(
      (text) => (typeof text === "string" && /^\d+$/.test(text) ? Number(text) : text),
      z.number(words).int(words).min(1, words).max(most, words).default(usual),
    )
    .openapi({ description: "How many entries the answer may have" });
}

/**
 * The query parameters of a list in pages.
 * @param cursor the form of `nextCursor`, which clients return unchanged
 */
export function pageQuery(cursor: RegExp, most: number, usual: number) {
  return {
    cursor: z
      .string()
      .regex(cursor, "take it from nextCursor")
      .optional()
      .openapi({ description: "`nextCursor` of the page before" }),
    limit: pageLimit(most, usual),
  };
}

/**
 * Reads a page, and one row more to find out whether there is a next page.
 * @returns the rows of the page; `last` is the last of them if more follow
 */
export async function readPage<T>(
  limit: number,
  read: (limit: number) => Promise<readonly T[]>,
): Promise<{ readonly rows: readonly T[]; readonly last: T | null }> {
  const found = await read(limit + 1);
  const rows = found.slice(0, limit);
  return { rows, last: found.length > rows.length ? (rows.at(-1) ?? null) : null };
}

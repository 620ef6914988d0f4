import { z } from "@hono/zod-openapi";

/**
 * The query parameter that says how many entries a page may have: decimal digits and nothing else, where
 * `Number` would also take `0x10`, `1e1` and the empty string.
 * @param most entries of the largest page
 * @param usual entries of a page that nobody asked a number for
 */
export function pageLimit(most: number, usual: number) {
  return z.preprocess(
    (text) => (typeof text === "string" && /^\d+$/.test(text) ? Number(text) : text),
    z.number().int().min(1).max(most).default(usual),
  );
}

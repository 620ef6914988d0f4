import { z } from "zod";

/** A payload of Discord's gateway: opcode, data, and a dispatch's sequence and name. */
const Frame = z.object({
  op: z.number().int(),
  d: z.unknown(),
  s: z.number().int().nullable().default(null),
  t: z.string().nullable().default(null),
});
export type Frame = Readonly<z.output<typeof Frame>>;

/**
 * Parses one payload.
 * @returns null if it is not a valid payload
 */
export function parseFrame(text: string): Frame | null {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  return Frame.safeParse(json).data ?? null;
}

/**
 * The URL of a connection. Version, encoding and compression are the same for a first connection and a
 * resume (discord.md §2).
 */
export function connectionUrl(base: string, compress: boolean): string {
  const url = new URL(base);
  url.search = new URLSearchParams({
    v: "10",
    encoding: "json",
    ...(compress ? { compress: "zlib-stream" } : {}),
  }).toString();
  return url.href;
}

import { createMiddleware } from "hono/factory";
import type { AppEnv } from "../../../platform/http/app-env.ts";
import { refuse } from "../../../platform/http/areas.ts";
import { type JsonSize, overSize } from "../../../protocol/json-size.ts";
import {
  FRAME_DEPTH_MAX,
  SYNC_BODY_MAX_BYTES,
  SYNC_BODY_PARTS_MAX,
  SYNC_CONTENT_MAX_LENGTH,
  SYNC_ENVELOPE_MAX_LENGTH,
} from "../../../protocol/limits.ts";

/** How large the JSON body of an operation may be. */
export type BodySize = JsonSize & {
  readonly bytes: number;
  /** What its sender is told if it is longer than that, or than its `length`. */
  readonly tooLong: string;
};

/** A member of the body may be as deep as a frame. */
const DEPTH = FRAME_DEPTH_MAX + 1;

/** Bodies of texts, numbers, and lists of them with a limit of their own. */
export const FEW_PARTS: BodySize = {
  depth: DEPTH,
  parts: SYNC_BODY_PARTS_MAX,
  length: SYNC_BODY_MAX_BYTES,
  bytes: SYNC_BODY_MAX_BYTES,
  tooLong: `The body may have at most ${SYNC_BODY_MAX_BYTES} bytes.`,
};

/** The most bytes that one UTF-16 unit of a text has in JSON: as an escape, `\u0041`. */
const ESCAPE_BYTES = 6;

/**
 * Bodies with a member of any JSON, which may have {@link SYNC_CONTENT_MAX_LENGTH} characters (sync.md §0b.15). However
 * its texts are escaped, it has no more than {@link ESCAPE_BYTES} times as many bytes.
 * @param member its name
 */
export function withAnyJson(member: string): BodySize {
  const length = SYNC_CONTENT_MAX_LENGTH + SYNC_ENVELOPE_MAX_LENGTH;
  return {
    depth: DEPTH,
    parts: Infinity,
    length,
    bytes: ESCAPE_BYTES * length,
    tooLong: `${member} may have at most ${SYNC_CONTENT_MAX_LENGTH} characters as JSON.`,
  };
}

/**
 * Refuses a JSON body before it is parsed: a short text may become a hundred times as large in memory, and whoever walks
 * through it keeps all other accounts of the isolate waiting. A body that declares too many bytes is not even read.
 */
export const limitJson = (most: BodySize) =>
  createMiddleware<AppEnv>(async (c, next) => {
    const { bodyLimit } = c.get("area");
    // An upload is no JSON.
    if (c.req.raw.body === null || bodyLimit(c.req.path) === null) return next();
    const declared = Number(c.req.header("Content-Length") ?? 0);
    const over = declared > most.bytes ? "bytes" : await overOf(c.req, most);
    if (over === null) return next();
    return refuse(c, { code: "invalid_request", detail: detailOf(over, most) });
  });

function detailOf(over: keyof JsonSize | "bytes", { tooLong }: BodySize): string {
  switch (over) {
    case "depth":
      return `A member of the body may have at most ${FRAME_DEPTH_MAX} levels of lists and objects.`;
    case "parts":
      return `The lists and objects of the body may have at most ${SYNC_BODY_PARTS_MAX} entries together.`;
    case "length":
    case "bytes":
      return tooLong;
  }
}

/** @returns null: nothing, or the body cannot be read, which whoever parses it refuses */
async function overOf(
  request: { readonly text: () => Promise<string> },
  most: JsonSize,
): Promise<keyof JsonSize | null> {
  try {
    return overSize(await request.text(), most);
  } catch {
    return null;
  }
}

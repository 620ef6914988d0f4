import { err, ok, type Result } from "../../platform/result.ts";
import type { FrameErrorCode } from "../../protocol/error-codes.ts";

/** The JSON of a text frame, for the dialects whose frames are one JSON value each. */
export function jsonFrame(data: string | ArrayBuffer): Result<unknown, FrameErrorCode> {
  if (typeof data !== "string") return err("binary");
  try {
    return ok(JSON.parse(data) as unknown);
  } catch {
    return err("not_json");
  }
}

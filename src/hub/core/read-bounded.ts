import { err, type Result } from "../../platform/result.ts";
import type { FrameErrorCode } from "../../protocol/error-codes.ts";
import { isDeeperThan } from "../../protocol/json-size.ts";
import { FRAME_DEPTH_MAX } from "../../protocol/limits.ts";
import type { Dialect, Intent } from "./dialect.ts";

/**
 * Reads a frame of a client, before or after it has authenticated (HUB-9).
 * @returns `invalid_frame` also for one that is nested deeper than {@link FRAME_DEPTH_MAX}
 */
export function readBounded(
  dialect: Dialect,
  data: string | ArrayBuffer,
): Result<Intent, FrameErrorCode> {
  const isTooDeep = typeof data === "string" && isDeeperThan(data, FRAME_DEPTH_MAX);
  return isTooDeep ? err("invalid_frame") : dialect.read(data);
}

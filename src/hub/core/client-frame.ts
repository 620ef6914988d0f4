import { err, ok, type Result } from "../../platform/result.ts";
import type { FrameErrorCode } from "../../protocol/error-codes.ts";
import { CLIENT_FRAME_TYPES, ClientFrame } from "../../protocol/frames.ts";

/**
 * Reads a frame of a client whose size and rate were checked (HUB-9). A token that is missing, or no text
 * that could be one, is refused as a wrong one is.
 */
export function readClientFrame(data: string | ArrayBuffer): Result<ClientFrame, FrameErrorCode> {
  if (typeof data !== "string") return err("binary");
  let json: unknown;
  try {
    json = JSON.parse(data);
  } catch {
    return err("not_json");
  }
  const type = typeof json === "object" && json !== null && "type" in json ? json.type : undefined;
  if (typeof type !== "string" || !CLIENT_FRAME_TYPES.has(type)) return err("unknown_type");
  const frame = ClientFrame.safeParse(json);
  if (frame.success) return ok(frame.data);
  const isOfToken = frame.error.issues.some(({ path }) => path[0] === "token");
  return err(isOfToken ? "invalid_token" : "invalid_frame");
}

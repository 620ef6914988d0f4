import type { StreamLimits } from "./stream-limits.ts";

/** Frames that a client sent in the present window, and how many more it was allowed when the window began. */
export type FrameWindow = {
  readonly startedAt: number;
  readonly frames: number;
  readonly more: number;
};

/**
 * Counts one frame of a client at `now` (milliseconds). A client that receives much has to acknowledge often, so
 * each quarter of its credit that it was sent in the window allows one frame more, and so does each call.
 * @param more quarters and calls that it was sent since the wake
 * @returns the window to remember, and whether the frame is within the limit (HUB-9)
 */
export function countFrame(
  window: FrameWindow | undefined,
  now: number,
  more: number,
  limits: Pick<StreamLimits, "framesPerWindow" | "windowMs">,
): { readonly window: FrameWindow; readonly allowed: boolean } {
  const current =
    window === undefined || now - window.startedAt >= limits.windowMs
      ? { startedAt: now, frames: 1, more }
      : { ...window, frames: window.frames + 1 };
  const most = limits.framesPerWindow + more - current.more;
  return { window: current, allowed: current.frames <= most };
}

import { CLIENT_FRAMES_PER_WINDOW, CLIENT_FRAME_WINDOW_MS } from "../../protocol/limits.ts";

/** Frames that a socket sent in its present window. */
export type FrameWindow = { readonly startedAt: number; readonly frames: number };

/**
 * Counts one frame of a client at `now` (milliseconds).
 * @returns the window to remember, and whether the frame is within the limit (HUB-9)
 */
export function countFrame(
  window: FrameWindow | undefined,
  now: number,
): { readonly window: FrameWindow; readonly allowed: boolean } {
  const current =
    window === undefined || now - window.startedAt >= CLIENT_FRAME_WINDOW_MS
      ? { startedAt: now, frames: 1 }
      : { startedAt: window.startedAt, frames: window.frames + 1 };
  return { window: current, allowed: current.frames <= CLIENT_FRAMES_PER_WINDOW };
}

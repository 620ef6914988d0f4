import type { StreamLimits } from "./stream-limits.ts";

/** Frames that a client sent in the present window, and what it had been sent when the window began. */
export type FrameWindow = {
  readonly startedAt: number;
  readonly frames: number;
  readonly sentQuarters: number;
};

/**
 * Counts one frame of a client at `now` (milliseconds). A client that receives much has to acknowledge often, so
 * each quarter of its credit that it was sent in the window allows one frame more.
 * @param sentQuarters quarters sent since it connected
 * @returns the window to remember, and whether the frame is within the limit (HUB-9)
 */
export function countFrame(
  window: FrameWindow | undefined,
  now: number,
  sentQuarters: number,
  limits: Pick<StreamLimits, "framesPerWindow" | "windowMs">,
): { readonly window: FrameWindow; readonly allowed: boolean } {
  const current =
    window === undefined || now - window.startedAt >= limits.windowMs
      ? { startedAt: now, frames: 1, sentQuarters }
      : { ...window, frames: window.frames + 1 };
  const most = limits.framesPerWindow + sentQuarters - current.sentQuarters;
  return { window: current, allowed: current.frames <= most };
}

import type { SeenFrame } from "./history.ts";

/** What `auth.ok` tells a client about how to behave; older Workers say less. */
export type Announced = {
  readonly windowBytes: number;
  readonly windowEvents: number;
  readonly retryWindowMs: number;
};

const UNTOLD: Announced = { windowBytes: 1024 * 1024, windowEvents: 1_000, retryWindowMs: 0 };

/** Reads a text of the server; null: a pong. */
export function readFrame(text: string): SeenFrame | null {
  if (text === '{"type":"pong"}') return null;
  try {
    const frame: unknown = JSON.parse(text);
    if (typeof frame === "object" && frame !== null && "type" in frame) return frame as SeenFrame;
  } catch {
    // Said below.
  }
  return { type: "unreadable" };
}

/** What an `auth.ok` announces. */
export function announcedBy(frame: SeenFrame): Announced {
  const { limits, retryWindowMs } = frame as {
    readonly limits?: Partial<Announced>;
    readonly retryWindowMs?: number;
  };
  return {
    windowBytes: limits?.windowBytes ?? UNTOLD.windowBytes,
    windowEvents: limits?.windowEvents ?? UNTOLD.windowEvents,
    retryWindowMs: retryWindowMs ?? UNTOLD.retryWindowMs,
  };
}

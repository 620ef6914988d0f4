import type { SeenFrame } from "./history.ts";

/** The limits that `auth.ok` announces; older Workers announce fewer. */
export type Announced = {
  readonly windowBytes: number;
  readonly windowEvents: number;
  readonly retryWindowMs: number;
};

const UNTOLD: Announced = { windowBytes: 1024 * 1024, windowEvents: 1_000, retryWindowMs: 0 };

/** Parses a text from the server; null: a pong. */
export function readFrame(text: string): SeenFrame | null {
  if (text === '{"type":"pong"}') return null;
  try {
    const frame: unknown = JSON.parse(text);
    if (typeof frame === "object" && frame !== null && "type" in frame) return frame as SeenFrame;
  } catch {
    // Handled below.
  }
  return { type: "unreadable" };
}

/** The limits that an `auth.ok` announces. */
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

/** Whether a message that moves the client's position names the same position as its frame. */
export function isWhereItSays(text: string, id: string | undefined): boolean {
  const frame = JSON.parse(text) as {
    readonly type: string;
    readonly seq?: number;
    readonly to?: number;
    readonly events?: readonly { readonly seq: number }[];
  };
  const moves = ["event", "batch", "snapshot", "resumed"].includes(frame.type);
  if (!moves) return id === undefined;
  const seq = frame.events?.at(-1)?.seq ?? frame.to ?? frame.seq;
  return id?.endsWith(`:${seq}`) === true;
}

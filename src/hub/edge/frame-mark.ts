/** What a frame says about its stream. Members that it does not have are absent. */
export type FrameMark = {
  readonly epoch?: string;
  /** Position of a client that has this frame. */
  readonly seq?: number;
  /** It carries events. The hub sends such a frame only when it fits into the window. */
  readonly hasEvents?: true;
  readonly retryWindowMs?: number;
  /** What the hub sends beyond an acknowledgement. */
  readonly window?: { readonly bytes: number; readonly events: number };
};

const TYPE = /^\{"v":\d{1,9},"type":"([a-z.]+)"/;

/**
 * Reads the mark of a server frame from its text, as `dialects/guild.ts` writes it.
 *
 * Most frames are events, and these are not parsed. No member after an event's `seq` is an object, and a quote
 * inside a JSON string has a backslash before it. So the last `,"seq":` of the text always belongs to the last
 * event.
 */
export function markOf(text: string): FrameMark {
  switch (TYPE.exec(text)?.[1]) {
    case "event":
    case "batch":
      return {
        seq: Number.parseInt(text.slice(text.lastIndexOf(SEQ) + SEQ.length), 10),
        hasEvents: true,
      };
    case "ack": {
      const { epoch, retryWindowMs = 0, limits } = JSON.parse(text) as Accepted;
      const { windowBytes: bytes, windowEvents: events } = limits;
      return { epoch, retryWindowMs, window: { bytes, events } };
    }
    case "snapshot": {
      const { epoch, seq } = JSON.parse(text) as { epoch: string; seq: number };
      return { epoch, seq };
    }
    case "resumed": {
      const { epoch, to } = JSON.parse(text) as { epoch: string; to: number };
      return { epoch, seq: to };
    }
    default:
      return {};
  }
}

/** The frame that begins a session. */
type Accepted = {
  readonly epoch: string;
  readonly retryWindowMs?: number;
  readonly limits: { readonly windowBytes: number; readonly windowEvents: number };
};

const SEQ = ',"seq":';

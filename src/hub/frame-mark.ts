/** What a frame says about its stream. Members that it does not have are absent. */
export type FrameMark = {
  readonly epoch?: string;
  /** Position of a client that has this frame. */
  readonly seq?: number;
  readonly retryWindowMs?: number;
};

const TYPE = /^\{"v":\d{1,9},"type":"([a-z.]+)"/;

/**
 * Reads the mark of a server frame from its text, as `core/encode.ts` writes it.
 *
 * Most frames are events, and these are not parsed. No member after an event's `seq` is an object, and a quote
 * inside a JSON string has a backslash before it. So the last `,"seq":` of the text always belongs to the last
 * event.
 */
export function markOf(text: string): FrameMark {
  switch (TYPE.exec(text)?.[1]) {
    case "event":
    case "batch":
      return { seq: Number.parseInt(text.slice(text.lastIndexOf(SEQ) + SEQ.length), 10) };
    case "ack": {
      const { epoch, retryWindowMs = 0 } = JSON.parse(text) as { epoch: string } & FrameMark;
      return { epoch, retryWindowMs };
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

const SEQ = ',"seq":';

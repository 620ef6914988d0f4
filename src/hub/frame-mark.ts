/** What a frame says of the stream it stands in; absent: nothing. */
export type FrameMark = {
  readonly epoch?: string;
  /** Where a client stands that has this frame. */
  readonly seq?: number;
  readonly retryWindowMs?: number;
};

const TYPE = /^\{"v":\d{1,9},"type":"([a-z.]+)"/;

/**
 * Reads the mark of a server frame from its text, as `core/encode.ts` writes it.
 *
 * Events are the many, and are not parsed: of the members that follow an event's `seq` none is an
 * object, and inside a JSON string a quote stands behind a backslash, so that the last `,"seq":` of the
 * text is always the member of the last event.
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

/** Media type of Server-Sent Events. */
export const SSE_TYPE = "text/event-stream";

/** A comment: says that the connection lives, and means nothing to the client. */
export const SSE_KEEP_ALIVE = ":\n\n";

/** Name of the message that ends a stream: what a close frame is on the WebSocket. */
export const SSE_CLOSE_EVENT = "close";

/** One message of an event stream. */
export type SseMessage = {
  readonly data: string;
  /** Absent: `message`, what `onmessage` gets. */
  readonly event?: string;
  /** What the client names as `Last-Event-ID`; absent: the one before stays. One line. */
  readonly id?: string;
  /** How long an `EventSource` waits before it connects again, milliseconds. */
  readonly retry?: number;
};

/** Text of a message (HTML Living Standard §9.2.5), with the empty line that ends it. */
export function sseMessage({ data, event, id, retry }: SseMessage): string {
  const head =
    (event === undefined ? "" : `event: ${event}\n`) +
    (id === undefined ? "" : `id: ${id}\n`) +
    (retry === undefined ? "" : `retry: ${retry}\n`);
  // A frame is one line of JSON: the look is cheaper than the split that it nearly always spares.
  const lines = /[\r\n]/.test(data) ? data.split(/\r\n|[\r\n]/).join("\ndata: ") : data;
  return `${head}data: ${lines}\n\n`;
}

/** Media type of Server-Sent Events. */
export const SSE_TYPE = "text/event-stream";

/** A comment, which keeps the connection alive. The client ignores it. */
export const SSE_KEEP_ALIVE = ":\n\n";

/** Name of the message that ends a stream, like a close frame on a WebSocket. */
export const SSE_CLOSE_EVENT = "close";

/** One message of an event stream. */
export type SseMessage = {
  readonly data: string;
  /** Absent: `message`, which `onmessage` receives. */
  readonly event?: string;
  /** What the client sends as `Last-Event-ID`; absent: the id of the message before. One line. */
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
  // A frame is nearly always one line of JSON, and this test is cheaper than the split.
  const lines = /[\r\n]/.test(data) ? data.split(/\r\n|[\r\n]/).join("\ndata: ") : data;
  return `${head}data: ${lines}\n\n`;
}

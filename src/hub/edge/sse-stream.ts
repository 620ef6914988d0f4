import { reconnectAfter } from "../../protocol/close-codes.ts";
import { HUB_LOST, passedOn, type SocketEnd } from "./edge-socket.ts";
import type { FeedFrame, HubFeed } from "./hub-feed.ts";
import { SSE_CLOSE_EVENT, SSE_KEEP_ALIVE, sseMessage } from "./sse.ts";

/** Shortest wait before an `EventSource` reconnects, milliseconds. A random part of the window is added. */
const RETRY_MIN_MS = 1_000;

/** How a stream is written. */
export type SseOptions = {
  /** After so long without a frame a comment is sent, milliseconds. It does not reach the hub. */
  readonly quietMs: number;
  /** From 0 up to 1, to spread the reconnects of clients. */
  readonly random: () => number;
};

/**
 * The frames of a feed as Server-Sent Events, with an `id` where a frame moves the client's position.
 *
 * It takes from the feed only when the client reads, and no layer in between buffers. A further read proves that
 * the client has what it read before, so the client's `ack` is not needed, and cannot be forged.
 *
 * A close of the hub becomes the last message. What the client had not read by then is dropped: a client that lost
 * its access gets nothing more, and others resume. When the client leaves, the feed's socket is closed.
 * @returns the body of the answer (`text/event-stream`)
 */
export function sseStream(feed: HubFeed, options: SseOptions): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let epoch = "";
  const messageOf = ({ text, mark }: FeedFrame): string => {
    const { seq, retryWindowMs } = mark;
    epoch = mark.epoch ?? epoch;
    return sseMessage({
      data: text,
      ...(seq === undefined ? {} : { id: `${epoch}:${seq}` }),
      ...(retryWindowMs === undefined
        ? {}
        : { retry: RETRY_MIN_MS + Math.round(options.random() * retryWindowMs) }),
    });
  };
  return new ReadableStream(
    {
      pull: async (controller) => {
        const portion = await feed.take(options.quietMs);
        switch (portion.kind) {
          case "frames":
            controller.enqueue(encoder.encode(portion.frames.map(messageOf).join("")));
            break;
          case "quiet":
            controller.enqueue(encoder.encode(SSE_KEEP_ALIVE));
            break;
          case "ended":
            controller.enqueue(encoder.encode(farewell(portion)));
            controller.close();
            break;
          case "left":
        }
      },
      cancel: () => feed.leave("goingAway"),
    },
    // No prefetching: a read then means that the client has taken everything before.
    { highWaterMark: 0 },
  );
}

function farewell(end: SocketEnd): string {
  const { code, reason } = passedOn(end, HUB_LOST);
  const data = JSON.stringify({ code, reason, reconnect: reconnectAfter(code) });
  return sseMessage({ event: SSE_CLOSE_EVENT, data });
}

import { within } from "../../platform/clock.ts";
import { CLOSE_CODES } from "../../protocol/close-codes.ts";
import { SSE_CLOSE_EVENT, SSE_KEEP_ALIVE, sseMessage } from "./sse.ts";

const LINE_FEED = 0x0a;

/**
 * Passes an event stream on, and adds a comment whenever nothing arrived for `quietMs`. So proxies keep the
 * connection, and a client that is gone is noticed when the comment cannot be written. It reads only as fast as
 * the client does, so that backpressure reaches the hub. When the client leaves, the hub's stream is cancelled.
 *
 * When the hub breaks off between two messages, the stream ends with the close message of a restart.
 */
export function keepAlive(
  upstream: ReadableStream<Uint8Array>,
  quietMs: number,
): ReadableStream<Uint8Array> {
  const reader = upstream.getReader();
  const encoder = new TextEncoder();
  let next: ReturnType<typeof reader.read> | null = null;
  let lineFeeds = 2;
  let hasLeft = false;
  // A comment in the middle of a message would become part of it.
  const betweenMessages = (): boolean => lineFeeds >= 2;
  return new ReadableStream(
    {
      pull: async (controller) => {
        try {
          for (;;) {
            next ??= reader.read();
            const read = await within(quietMs, next, () => null);
            if (hasLeft) return;
            if (read !== null) {
              next = null;
              if (read.done) controller.close();
              else {
                lineFeeds = trailingLineFeeds(read.value, lineFeeds);
                controller.enqueue(read.value);
              }
              return;
            }
            if (betweenMessages()) {
              controller.enqueue(encoder.encode(SSE_KEEP_ALIVE));
              return;
            }
          }
        } catch {
          // The hub restarted. A socket would close with 1006.
          if (betweenMessages()) controller.enqueue(encoder.encode(RESTART));
          controller.close();
        }
      },
      cancel: (reason) => {
        hasLeft = true;
        return reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}

const { code, meaning, reconnect } = CLOSE_CODES.restart;
const RESTART = sseMessage({
  event: SSE_CLOSE_EVENT,
  data: JSON.stringify({ code, reason: meaning, reconnect }),
});

/** Number of line feeds at the end of everything passed on so far. */
function trailingLineFeeds(chunk: Uint8Array, before: number): number {
  let count = 0;
  while (count < chunk.length && chunk[chunk.length - 1 - count] === LINE_FEED) count += 1;
  return count === chunk.length ? before + count : count;
}

import { SIGNED_BATCH_MAX, SIGNED_BODY_MAX_BYTES } from "../../src/protocol/limits.ts";
import type { OutboxEvent } from "../store/outbox.ts";

/** The content of one request. */
export type Batch = {
  /** Its events, from the front of the queue. */
  readonly events: readonly OutboxEvent[];
  readonly body: Uint8Array<ArrayBuffer>;
  /** Trace of the request: that of the first event. Each event also carries its own. */
  readonly trace: string | null;
};

const PREFIX = '{"events":[';
const SUFFIX = "]}";

const encoder = new TextEncoder();

/** The wire form of an event. `payload` is JSON text already. */
function encodeEvent(event: OutboxEvent, epoch: string, seq: number): string {
  const { id, ts, trace } = event;
  const head = JSON.stringify({
    id,
    event: event.event,
    ts,
    epoch,
    seq,
    ...(trace === null ? {} : { trace }),
  });
  return `${head.slice(0, -1)},"payload":${event.payload}}`;
}

/**
 * As many events from the front as one request may carry: `limit`, the batch size and the body size of
 * rooms.md §4. A single event is sent without the envelope of a batch, as older hubs expect it.
 * @param events the front of a guild's queue, not empty
 * @param firstSeq the publisher's seq of the first event
 * @returns null if the first event alone is too large for a request
 */
export function takeBatch(
  events: readonly OutboxEvent[],
  epoch: string,
  firstSeq: number,
  limit: number = SIGNED_BATCH_MAX,
): Batch | null {
  const encoded: string[] = [];
  let bytes = PREFIX.length + SUFFIX.length;
  for (const [index, event] of events.slice(0, Math.min(limit, SIGNED_BATCH_MAX)).entries()) {
    const text = encodeEvent(event, epoch, firstSeq + index);
    bytes += Buffer.byteLength(text) + 1;
    if (bytes > SIGNED_BODY_MAX_BYTES) break;
    encoded.push(text);
  }
  const [only] = encoded;
  if (only === undefined) return null;
  const text = encoded.length === 1 ? only : PREFIX + encoded.join(",") + SUFFIX;
  return {
    events: events.slice(0, encoded.length),
    body: encoder.encode(text),
    trace: events[0]?.trace ?? null,
  };
}

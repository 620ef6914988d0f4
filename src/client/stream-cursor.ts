import { isGuildEvent } from "./guild-event.ts";
import type { EventBody } from "./server-frame.ts";
import type { OtherEvent, StreamEvent, StreamItem } from "./stream-item.ts";

/** The last thing a client has seen: what it names to resume (rooms.md §2). */
export type StreamPosition = { readonly epoch: string; readonly seq: number };

/** What an event is to a client that stands at a position. */
type Arrival = "next" | "duplicate" | "hole";

/**
 * Decides on an event by its `seq` and `prev` (rooms.md §2). A jump is announced by `prev`, the
 * event sent before; it is a hole when that one never arrived.
 * @param seen seq of the last thing seen
 */
function judgeArrival(
  seen: number,
  event: { readonly seq: number; readonly prev?: number | undefined },
): Arrival {
  if (event.seq <= seen) return "duplicate";
  if (event.seq === seen + 1) return "next";
  return event.prev !== undefined && event.prev <= seen ? "next" : "hole";
}

/** Where a client stands in the stream, over all its connections. */
export class StreamCursor {
  #position: StreamPosition | null = null;
  /** Seq before the last hole: a second one there means that resuming does not help. */
  #lastHole: number | undefined;

  /** Null: nothing was seen yet, or resuming does not help. */
  get position(): StreamPosition | null {
    return this.#position;
  }

  /** Everything up to here is known, by a snapshot or because the server says so. */
  jump(position: StreamPosition): void {
    this.#position = position;
  }

  /**
   * Takes events as they came. What it gives back goes on to the user: no duplicate, and a hole
   * last, after which the connection is to be made again.
   */
  take(epoch: string, events: readonly EventBody[]): StreamItem[] {
    const items: StreamItem[] = [];
    for (const event of events) {
      const seen = this.#position?.seq ?? event.seq - 1;
      const arrival = judgeArrival(seen, event);
      if (arrival === "duplicate") continue;
      if (arrival === "hole") {
        if (this.#lastHole === seen) this.#position = null;
        this.#lastHole = seen;
        items.push({ type: "hole", after: seen, got: event.seq });
        break;
      }
      this.#position = { epoch: this.#position?.epoch ?? epoch, seq: event.seq };
      items.push(streamEventOf(event));
    }
    return items;
  }
}

/** An event as it is handed on: one of the registry, or another. */
export function streamEventOf(event: EventBody): StreamEvent | OtherEvent {
  return isGuildEvent(event) ? { ...event, type: "event" } : { ...event, type: "other" };
}

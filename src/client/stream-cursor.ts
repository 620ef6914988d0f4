import { isGuildEvent } from "./guild-event.ts";
import type { EventBody } from "./server-frame.ts";
import type { OtherEvent, StreamEvent, StreamItem } from "./stream-item.ts";

/** The position that a client resumes from (rooms.md §2). */
export type StreamPosition = { readonly epoch: string; readonly seq: number };

/** How an event relates to the client's position. */
type Arrival = "next" | "duplicate" | "hole";

/**
 * Classifies an event by its `seq` and `prev` (rooms.md §2). `prev` announces a jump: it is the event sent before.
 * If that event never arrived, there is a hole.
 * @param seen seq of the client's position
 */
function judgeArrival(
  seen: number,
  event: { readonly seq: number; readonly prev?: number | undefined },
): Arrival {
  if (event.seq <= seen) return "duplicate";
  if (event.seq === seen + 1) return "next";
  return event.prev !== undefined && event.prev <= seen ? "next" : "hole";
}

/** The client's position in the stream, kept over all its connections. */
export class StreamCursor {
  #position: StreamPosition | null = null;
  /** Seq before the last hole. A second hole there means that resuming does not help. */
  #lastHole: number | undefined;

  /** Null: nothing was received yet, or resuming does not help. */
  get position(): StreamPosition | null {
    return this.#position;
  }

  /** Moves the position. The client has everything up to it, by a snapshot or by the server's word. */
  jump(position: StreamPosition): void {
    this.#position = position;
  }

  /**
   * Takes events in the order of arrival. Returns the items for the user, without duplicates. If the last item is
   * a hole, the caller must reconnect.
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

/** An event as the client hands it on: `event` if its name is registered, else `other`. */
export function streamEventOf(event: EventBody): StreamEvent | OtherEvent {
  return isGuildEvent(event) ? { ...event, type: "event" } : { ...event, type: "other" };
}

/** The last thing a client has seen: what it names to resume (rooms.md §2). */
export type StreamPosition = { readonly epoch: string; readonly seq: number };

/** What an event is to a client that stands at a position. */
export type Arrival = "next" | "duplicate" | "hole";

/**
 * Decides on an event by its `seq` and `prev` (rooms.md §2). A jump is announced by `prev`, the
 * event sent before; it is a hole when that one never arrived.
 * @param seen seq of the last thing seen
 */
export function judgeArrival(
  seen: number,
  event: { readonly seq: number; readonly prev?: number | undefined },
): Arrival {
  if (event.seq <= seen) return "duplicate";
  if (event.seq === seen + 1) return "next";
  return event.prev !== undefined && event.prev <= seen ? "next" : "hole";
}

/** The address of a connection: the ticket's, with the position to resume from. */
export function streamUrl(ticketUrl: string, position: StreamPosition | null): string {
  const url = new URL(ticketUrl);
  url.searchParams.set("batch", "1");
  if (position !== null) {
    url.searchParams.set("epoch", position.epoch);
    url.searchParams.set("seq", String(position.seq));
  }
  return url.href;
}

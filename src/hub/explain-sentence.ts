import type { Explanation } from "../protocol/hub-report.ts";

/** An explanation for a person: the reason, and what to do if that helps. */
export function sentenceFor(explanation: Explanation): string {
  const { code, seq, connection, event } = explanation;
  const what = event === null ? `Event ${seq}` : `Event ${seq} (${event.event})`;
  switch (code) {
    case "delivered":
      return `${what} was sent on this connection. ${acknowledged(explanation)}`;
    case "pending":
      return `${what} is about to be sent on this connection, together with others. Ask again in a moment.`;
    case "lagging":
      return `${what} waits: the client reads too slowly, and has ${behind(explanation)}. It is sent when the client acknowledges more. A client that does not for too long is closed with 1013, and resumes.`;
    case "not_in_audience":
      return `${what} is for ${list(event?.audience ?? [])}, and this connection holds ${list(connection?.grants ?? [])}: it may not see it.`;
    case "caused_it":
      return `${what} was caused by this connection itself, and its area sends it to the others only.`;
    case "not_subscribed":
      return `${what} is about ${event?.topic ?? "another topic"}, and this connection has subscribed only to ${list(connection?.topics ?? [])}. The client can send another subscribe frame.`;
    case "before_connection":
      return `${what} is older than this connection, which began at ${connection?.from ?? "a later event"}: it is in the snapshot of this connection, or was sent to the connection that it resumed from.`;
    case "trimmed":
      return `${what} is no longer in the journal, so the hub does not know whether it was sent. The journal keeps 24 hours, 10,000 events or 32 MB, whichever is less.`;
    case "not_yet":
      return `There is no event ${seq} yet: the hub's newest event has a lower seq.`;
    case "expired":
      return `The token of this connection had expired before event ${seq}: nothing more is sent on it, and it is closed with 4401.`;
    case "unknown_connection":
      return "There is no such connection now. It may have ended. `connections?sub=` lists a user's current connections.";
  }
}

function acknowledged({ seq, connection }: Explanation): string {
  if (connection === null || connection.acked === null) {
    return "The client has acknowledged nothing yet. Ours does so within half a minute of an event. Without an acknowledgement it is not known whether the event arrived.";
  }
  return connection.acked >= seq
    ? "The client has acknowledged it. If it does not show there, the fault is in the client."
    : `The client has acknowledged no more than ${connection.acked}: the event is on its way, or the client is slow.`;
}

function behind({ seq, connection }: Explanation): string {
  return connection?.acked === null || connection === null
    ? "acknowledged nothing"
    : `acknowledged ${connection.acked}, ${seq - connection.acked} before it`;
}

function list(things: readonly string[]): string {
  if (things.length === 0) return "nothing";
  const [last, ...before] = things.toReversed();
  return before.length === 0 ? `${last}` : `${before.toReversed().join(", ")} and ${last}`;
}

import type { Explanation } from "../protocol/hub-report.ts";

/** An explanation for a person: what is so, and where it helps what to do about it. */
export function sentenceFor(explanation: Explanation): string {
  const { code, seq, connection, event } = explanation;
  const what = event === null ? `Event ${seq}` : `Event ${seq} (${event.event})`;
  switch (code) {
    case "delivered":
      return `${what} was sent on this connection. ${acknowledged(explanation)}`;
    case "pending":
      return `${what} is about to be sent on this connection, together with others. Ask again in a moment.`;
    case "lagging":
      return `${what} waits: the client reads too slowly and has ${behind(explanation)}. It is sent as soon as the client acknowledges what it has; one that does not for too long is closed with 1013, and resumes.`;
    case "not_in_audience":
      return `${what} is for ${list(event?.audience ?? [])}, and this connection holds ${list(connection?.grants ?? [])}: it may not see it.`;
    case "not_subscribed":
      return `${what} is about ${event?.topic ?? "another topic"}, and this connection has narrowed itself to ${list(connection?.topics ?? [])}. The client can send another subscribe frame.`;
    case "before_connection":
      return `${what} is older than this connection, which began at ${connection?.from ?? "a later event"}: it is in its snapshot, or was sent to the connection that it resumed from.`;
    case "trimmed":
      return `${what} is no longer in the journal, so what became of it cannot be said. The journal keeps 24 hours, 10,000 events or 32 MB, whichever is less.`;
    case "not_yet":
      return `There is no event ${seq} yet: the hub has not come that far.`;
    case "expired":
      return `The token of this connection had ended before event ${seq}: it is sent nothing, and closed with 4401.`;
    case "not_authenticated":
      return "This connection has not authenticated yet: it is sent nothing. After 5 seconds without an auth frame it is closed with 4408.";
    case "unknown_connection":
      return "There is no such connection now. It may have ended: a user's present ones are listed by `connections?sub=`.";
  }
}

function acknowledged({ seq, connection }: Explanation): string {
  if (connection === null || connection.acked === null) {
    return "The client has acknowledged nothing yet: ours does within half a minute of an event. One that never does leaves open whether it arrived.";
  }
  return connection.acked >= seq
    ? "The client has acknowledged it: if it does not show, the client is at fault."
    : `The client has acknowledged no more than ${connection.acked}: it is on its way, or the client is slow.`;
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

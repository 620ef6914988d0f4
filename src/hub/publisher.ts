/**
 * The port that features use to reach a hub. `hub-client.ts` is its adapter over the Durable Object.
 * The hub itself knows no feature.
 */

/** A reader needs one of these grants (see `grantsOf`); null: every reader of the hub may read. */
export type Audience = readonly string[] | null;

/** What a feature asks a hub to publish. */
export type Publication = {
  /** A registered event name. */
  readonly event: string;
  readonly payload: Record<string, unknown>;
  readonly audience: Audience;
  /** Id of the connection that does not get it, because it is the one that caused it; absent: none. */
  readonly except?: string;
  /** What `subscribe` filters by, such as the place that an event is about; null: it is not filtered. */
  readonly topic: string | null;
  /** A second publication with the same key within 24 h is a duplicate, and is not sent. */
  readonly dedupeKey?: string;
  /** When it happened, milliseconds; absent: now. */
  readonly ts?: number;
  /** W3C trace id of what caused it. */
  readonly trace?: string;
  /** Id of the journal entry; absent: a new id. */
  readonly id?: string;
};

/**
 * The newest value of something that matters only now (who is typing, the position in a song). It is not journaled
 * and has no seq. A later signal with the same key replaces it.
 */
export type Signal = {
  readonly event: string;
  readonly key: string;
  /** JSON text. */
  readonly payload: string;
  readonly audience: Audience;
  readonly topic: string | null;
  /** Milliseconds. */
  readonly ts: number;
};

/** The outcome of a publication. */
export type Published =
  | { readonly kind: "published"; readonly seq: number }
  | { readonly kind: "duplicate" }
  /** Nothing was journaled: no feature names this event, or its payload is over the limit. */
  | { readonly kind: "refused"; readonly why: "unknown_event" | "too_large" };

/** One event of an outside publisher, after the check of its signature and schema. */
export type IncomingEvent = {
  readonly id?: string;
  readonly event: string;
  readonly payload: Record<string, unknown>;
  readonly ts?: number;
  readonly epoch?: string;
  readonly seq?: number;
  /** W3C trace id of what caused it. */
  readonly trace?: string;
  /** The schema refused the event: it moves no position, and leaves no gap before later events. */
  readonly refused?: true;
};

/**
 * Wraps `publish` for everything that an outside event causes. All entries carry the event's trace. The first
 * entry of the event's own kind keeps the event's id, and all others get new ids.
 */
export function causedBy(
  event: Pick<IncomingEvent, "event" | "id" | "trace">,
  publish: (publication: Publication) => void,
): (publication: Publication) => void {
  let { id } = event;
  return (caused) => {
    const publication = event.trace === undefined ? caused : { trace: event.trace, ...caused };
    if (id === undefined || publication.event !== event.event) {
      publish(publication);
      return;
    }
    const own = id;
    id = undefined;
    publish({ ...publication, id: own });
  };
}

/** The outcome of a batch of events of one hub. */
export type IngestResult =
  | { readonly kind: "done"; readonly accepted: number; readonly duplicates: number }
  | { readonly kind: "stale_publisher" }
  | { readonly kind: "gap"; readonly expected: number }
  /** An extension keeps too many events that it cannot apply yet. Send the same again after this time. */
  | { readonly kind: "hold"; readonly retryAfterMs: number };

/** The hubs of one kind as features see them. `hub` is the name of one. */
export interface HubPublisher {
  /** Publishes in order, in one turn. */
  publish(hub: string, publications: readonly Publication[]): Promise<readonly Published[]>;
  /** Passes events of an outside publisher to the hub (rooms.md §4). */
  ingest(hub: string, events: readonly IncomingEvent[]): Promise<IngestResult>;
  /** Runs a command of a feature's hub extension (`name` is `extension.command`). */
  command(hub: string, name: string, input: unknown): Promise<unknown>;
  /** Sends the newest value of something that is not journaled. It may be lost. */
  signal(hub: string, signal: Signal): Promise<void>;
  /** Shows that the hub answers, for `/ready`. */
  status(hub: string): Promise<HubStatus>;
}

/** The state of a hub in short. */
export type HubStatus = {
  readonly epoch: string;
  readonly seq: number;
  readonly sockets: number;
};

/**
 * The port that features use to reach a guild's hub. The adapter over the Durable Object is
 * `guild-hub-client.ts`; the hub itself knows no feature.
 */

/** Grants of which a reader needs one (see `grantsOf`); null: everyone in the guild. */
export type Audience = readonly string[] | null;

/** What a feature asks a hub to publish. */
export type Publication = {
  /** A registered event name. */
  readonly event: string;
  readonly payload: Record<string, unknown>;
  readonly audience: Audience;
  /** What `subscribe` narrows by: the voice channel, or null for events of the whole guild. */
  readonly topic: string | null;
  /** The same key within 24 h is accepted and not sent again. */
  readonly dedupeKey?: string;
  /** When it happened, milliseconds; absent: now. */
  readonly ts?: number;
  /** W3C trace id of what caused it. */
  readonly trace?: string;
  /** Of the journal entry; absent: a new one. */
  readonly id?: string;
};

/**
 * The newest value of something that is only worth knowing now (who types, where a song is). It is not
 * journaled and has no seq; a later one with the same key replaces it.
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

/** What became of a publication. */
export type Published =
  | { readonly kind: "published"; readonly seq: number }
  | { readonly kind: "duplicate" }
  /** Nothing was journaled: no feature names this event, or its payload is over the limit. */
  | { readonly kind: "refused"; readonly why: "unknown_event" | "too_large" };

/** One event of an outside publisher after its signature and schema were checked. */
export type IncomingEvent = {
  readonly id?: string;
  readonly event: string;
  readonly payload: Record<string, unknown>;
  readonly ts?: number;
  readonly epoch?: string;
  readonly seq?: number;
  /** W3C trace id of what caused it. */
  readonly trace?: string;
  /** Set when the schema refused it: it moves no position, and is no gap before those after it. */
  readonly refused?: true;
};

/**
 * Publishes what an outside event causes: all of it carries the event's trace, and the first entry of the
 * event's own kind keeps its id; what else it causes gets new ones.
 */
export function causedBy(
  event: Pick<IncomingEvent, "event" | "id" | "trace">,
  publish: (publication: Publication) => Published,
): (publication: Publication) => Published {
  let { id } = event;
  return (caused) => {
    const publication = event.trace === undefined ? caused : { trace: event.trace, ...caused };
    if (id === undefined || publication.event !== event.event) return publish(publication);
    const own = id;
    id = undefined;
    return publish({ ...publication, id: own });
  };
}

/** What a hub made of a batch of one guild. */
export type IngestResult =
  | { readonly kind: "done"; readonly accepted: number; readonly duplicates: number }
  | { readonly kind: "stale_publisher" }
  | { readonly kind: "gap"; readonly expected: number }
  /** The hub keeps too much that is not settled yet; send the same again after this time. */
  | { readonly kind: "hold"; readonly retryAfterMs: number };

/** A hub as features see it. */
export interface HubPublisher {
  /** Publishes in order, in one turn. */
  publish(guildId: string, publications: readonly Publication[]): Promise<readonly Published[]>;
  /** Takes events of an outside publisher (rooms.md §4). */
  ingest(guildId: string, events: readonly IncomingEvent[]): Promise<IngestResult>;
  /** Runs a command of a feature's hub extension (`name` is `extension.command`). */
  command(guildId: string, name: string, input: unknown): Promise<unknown>;
  /** Sends the newest value of something that is not journaled. It may be lost. */
  signal(guildId: string, signal: Signal): Promise<void>;
  /** That the hub answers, for `/ready`. */
  status(guildId: string): Promise<HubStatus>;
}

/** What a hub says of itself. */
export type HubStatus = {
  readonly epoch: string;
  readonly seq: number;
  readonly sockets: number;
};

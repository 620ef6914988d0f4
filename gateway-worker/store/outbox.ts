import type { DatabaseSync } from "node:sqlite";
import { OUTBOX_MAX_BYTES, OUTBOX_MAX_EVENTS } from "../../src/protocol/limits.ts";

/** An event that the hub has not acknowledged yet. */
export type OutboxEvent = {
  /** Order of arrival over all guilds. */
  readonly position: number;
  readonly guildId: string;
  /** Stays the same over all attempts and processes. */
  readonly id: string;
  readonly event: string;
  /** JSON. */
  readonly payload: string;
  /** When it happened, milliseconds since 1970. */
  readonly ts: number;
  /** W3C trace id of the dispatch that caused it; null: stored by a version without traces. */
  readonly trace: string | null;
};

type Depth = { events: number; bytes: number };

/** What the outbox may hold for one guild. */
export type OutboxBounds = { readonly events: number; readonly bytes: number };

/**
 * The events that wait for the hub, in the order in which they happened. Each guild has its own queue;
 * events are removed only at its front.
 */
export class Outbox {
  readonly #depths = new Map<string, Depth>();
  /** Guild id to the last position that is being sent. Events up to there stay, even if later ones are dropped. */
  readonly #inFlight = new Map<string, number>();
  readonly #bounds: OutboxBounds;
  readonly #sql: ReturnType<typeof statementsOf>;

  constructor(
    db: DatabaseSync,
    bounds: OutboxBounds = { events: OUTBOX_MAX_EVENTS, bytes: OUTBOX_MAX_BYTES },
  ) {
    this.#bounds = bounds;
    this.#sql = statementsOf(db);
    for (const row of db.prepare("SELECT DISTINCT guild_id FROM outbox").all()) {
      this.#recount(String(row["guild_id"]));
    }
  }

  /** Appends an event to its guild's queue. Call it inside the dispatch's transaction. */
  append(event: Omit<OutboxEvent, "position">): void {
    const bytes = Buffer.byteLength(event.payload) + event.id.length + event.event.length;
    const { guildId, id, payload, ts, trace } = event;
    this.#sql.append.run(guildId, id, event.event, payload, ts, bytes, trace);
    const depth = this.#depths.get(event.guildId) ?? { events: 0, bytes: 0 };
    this.#depths.set(event.guildId, {
      events: depth.events + 1,
      bytes: depth.bytes + bytes,
    });
  }

  /** The first events of a guild. */
  head(guildId: string, limit: number): readonly OutboxEvent[] {
    return this.#sql.head.all(guildId, limit).map((row) => ({
      position: Number(row["position"]),
      guildId,
      id: String(row["id"]),
      event: String(row["event"]),
      payload: String(row["payload"]),
      ts: Number(row["ts"]),
      trace: typeof row["trace"] === "string" ? row["trace"] : null,
    }));
  }

  /** Removes a guild's events up to a position: the hub has them, or they are dead letters. */
  removeTo(guildId: string, position: number): void {
    this.#sql.removeTo.run(guildId, position);
    this.#recount(guildId);
  }

  /** Marks events up to this position as being sent; null: none. */
  setInFlight(guildId: string, position: number | null): void {
    if (position === null) this.#inFlight.delete(guildId);
    else this.#inFlight.set(guildId, position);
  }

  /** Deletes a guild's events that are not being sent. */
  dropUnsent(guildId: string): void {
    this.#sql.removeAfter.run(guildId, this.#inFlight.get(guildId) ?? 0);
    this.#recount(guildId);
  }

  /** Whether the queue exceeds its bounds. */
  overflows(guildId: string): boolean {
    const depth = this.depth(guildId);
    return depth.events > this.#bounds.events || depth.bytes > this.#bounds.bytes;
  }

  /** Number and size of one guild's waiting events. */
  depth(guildId: string): Readonly<Depth> {
    return this.#depths.get(guildId) ?? { events: 0, bytes: 0 };
  }

  /** Guilds with waiting events. */
  guildIds(): readonly string[] {
    return [...this.#depths.keys()];
  }

  /** Number and size of all waiting events. */
  totals(): Readonly<Depth> {
    let events = 0;
    let bytes = 0;
    for (const depth of this.#depths.values()) {
      events += depth.events;
      bytes += depth.bytes;
    }
    return { events, bytes };
  }

  /** When the oldest waiting event happened, milliseconds since 1970; null: none waits. */
  oldestTs(): number | null {
    const ts = this.#sql.oldest.get()?.["ts"];
    return typeof ts === "number" ? ts : null;
  }

  /** Position of the last event of a guild, 0 when none waits. */
  lastPosition(guildId: string): number {
    return Number(this.#sql.last.get(guildId)?.["position"] ?? 0);
  }

  #recount(guildId: string): void {
    const row = this.#sql.depth.get(guildId);
    const events = Number(row?.["events"] ?? 0);
    if (events === 0) this.#depths.delete(guildId);
    else this.#depths.set(guildId, { events, bytes: Number(row?.["bytes"] ?? 0) });
  }
}

function statementsOf(db: DatabaseSync) {
  return {
    append: db.prepare(
      "INSERT INTO outbox (guild_id, id, event, payload, ts, bytes, trace) VALUES (?, ?, ?, ?, ?, ?, ?)",
    ),
    head: db.prepare("SELECT * FROM outbox WHERE guild_id = ? ORDER BY position LIMIT ?"),
    removeTo: db.prepare("DELETE FROM outbox WHERE guild_id = ? AND position <= ?"),
    removeAfter: db.prepare("DELETE FROM outbox WHERE guild_id = ? AND position > ?"),
    depth: db.prepare(
      "SELECT COUNT(*) AS events, COALESCE(SUM(bytes), 0) AS bytes FROM outbox WHERE guild_id = ?",
    ),
    oldest: db.prepare("SELECT MIN(ts) AS ts FROM outbox"),
    last: db.prepare("SELECT MAX(position) AS position FROM outbox WHERE guild_id = ?"),
  };
}

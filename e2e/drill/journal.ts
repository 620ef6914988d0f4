import { Story, type RoomsView } from "../checker.ts";
import type { SeenEvent, TruthLine } from "./history.ts";
import type { Problems } from "./problems.ts";

/** One event of the journal, and who may see it. */
export type JournalEntry = {
  readonly seq: number;
  readonly id: string;
  readonly event: string;
  readonly channelId: string | null;
  readonly userId: string | null;
  /** A reader needs one of these grants; null: everybody may read it. */
  readonly audience: readonly string[] | null;
};

/**
 * The journal of one guild, built from everything that clients with full rights got: a `seq` must be the same
 * event everywhere, an event must have only one `seq`, and no `seq` may be missing.
 */
export class Journal {
  readonly guild: string;
  readonly epochs = new Set<string>();
  readonly #texts = new Map<number, string>();
  readonly #events = new Map<number, SeenEvent>();
  readonly #seqById = new Map<string, number>();
  readonly #audiences = new Map<string, readonly string[] | null>();
  #entries: readonly JournalEntry[] = [];

  constructor(guild: string) {
    this.guild = guild;
  }

  /** The newest seq. */
  get head(): number {
    return this.#entries.length;
  }

  /** Adds an event that a client with full rights got. */
  add(epoch: string, event: SeenEvent, source: string, problems: Problems): void {
    this.epochs.add(epoch);
    const text = contentOf(event);
    const known = this.#texts.get(event.seq);
    if (known === undefined) {
      this.#texts.set(event.seq, text);
      this.#events.set(event.seq, event);
    } else if (known !== text) {
      problems.add("wrong", `${source} was sent ${text} where others were sent ${known}`);
    }
    const seq = this.#seqById.get(event.id);
    if (seq === undefined) this.#seqById.set(event.id, event.seq);
    else if (seq !== event.seq) {
      problems.add("duplicated", `the event ${event.id} is journaled as ${seq} and ${event.seq}`);
    }
  }

  /**
   * Completes the journal.
   * @param rooms audience by the name with which a room was requested
   */
  close(rooms: ReadonlyMap<string, readonly string[] | null>, problems: Problems): void {
    const head = Math.max(0, ...this.#events.keys());
    const entries: JournalEntry[] = [];
    for (let seq = 1; seq <= head; seq += 1) {
      const event = this.#events.get(seq);
      if (event === undefined) {
        problems.add("lost", `no all-seeing reader of ${this.guild} was sent ${seq} of ${head}`);
      }
      const channelId = event?.payload.channelId ?? null;
      if (event?.event === "room.created" && channelId !== null) {
        const { name } = event.payload as { readonly name?: string };
        this.#audiences.set(channelId, rooms.get(name ?? "") ?? null);
      }
      entries.push({
        seq,
        id: event?.id ?? "",
        event: event?.event ?? "",
        channelId,
        userId: event?.payload.userId ?? null,
        // If no client got the event, none can be accused of losing or leaking it.
        audience: event === undefined ? [] : channelId === null ? null : this.audienceOf(channelId),
      });
    }
    if (this.epochs.size > 1) {
      problems.add("wrong", `${this.guild} had ${this.epochs.size} epochs: its journal was lost`);
    }
    this.#entries = entries;
    this.#events.clear();
  }

  at(seq: number): JournalEntry | undefined {
    return this.#entries[seq - 1];
  }

  /** Who may see events in a channel. */
  audienceOf(channelId: string): readonly string[] | null {
    return this.#audiences.get(channelId) ?? null;
  }

  seqOf(id: string): number | undefined {
    return this.#seqById.get(id);
  }

  /** Whether the journal has this event at its seq. */
  has(event: SeenEvent): boolean {
    return this.#texts.get(event.seq) === contentOf(event);
  }

  /**
   * The rooms after each of these seqs, in order.
   * @param seqs sorted, the lowest first
   */
  *views(seqs: Iterable<number>): Generator<RoomsView> {
    const story = new Story();
    let at = 0;
    for (const seq of seqs) {
      for (; at < seq; at += 1) {
        const entry = this.at(at + 1);
        if (entry !== undefined) story.apply(entry.event, entry);
      }
      yield story.rooms;
    }
  }

  /**
   * Replays the whole journal: it must contain no impossible event, and everything that the hub accepted
   * from a publisher, once and in order.
   */
  check(truth: readonly TruthLine[], problems: Problems): void {
    const story = new Story();
    for (const entry of this.#entries) {
      const complaint = story.apply(entry.event, entry);
      if (complaint !== null) problems.add("wrong", `${this.guild} ${entry.seq}: ${complaint}`);
    }
    const lastOf = new Map<string, number>();
    const counted = new Set<string>();
    for (const line of truth) {
      if (line.k === "stale" && line.guild === this.guild) {
        for (const id of line.ids) {
          if (this.#seqById.has(id)) problems.add("wrong", `${id} was refused and is journaled`);
        }
      }
      if (line.k !== "accepted" || line.guild !== this.guild) continue;
      for (const id of line.must) {
        if (counted.has(id)) continue;
        counted.add(id);
        const seq = this.#seqById.get(id);
        if (seq === undefined) {
          problems.add("lost", `${id} was accepted and is not in the journal`);
          continue;
        }
        if (line.stream === undefined) continue;
        const last = lastOf.get(line.stream) ?? 0;
        if (seq < last) problems.add("reordered", `${id} (${seq}) was published after ${last}`);
        lastOf.set(line.stream, seq);
      }
    }
  }
}

/** What must be the same in every copy of an event. */
function contentOf({ event, payload, ts, seq, id }: SeenEvent): string {
  return JSON.stringify([seq, id, event, ts, payload]);
}

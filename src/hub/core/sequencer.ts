import type { Clock } from "../../platform/clock.ts";
import type { IdGenerator } from "../../platform/ids.ts";
import { isLongerThan } from "../../protocol/bytes.ts";
import { DEDUPE_TTL_MS, EVENT_PAYLOAD_MAX_BYTES } from "../../protocol/limits.ts";
import type { Publication, Published } from "../publisher.ts";
import { JOURNAL_BOUNDS, type Entry, type HubStore } from "./journal.ts";

/** What a sequencer is built from. */
export type SequencerPorts = {
  readonly store: HubStore;
  readonly clock: Clock;
  readonly newId: IdGenerator;
  /** Whether a feature names this event. */
  readonly isKnownEvent: (event: string) => boolean;
  /** Called after a turn with the entries that it appended. */
  readonly onAppended: (entries: readonly Entry[]) => void;
};

/** Numbers a guild's events: one `seq` without gaps, journaled before anybody is sent it (HUB-1). */
export class Sequencer {
  readonly #ports: SequencerPorts;
  /** Entries of the present turn, not sent yet. */
  #unsent: Entry[] = [];
  #turnDepth = 0;

  constructor(ports: SequencerPorts) {
    this.#ports = ports;
  }

  /**
   * Runs `work` in one transaction, then sends what it published (HUB-2). Throws what `work` throws; nothing is
   * stored or sent then.
   */
  turn<T>(work: () => T): T {
    const mark = this.#unsent.length;
    this.#turnDepth += 1;
    try {
      return this.#ports.store.transaction(work);
    } catch (error) {
      this.#unsent.length = mark;
      throw error;
    } finally {
      this.#turnDepth -= 1;
      if (this.#turnDepth === 0 && this.#unsent.length > 0) {
        const entries = this.#unsent;
        this.#unsent = [];
        this.#ports.onAppended(entries);
      }
    }
  }

  /** Appends one event; call it inside {@link turn}. */
  publish(publication: Publication): Published {
    const { store, clock, newId, isKnownEvent } = this.#ports;
    if (!isKnownEvent(publication.event)) return { kind: "refused", why: "unknown_event" };
    const payload = JSON.stringify(publication.payload);
    if (isLongerThan(payload, EVENT_PAYLOAD_MAX_BYTES)) {
      return { kind: "refused", why: "too_large" };
    }
    const now = clock();
    const { dedupeKey } = publication;
    if (dedupeKey !== undefined && !store.remember(dedupeKey, now + DEDUPE_TTL_MS, now)) {
      return { kind: "duplicate" };
    }
    const entry: Entry = {
      seq: store.extent().head + 1,
      id: publication.id ?? newId(now),
      event: publication.event,
      payload,
      ts: publication.ts ?? now,
      at: now,
      audience: publication.audience,
      topic: publication.topic,
      trace: publication.trace ?? null,
    };
    store.append(entry);
    store.trim(JOURNAL_BOUNDS, now);
    this.#unsent.push(entry);
    return { kind: "published", seq: entry.seq };
  }
}

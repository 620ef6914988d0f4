import type { Clock } from "../../platform/clock.ts";
import type { IdGenerator } from "../../platform/ids.ts";
import { isLongerThan } from "../../protocol/bytes.ts";
import { DEDUPE_TTL_MS } from "../../protocol/limits.ts";
import type { Publication, Published } from "../publisher.ts";
import type { Entry, HubStore, JournalBounds } from "./journal.ts";

/** What a sequencer is built from. */
export type SequencerPorts = {
  readonly store: HubStore;
  readonly bounds: JournalBounds;
  /** Bytes of one event's payload as JSON. A larger one is refused. */
  readonly payloadBytes: number;
  readonly clock: Clock;
  readonly newId: IdGenerator;
  /** Whether a feature names this event. */
  readonly isKnownEvent: (event: string) => boolean;
  /** Called after a turn with the entries that it appended. */
  readonly onAppended: (entries: readonly Entry[]) => void;
  /** What was deferred to after a turn has failed. */
  readonly onActFailed: (error: unknown) => void;
};

/** Numbers a hub's events: one `seq` without gaps, journaled before anybody is sent it (HUB-1). */
export class Sequencer {
  readonly #ports: SequencerPorts;
  /** What the present turn has appended, and what is to be done in between, in order. */
  #unsent: (Entry | (() => void))[] = [];
  #turnDepth = 0;
  #isSending = false;

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
    const { store, bounds, clock } = this.#ports;
    try {
      return store.transaction(() => {
        const result = work();
        if (this.#turnDepth === 1 && this.#unsent.length > mark) store.trim(bounds, clock());
        return result;
      });
    } catch (error) {
      this.#unsent.length = mark;
      throw error;
    } finally {
      this.#turnDepth -= 1;
      if (this.#turnDepth === 0) this.#send();
    }
  }

  /**
   * Does something after the turn, between the events that it published before and after this call, so that for
   * example grants change in order with the events (HUB-8). Call it inside {@link turn}.
   * @param act gets the seq of the last event before it
   */
  defer(act: (upTo: number) => void): void {
    const { head } = this.#ports.store.extent();
    this.#unsent.push(() => act(head));
  }

  /** Appends one event; call it inside {@link turn}. */
  publish(publication: Publication): Published {
    const { store, payloadBytes, clock, newId, isKnownEvent } = this.#ports;
    if (!isKnownEvent(publication.event)) return { kind: "refused", why: "unknown_event" };
    const payload = JSON.stringify(publication.payload);
    if (isLongerThan(payload, payloadBytes)) {
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
      except: publication.except ?? null,
      topic: publication.topic,
      trace: publication.trace ?? null,
    };
    store.append(entry);
    this.#unsent.push(entry);
    return { kind: "published", seq: entry.seq };
  }

  /**
   * Sends what turns have left, in their order. A turn that begins while something is sent, for example because
   * that closed a client, only adds to it.
   */
  #send(): void {
    if (this.#isSending) return;
    this.#isSending = true;
    try {
      while (this.#unsent.length > 0) {
        const [next] = this.#unsent;
        if (typeof next === "function") {
          this.#unsent.shift();
          this.#act(next);
          continue;
        }
        const acts = this.#unsent.findIndex((one) => typeof one === "function");
        const entries = this.#unsent.splice(0, acts === -1 ? this.#unsent.length : acts);
        this.#ports.onAppended(entries.filter((one) => typeof one !== "function"));
      }
    } finally {
      this.#isSending = false;
    }
  }

  /** A failure must not keep what comes after it from being sent: it is stored already. */
  #act(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#ports.onActFailed(error);
    }
  }
}

import { appendFileSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import type { OutboxEvent } from "../store/outbox.ts";

/** Size at which a new file is started, bytes; the last full file is kept. */
export const DEAD_LETTERS_MAX_BYTES = 10 * 1024 * 1024;

/** Stores events that the hub refused permanently, for a person to look at. */
export class DeadLetters {
  readonly #file: string;
  readonly #full: string;

  constructor(directory: string) {
    this.#file = join(directory, "dead-letters.jsonl");
    this.#full = join(directory, "dead-letters.old.jsonl");
  }

  /** Appends one line and flushes it to disk, because the event is deleted from the outbox afterwards. */
  keep(event: OutboxEvent, why: string, now: number): void {
    const size = statSync(this.#file, { throwIfNoEntry: false })?.size ?? 0;
    if (size > DEAD_LETTERS_MAX_BYTES) renameSync(this.#file, this.#full);
    const { id, guildId, ts, trace } = event;
    const line = JSON.stringify({
      time: new Date(now).toISOString(),
      why,
      id,
      guildId,
      event: event.event,
      ts,
      ...(trace === null ? {} : { trace }),
      payload: JSON.parse(event.payload),
    });
    appendFileSync(this.#file, `${line}\n`, { flush: true });
  }
}

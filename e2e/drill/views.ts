import type { JournalEntry } from "./journal.ts";

/** What a session may see, and to which channels it subscribed (null: all). */
type View = {
  readonly grants: ReadonlySet<string>;
  readonly channels: ReadonlySet<string> | null;
};

/**
 * The possible states of a session at the hub. A `subscribe` has no answer, and a `reauth` a late one:
 * between the frame and the proof that it was read, both the old and the new state are possible.
 */
export class Views {
  #possible: View[];
  /** The states that were possible at the last event: events skipped since then may belong to any of them. */
  #sinceLast: View[];
  /** The states after each pending `reauth`, the oldest first. */
  readonly #awaited: View[] = [];

  constructor(grants: readonly string[]) {
    this.#possible = [{ grants: new Set(grants), channels: null }];
    this.#sinceLast = this.#possible;
  }

  /** A copy of the current states. */
  copy(): Views {
    const copy = new Views([]);
    copy.#possible = this.#possible;
    copy.#sinceLast = this.#sinceLast;
    return copy;
  }

  /** A `subscribe` was sent. */
  narrow(channelIds: readonly string[]): void {
    const channels = channelIds.length === 0 ? null : new Set(channelIds);
    this.#add({ grants: this.#latest.grants, channels });
  }

  /** A `reauth` was sent. */
  renew(grants: readonly string[]): void {
    const view = { grants: new Set(grants), channels: this.#latest.channels };
    this.#add(view);
    this.#awaited.push(view);
  }

  /** `reauth.ok` arrived, so everything that was sent before was read as well. */
  renewed(): void {
    const view = this.#awaited.shift();
    if (view === undefined) return;
    this.#possible = this.#possible.slice(this.#possible.indexOf(view));
  }

  /** An event arrived: later skips depend only on the states that are possible from now on. */
  settle(): void {
    this.#sinceLast = this.#possible;
  }

  /** Whether an event that did not come was due in every state. */
  mustGet(entry: JournalEntry): boolean {
    return this.#sinceLast.every((view) => mayRead(view, entry) && wants(view, entry));
  }

  /** Whether an event that came may be read in one of the states. */
  mayRead(entry: Pick<JournalEntry, "audience">): boolean {
    return this.#possible.some((view) => mayRead(view, entry));
  }

  /** Whether one of the states subscribes to it. */
  mayWant(entry: JournalEntry): boolean {
    return this.#possible.some((view) => wants(view, entry));
  }

  get #latest(): View {
    return this.#possible.at(-1) ?? { grants: new Set(), channels: null };
  }

  #add(view: View): void {
    this.#possible = [...this.#possible, view];
    this.#sinceLast = [...this.#sinceLast, view];
  }
}

function mayRead({ grants }: View, { audience }: Pick<JournalEntry, "audience">): boolean {
  return audience === null || audience.some((grant) => grants.has(grant));
}

function wants({ channels }: View, { channelId }: JournalEntry): boolean {
  return channels === null || channelId === null || channels.has(channelId);
}

import type { JournalEntry } from "./journal.ts";

/** What a session may see, and what it has narrowed to (null: everything). */
type View = {
  readonly grants: ReadonlySet<string>;
  readonly channels: ReadonlySet<string> | null;
};

/**
 * What the hub may take a session for. A `subscribe` has no answer and a `reauth` a late one: between
 * the frame and the proof that it was read, both what held before and what holds then are possible.
 */
export class Views {
  #possible: View[];
  /** Those that were possible when the last event came: what was skipped since may be of any. */
  #sinceLast: View[];
  /** Views that sent `reauth`s lead to, the oldest first. */
  readonly #awaited: View[] = [];

  constructor(grants: readonly string[]) {
    this.#possible = [{ grants: new Set(grants), channels: null }];
    this.#sinceLast = this.#possible;
  }

  /** Views as they are now, for later. */
  copy(): Views {
    const copy = new Views([]);
    copy.#possible = this.#possible;
    copy.#sinceLast = this.#sinceLast;
    return copy;
  }

  /** `subscribe` was sent. */
  narrow(channelIds: readonly string[]): void {
    const channels = channelIds.length === 0 ? null : new Set(channelIds);
    this.#add({ grants: this.#latest.grants, channels });
  }

  /** `reauth` was sent. */
  renew(grants: readonly string[]): void {
    const view = { grants: new Set(grants), channels: this.#latest.channels };
    this.#add(view);
    this.#awaited.push(view);
  }

  /** `reauth.ok` came: everything that was sent before was read as well. */
  renewed(): void {
    const view = this.#awaited.shift();
    if (view === undefined) return;
    this.#possible = this.#possible.slice(this.#possible.indexOf(view));
  }

  /** An event came: what is skipped from now on, is skipped by what is possible from now on. */
  settle(): void {
    this.#sinceLast = this.#possible;
  }

  /** Whether an event that did not come should have. */
  mustGet(entry: JournalEntry): boolean {
    return this.#sinceLast.every((view) => mayRead(view, entry) && wants(view, entry));
  }

  /** Whether an event that came was for eyes of one of them. */
  mayRead(entry: Pick<JournalEntry, "audience">): boolean {
    return this.#possible.some((view) => mayRead(view, entry));
  }

  /** Whether one of them wants it. */
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

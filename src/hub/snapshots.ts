import type { SnapshotAt, SnapshotSource } from "./core/opening.ts";
import type { HubStore } from "./core/journal.ts";
import type { ExtensionTurns } from "./extension-turns.ts";
import type { HubExtension } from "./extension.ts";
import type { Audience } from "./publisher.ts";

/** A snapshot, and what its maker asked about its reader. */
type Made = {
  readonly at: SnapshotAt;
  readonly answers: readonly (readonly [Audience, boolean])[];
};

/**
 * The whole state as one reader may see it (HUB-4). Clients who are let in together share one snapshot if every
 * question about what they may read has the same answer for them (HUB-8). A snapshot is kept only until the present
 * event ends or a turn begins.
 */
export class Snapshots {
  readonly #store: Pick<HubStore, "extent">;
  readonly #turns: ExtensionTurns;
  readonly #extensions: () => readonly HubExtension[];
  #last: Made | null = null;

  constructor(parts: {
    readonly store: Pick<HubStore, "extent">;
    readonly turns: ExtensionTurns;
    readonly extensions: () => readonly HubExtension[];
  }) {
    this.#store = parts.store;
    this.#turns = parts.turns;
    this.#extensions = parts.extensions;
  }

  /** Makes the snapshot of a reader, or returns that of the reader before. */
  readonly of: SnapshotSource = (mayRead) => {
    const last = this.#last;
    if (last?.answers.every(([audience, answer]) => mayRead(audience) === answer) === true) {
      return last.at;
    }
    const answers: (readonly [Audience, boolean])[] = [];
    const at = this.#make((audience) => {
      const answer = mayRead(audience);
      // Everybody may read what has no audience.
      if (audience !== null) answers.push([audience, answer]);
      return answer;
    });
    // A microtask runs before any other event of the object.
    if (this.#last === null) queueMicrotask(() => this.forget());
    this.#last = { at, answers };
    return at;
  };

  /** Call it when the state may have changed. */
  forget(): void {
    this.#last = null;
  }

  #make(mayRead: (audience: Audience) => boolean): SnapshotAt {
    const parts = this.#extensions().map((one) => one.snapshot(this.#turns.of(one), mayRead));
    const state = Object.assign({}, ...parts) as Record<string, unknown>;
    return { seq: this.#store.extent().head, state };
  }
}

import { fullPlace, type DiscordAnswer, type DiscordCall, type DiscordFailure } from "./call.ts";

/** How often one named caller's call probes whether a full category has room again, milliseconds. */
export const FULL_KEPT_MS = 30_000;

/** Categories that are remembered. */
const CATEGORIES_MAX = 200;

type Full = {
  readonly refusal: DiscordFailure;
  /** When the next call may probe. */
  readonly askAt: number;
  /** Channels deleted since then. Each allows one call. */
  readonly freed: number;
};

/**
 * Categories that Discord reported as full. A refused call counts like any other, so matches that all try the
 * same full category would use up the limit twice. Times are milliseconds.
 */
export class FullCategories {
  readonly #full = new Map<string, Full>();

  /** The refusal that Discord would give; null: the call has to be sent. Calls for people are always sent. */
  refusalOf({ caller, within }: DiscordCall, now: number): DiscordFailure | null {
    if (caller === undefined || within === undefined) return null;
    const known = this.#full.get(within);
    if (known === undefined) return null;
    const { refusal, askAt, freed } = known;
    if (freed === 0 && now < askAt) return refusal;
    this.#full.set(within, {
      refusal,
      askAt: freed > 0 ? askAt : now + FULL_KEPT_MS,
      freed: Math.max(0, freed - 1),
    });
    return null;
  }

  /** Learns from an answer of Discord. */
  learn({ method, route, within }: DiscordCall, answer: DiscordAnswer, now: number): void {
    if (answer.kind === "answered") {
      // The answer does not name the category of the deleted channel, so it counts for all.
      if (method === "DELETE" && route === "/channels/:channelId") this.#free();
    } else if (within !== undefined && fullPlace(answer) === "category") {
      if (this.#full.size >= CATEGORIES_MAX) this.#full.clear();
      this.#full.set(within, { refusal: answer, askAt: now + FULL_KEPT_MS, freed: 0 });
    }
  }

  #free(): void {
    for (const [category, full] of this.#full) {
      this.#full.set(category, { ...full, freed: full.freed + 1 });
    }
  }
}

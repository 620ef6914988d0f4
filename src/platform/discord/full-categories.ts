import { fullPlace, type DiscordAnswer, type DiscordCall, type DiscordFailure } from "./call.ts";

/** So often a named caller finds out whether a full category has room again, milliseconds. */
export const FULL_KEPT_MS = 30_000;

/** Categories that are remembered. */
const CATEGORIES_MAX = 200;

type Full = {
  readonly refusal: DiscordFailure;
  /** When one may ask again. */
  readonly askAt: number;
  /** Channels that were deleted since: so many may ask now. */
  readonly freed: number;
};

/**
 * Categories that Discord called full. A refused call counts like any other, so that matches which all
 * ask for a place in the same full category would use the limit up twice. Times are milliseconds.
 */
export class FullCategories {
  readonly #full = new Map<string, Full>();

  /** What Discord would answer; null: it has to be asked. People's calls always ask. */
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

  /** Takes in what Discord answered. */
  learn({ method, route, within }: DiscordCall, answer: DiscordAnswer, now: number): void {
    if (answer.kind === "answered") {
      // Nobody knows which category a deleted channel was in.
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

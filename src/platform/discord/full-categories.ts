import { fullPlace, type DiscordAnswer, type DiscordCall, type DiscordFailure } from "./call.ts";

/** A category that Discord called full is not tried again by named callers for so long, milliseconds. */
export const FULL_KEPT_MS = 30_000;

/** Categories that are remembered. */
const CATEGORIES_MAX = 200;

/**
 * Categories that Discord called full. A refused call counts like any other, so that matches which all
 * ask for a place in the same full category would use the limit up twice. Times are milliseconds.
 */
export class FullCategories {
  readonly #full = new Map<string, { readonly refusal: DiscordFailure; readonly until: number }>();

  /** What Discord would answer; null: it has to be asked. People's calls always ask. */
  refusalOf({ caller, within }: DiscordCall, now: number): DiscordFailure | null {
    if (caller === undefined || within === undefined) return null;
    const known = this.#full.get(within);
    return known !== undefined && now < known.until ? known.refusal : null;
  }

  /** Takes in what Discord answered. */
  learn({ method, route, within }: DiscordCall, answer: DiscordAnswer, now: number): void {
    if (answer.kind === "answered") {
      // Nobody knows which category it was in.
      if (method === "DELETE" && route === "/channels/:channelId") this.#full.clear();
    } else if (within !== undefined && fullPlace(answer) === "category") {
      if (this.#full.size >= CATEGORIES_MAX) this.#full.clear();
      this.#full.set(within, { refusal: answer, until: now + FULL_KEPT_MS });
    }
  }
}

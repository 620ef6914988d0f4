import { z } from "zod";

const Match = z.object({ matchId: z.string(), version: z.number() });
const Player = z.object({ playerId: z.string(), nickname: z.string() });

/** A match as the local FACEIT tells of it. */
export type FaceitMatch = z.output<typeof Match>;

/** What a match may become. */
export type FaceitStatus = "CHECK_IN" | "READY" | "FINISHED";

/** The control calls of the local FACEIT that a run needs (dev/faceit/README.md). */
export class LocalFaceit {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  async addPlayer(nickname: string): Promise<string> {
    return Player.parse(await this.#post("/players", { nickname })).playerId;
  }

  /** Makes a match of which nobody is told. */
  async addMatch(faction1: readonly string[], faction2: readonly string[]): Promise<FaceitMatch> {
    const body = { rosters: { faction1, faction2 }, status: "CHECK_IN", silent: true };
    return Match.parse(await this.#post("/matches", body));
  }

  /** Moves a match on; the webhook that fits leaves at once. */
  async move(matchId: string, status: FaceitStatus): Promise<void> {
    await this.#post(`/matches/${matchId}/status`, { status });
  }

  async #post(path: string, body: unknown): Promise<unknown> {
    const response = await fetch(`${this.#url}/_control${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`the local FACEIT: ${path}: ${response.status} ${text}`);
    return JSON.parse(text);
  }
}

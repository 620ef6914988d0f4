import type { z } from "zod";
import { ControlClient } from "../doubles/control.ts";
import type { controlState, HandmadeWebhook, matchView } from "./control.ts";
import type { Move, NewMatch, Substitution } from "./model.ts";

/** A match in the local FACEIT's control API. */
export type FaceitMatch = ReturnType<typeof matchView>;

/** Calls the control API of the local FACEIT (README.md, Control API). */
export class FaceitControl extends ControlClient {
  /** The whole state. */
  state(): Promise<ReturnType<typeof controlState>> {
    return this.get("/state");
  }

  /** Creates an account and returns its id. */
  async createPlayer(nickname: string): Promise<string> {
    return (await this.post<{ playerId: string }>("/players", { nickname })).playerId;
  }

  /** Creates a match. Its webhooks are sent unless it is `silent`. */
  createMatch(match: z.input<typeof NewMatch> = {}): Promise<FaceitMatch> {
    return this.post("/matches", match);
  }

  /** Moves a match to a status. The status's webhook is sent unless the move is `silent`. */
  move(
    matchId: string,
    status: string,
    more: Omit<z.input<typeof Move>, "status"> = {},
  ): Promise<FaceitMatch> {
    return this.post(`/matches/${matchId}/status`, { status, ...more });
  }

  /** Replaces one player by another. No webhook is sent. */
  substitute(matchId: string, substitution: z.input<typeof Substitution>): Promise<FaceitMatch> {
    return this.post(`/matches/${matchId}/roster`, substitution);
  }

  /** Sends a webhook by hand and returns its event id. */
  async webhook(webhook: HandmadeWebhook): Promise<string> {
    return (await this.post<{ eventId: string }>("/webhook", webhook)).eventId;
  }

  /** Holds webhooks, or releases them in random order. */
  hold(hold: boolean): Promise<unknown> {
    return this.post("/hold", { hold });
  }
}

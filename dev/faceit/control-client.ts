import type { z } from "zod";
import { ControlClient } from "../doubles/control.ts";
import type { controlState, HandmadeWebhook, matchView } from "./control.ts";
import type { Move, NewMatch, Substitution } from "./model.ts";

/** A match as the local FACEIT's controls show it. */
export type FaceitMatch = ReturnType<typeof matchView>;

/** The local FACEIT as the person at its controls sees it (README.md, Control API). */
export class FaceitControl extends ControlClient {
  /** Everything it holds. */
  state(): Promise<ReturnType<typeof controlState>> {
    return this.get("/state");
  }

  /** Makes an account and returns its id. */
  async createPlayer(nickname: string): Promise<string> {
    return (await this.post<{ playerId: string }>("/players", { nickname })).playerId;
  }

  /** Makes a match; the webhooks that fit it are sent, unless it is `silent`. */
  createMatch(match: z.input<typeof NewMatch> = {}): Promise<FaceitMatch> {
    return this.post("/matches", match);
  }

  /** Moves a match to a status; the webhook that fits it is sent. */
  move(
    matchId: string,
    status: string,
    more: Omit<z.input<typeof Move>, "status"> = {},
  ): Promise<FaceitMatch> {
    return this.post(`/matches/${matchId}/status`, { status, ...more });
  }

  /** One player for another; no webhook tells of it. */
  substitute(matchId: string, substitution: z.input<typeof Substitution>): Promise<FaceitMatch> {
    return this.post(`/matches/${matchId}/roster`, substitution);
  }

  /** Sends a webhook by hand and returns its event id. */
  async webhook(webhook: HandmadeWebhook): Promise<string> {
    return (await this.post<{ eventId: string }>("/webhook", webhook)).eventId;
  }

  /** Keeps webhooks back, or lets them go, shuffled. */
  hold(hold: boolean): Promise<unknown> {
    return this.post("/hold", { hold });
  }
}

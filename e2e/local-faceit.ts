import { z } from "zod";
import type { Stack } from "./stack.ts";

const Side = z.object({
  name: z.string(),
  players: z.array(z.object({ playerId: z.string(), nickname: z.string() })),
});
const FaceitMatch = z.object({
  matchId: z.string(),
  version: z.number(),
  status: z.string(),
  factions: z.object({ faction1: Side, faction2: Side }),
});
const Delivery = z.object({
  event: z.string(),
  eventId: z.string(),
  matchId: z.string().nullable(),
  version: z.number().nullable(),
  state: z.enum(["waiting", "held", "sending", "delivered", "given_up"]),
  /** HTTP status of the newest answer. */
  status: z.number().nullable(),
  attempts: z.number(),
});
const State = z.object({
  accounts: z.array(z.object({ playerId: z.string(), nickname: z.string() })),
  matches: z.array(FaceitMatch),
  deliveries: z.array(Delivery),
});

/** A match as the local FACEIT's controls show it. */
export type FaceitMatch = z.infer<typeof FaceitMatch>;

/** A match that is to be made; what is absent is as usual. */
export type NewMatch = {
  /** Ids or nicknames. */
  readonly rosters?: {
    readonly faction1?: readonly string[];
    readonly faction2?: readonly string[];
  };
  readonly names?: { readonly faction1?: string; readonly faction2?: string };
  readonly competition?: { readonly id?: string; readonly name?: string };
  readonly organizerId?: string;
  readonly map?: string;
  /** CHECK_IN when absent. */
  readonly status?: string;
  /** RFC 3339. */
  readonly scheduledAt?: string;
  /** No webhook tells of it. */
  readonly silent?: boolean;
};

/** A webhook by hand. */
export type HandmadeWebhook = {
  readonly event: string;
  /** The newest match when absent; it need not exist. */
  readonly matchId?: string;
  /** So many copies. */
  readonly duplicate?: number;
  readonly delayMs?: number;
  /** Another one than the right one; null: none. */
  readonly secret?: string | null;
  readonly version?: number;
  readonly eventId?: string;
  /** Goes as it is. */
  readonly body?: unknown;
};

/** What the next calls of the Data API get. */
export type DataApiFault = {
  /** 0 closes the connection; 200 is only slow. */
  readonly status?: number;
  readonly times: number;
  readonly delayMs?: number;
  /** Seconds. */
  readonly retryAfter?: number;
};

/** The local FACEIT as the person at its controls sees it. */
export class LocalFaceit {
  readonly #stack: Stack;

  constructor(stack: Stack) {
    this.#stack = stack;
  }

  /** Everything it holds. */
  async state(): Promise<z.infer<typeof State>> {
    return State.parse(await this.#stack.faceitControl("GET", "/state"));
  }

  /** Makes an account and returns its id. */
  async createPlayer(nickname: string): Promise<string> {
    const made = await this.#stack.faceitControl("POST", "/players", { nickname });
    return z.object({ playerId: z.string() }).parse(made).playerId;
  }

  /** Makes a match. */
  async createMatch(match: NewMatch = {}): Promise<FaceitMatch> {
    return FaceitMatch.parse(await this.#stack.faceitControl("POST", "/matches", match));
  }

  /** Moves a match to a status; the webhook that fits it is sent. */
  async move(
    matchId: string,
    status: string,
    more: {
      readonly version?: number;
      readonly forfeit?: boolean;
      readonly silent?: boolean;
    } = {},
  ): Promise<FaceitMatch> {
    const path = `/matches/${matchId}/status`;
    return FaceitMatch.parse(await this.#stack.faceitControl("POST", path, { status, ...more }));
  }

  /** One player for another; no webhook tells of it. */
  async substitute(
    matchId: string,
    substitution: {
      readonly faction: "faction1" | "faction2";
      readonly out: string;
      readonly in: string;
    },
  ): Promise<FaceitMatch> {
    const path = `/matches/${matchId}/roster`;
    return FaceitMatch.parse(await this.#stack.faceitControl("POST", path, substitution));
  }

  /** The Data API does not know the match any more. */
  async deleteMatch(matchId: string): Promise<void> {
    await this.#stack.faceitControl("DELETE", `/matches/${matchId}`);
  }

  /** Sends a webhook by hand and returns its event id. */
  async webhook(webhook: HandmadeWebhook): Promise<string> {
    const sent = await this.#stack.faceitControl("POST", "/webhook", webhook);
    return z.object({ eventId: z.string() }).parse(sent).eventId;
  }

  /** Keeps webhooks back, or lets them go, shuffled. */
  async hold(hold: boolean): Promise<void> {
    await this.#stack.faceitControl("POST", "/hold", { hold });
  }

  /** Breaks the next calls of the Data API. */
  async dataApi(fault: DataApiFault): Promise<void> {
    await this.#stack.faceitControl("POST", "/api", fault);
  }
}

import { z } from "zod";
import { callControl } from "../doubles/control.ts";
import type { HandmadeWebhook } from "./control.ts";
import type { Move, NewMatch, Substitution } from "./model.ts";

const Player = z.object({ playerId: z.string(), nickname: z.string() });
const Side = z.object({ name: z.string(), players: z.array(Player) });
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
  accounts: z.array(Player),
  matches: z.array(FaceitMatch),
  deliveries: z.array(Delivery),
});

/** A match as the local FACEIT's controls show it. */
export type FaceitMatch = z.infer<typeof FaceitMatch>;

/** The local FACEIT as the person at its controls sees it (README.md, Control API). */
export class FaceitControl {
  readonly #double: { readonly url: string };

  /** @param double where the local FACEIT listens */
  constructor(double: { readonly url: string }) {
    this.#double = double;
  }

  /** Everything it holds. */
  async state(): Promise<z.infer<typeof State>> {
    return State.parse(await callControl(this.#double, "GET", "/state"));
  }

  /** Makes an account and returns its id. */
  async createPlayer(nickname: string): Promise<string> {
    return Player.parse(await this.#post("/players", { nickname })).playerId;
  }

  /** Makes a match; the webhooks that fit it are sent, unless it is `silent`. */
  async createMatch(match: z.input<typeof NewMatch> = {}): Promise<FaceitMatch> {
    return FaceitMatch.parse(await this.#post("/matches", match));
  }

  /** Moves a match to a status; the webhook that fits it is sent. */
  async move(
    matchId: string,
    status: string,
    more: Omit<z.input<typeof Move>, "status"> = {},
  ): Promise<FaceitMatch> {
    const path = `/matches/${matchId}/status`;
    return FaceitMatch.parse(await this.#post(path, { status, ...more }));
  }

  /** One player for another; no webhook tells of it. */
  async substitute(
    matchId: string,
    substitution: z.input<typeof Substitution>,
  ): Promise<FaceitMatch> {
    return FaceitMatch.parse(await this.#post(`/matches/${matchId}/roster`, substitution));
  }

  /** Sends a webhook by hand and returns its event id. */
  async webhook(webhook: HandmadeWebhook): Promise<string> {
    const sent = await this.#post("/webhook", webhook);
    return z.object({ eventId: z.string() }).parse(sent).eventId;
  }

  /** Keeps webhooks back, or lets them go, shuffled. */
  async hold(hold: boolean): Promise<void> {
    await this.#post("/hold", { hold });
  }

  #post(path: string, body: unknown): Promise<unknown> {
    return callControl(this.#double, "POST", path, body);
  }
}

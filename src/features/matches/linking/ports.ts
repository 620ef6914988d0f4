import type { Clock } from "../../../platform/clock.ts";
import type { Later } from "../../../platform/discord/interactions/slash-command.ts";
import type { NewMessage } from "../../../platform/discord/operations.ts";
import type { Result } from "../../../platform/result.ts";
import type { FaceitPlayer, MatchesStore, MatchRooms, PlayerLinks } from "../ports.ts";

/** What comes next: open the link, come back from Discord, come back from FACEIT. */
export type LinkStep = "open" | "discord" | "faceit";

/** A step of a linking that is under way. */
export type LinkAttempt = {
  /** Of the state that the browser carries, which itself is kept nowhere. */
  readonly stateHash: string;
  readonly step: LinkStep;
  /** Who used `/link`, and where. */
  readonly discordId: string;
  readonly guildId: string;
  /** Of the cookie of the browser that goes on; null before one has come. */
  readonly browserHash: string | null;
  /** Milliseconds; all steps of a linking share the end. */
  readonly expiresAt: number;
};

/** `link_attempts`. */
export interface LinkAttempts {
  /** Adds a step, and forgets those that are over. */
  add(attempt: LinkAttempt, now: number): Promise<void>;
  /** A step that may come more than once. */
  find(stateHash: string, step: LinkStep, now: number): Promise<LinkAttempt | null>;
  /** A step that counts once: of many who come with the same at the same time, one gets it. */
  take(stateHash: string, step: LinkStep, now: number): Promise<LinkAttempt | null>;
  /** Forgets all that somebody has begun. */
  forget(discordId: string): Promise<void>;
}

/** Why a provider did not say who somebody is. */
export type IdentityFailure =
  /** The code is not good (any more). */
  | { readonly kind: "bad_code" }
  /** It does not accept us: a wrong id, secret or scope. */
  | { readonly kind: "refused" }
  /** It asks for a pause; null: it does not say for how long. */
  | { readonly kind: "rate_limited"; readonly retryAfterMs: number | null }
  /** 5xx, no answer in time, or an answer that is none. */
  | { readonly kind: "failed" };

/** A Discord user. */
export type DiscordUser = { readonly id: string; readonly name: string };

/** Discord's OAuth2, scope `identify`. */
export interface DiscordIdentity {
  /** Where the browser goes to say who it is. */
  authorizeUrl(state: string): string;
  /** Who came back with this code. Nothing that Discord gives for it is kept. */
  whoIs(code: string): Promise<Result<DiscordUser, IdentityFailure>>;
}

/** FACEIT's OAuth2 with PKCE (§A1). */
export interface FaceitIdentity {
  /** @param challenge S256 of the verifier (RFC 7636 §4.2) */
  authorizeUrl(state: string, challenge: string): string;
  /** Who came back with this code. Nothing that FACEIT gives for it is kept. */
  whoIs(
    code: string,
    verifier: string,
  ): Promise<Result<FaceitPlayer, IdentityFailure | { readonly kind: "no_account_id" }>>;
}

/** What the steps of a linking need. */
export type LinkPorts = {
  readonly attempts: LinkAttempts;
  readonly discord: DiscordIdentity;
  readonly faceit: FaceitIdentity;
  readonly links: PlayerLinks;
  readonly matches: Pick<MatchesStore, "liveMatchesOf">;
  readonly rooms: MatchRooms;
  /** Never throws: somebody who takes no messages is no failure. */
  readonly tell: (discordId: string, message: NewMessage) => Promise<void>;
  readonly clock: Clock;
  /** 32 random bytes as base64url: a state, or a browser's cookie. */
  readonly newSecret: () => string;
  /** The PKCE verifier that belongs to a state. */
  readonly verifierOf: (state: string) => Promise<string>;
  readonly later: Later;
};

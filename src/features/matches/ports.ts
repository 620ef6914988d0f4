import type { Clock } from "../../platform/clock.ts";
import type { Later } from "../../platform/discord/interactions/slash-command.ts";
import type { HubEnv } from "../../hub/env.ts";
import type { DiscordClient, NewMessage } from "../../platform/discord/operations.ts";
import type { Result } from "../../platform/result.ts";
import type { Faction, Match } from "../../protocol/match.ts";
import type { MatchSettings } from "./config.ts";
import type { FaceitMatch } from "./faceit-match.ts";
import type { MatchesHub } from "./hub-commands.ts";

/** Why a request to FACEIT's Data API failed. */
export type FaceitFailure =
  | { readonly kind: "not_found" }
  /** 401 or 403: the key is wrong or lacks a permission. The next attempt waits longer. */
  | { readonly kind: "refused" }
  | { readonly kind: "rate_limited"; readonly retryAfterMs: number }
  /** 5xx, no answer in time, or an unusable answer. */
  | { readonly kind: "failed" };

/** A FACEIT account. */
export type FaceitPlayer = { readonly playerId: string; readonly nickname: string };

/** FACEIT's Data API, with the server's own key (matches-and-music.md §A2). */
export interface FaceitApi {
  match(matchId: string): Promise<Result<FaceitMatch, FaceitFailure>>;
  /** Null: no account has this nickname. */
  playerByNickname(nickname: string): Promise<Result<FaceitPlayer | null, FaceitFailure>>;
}

/** How a link was verified: the player signed in at FACEIT, or an administrator entered it. */
type VerifiedMethod = "oauth" | "manual";

/** A Discord user and their FACEIT account. */
export type PlayerLink = {
  readonly discordId: string;
  readonly faceitId: string;
  readonly nickname: string;
  readonly verifiedMethod: VerifiedMethod;
  /** Milliseconds since 1970. */
  readonly linkedAt: number;
};

/** The result of writing a link. */
type Linked =
  | {
      readonly kind: "linked";
      /** The FACEIT account that this Discord user had before, if another. */
      readonly replaced: string | null;
      /** The Discord user who had this FACEIT account before, if another. */
      readonly takenFrom: string | null;
    }
  /** A manual link never replaces one that was proven by OAuth. */
  | { readonly kind: "proven_by_other" };

/** The table `player_links`. */
export interface PlayerLinks {
  ofDiscord(discordId: string): Promise<PlayerLink | null>;
  /** The links of these FACEIT players, in any order; at most 100 ids. */
  ofPlayers(faceitIds: readonly string[]): Promise<readonly PlayerLink[]>;
  /**
   * Writes a link and its audit row in one transaction. A Discord user and a FACEIT account have one link at
   * most: the newest proof replaces the others, a manual link never replaces a proven one.
   * @param byDiscordId the Discord user who made the link
   */
  put(link: PlayerLink, byDiscordId: string): Promise<Linked>;
  /** @returns the link that was removed; null: there was none */
  remove(discordId: string, byDiscordId: string, now: number): Promise<PlayerLink | null>;
}

/** A match as it is stored: `inVoice` is empty, because only the guild's hub knows it. */
export type MatchRecord = Match;

/** A page of a guild's matches, newest first. */
export type MatchesQuery = {
  readonly guildId: string;
  readonly state: "live" | "ended";
  /** The last match of the previous page. */
  readonly before: { readonly createdAt: number; readonly matchId: string } | null;
  readonly limit: number;
};

/** A side's channel that exists or is being created: a row of `active_matches`. */
export type ActiveRoom = {
  readonly matchId: string;
  readonly faction: Faction;
  /** Null: an operator inserted the row by hand, so the row and its channel are left alone in every guild. */
  readonly guildId: string | null;
  /** Null: Discord has not answered the creation yet. */
  readonly channelId: string | null;
  /** Empty in a row that was inserted by hand. */
  readonly channelName: string;
};

/** The tables `matches` and `active_matches` (D1). */
export interface MatchesStore {
  /** Writes the copy of a match, unless the stored revision is the same or newer. */
  write(record: MatchRecord): Promise<void>;
  get(guildId: string, matchId: string): Promise<MatchRecord | null>;
  list(query: MatchesQuery): Promise<readonly MatchRecord[]>;
  /** Ids of live matches in which any of these players plays, in whatever guild. */
  liveMatchesOf(faceitIds: readonly string[]): Promise<readonly string[]>;
  /**
   * Reserves a channel's name for a side, before Discord is asked for the channel. Safe to repeat.
   * @returns `taken` if another side has this name
   */
  reserve(room: ActiveRoom & { readonly guildId: string }, now: number): Promise<"ours" | "taken">;
  /** Records the channel that Discord created. */
  opened(matchId: string, faction: Faction, channelId: string): Promise<void>;
  /** Removes a side's row after its channel is gone. */
  released(matchId: string, faction: Faction): Promise<void>;
  /** All rows of a guild, and those without a guild, for the sweep. */
  roomsOf(guildId: string): Promise<readonly ActiveRoom[]>;
}

/** A problem that affects all matches of a guild until an operator fixes it. */
export type GuildTrouble = {
  readonly guildId: string;
  readonly kind: string;
  /** The id that a variable names; empty if the trouble is not about a variable. */
  readonly subject: string;
};

/** The table `match_troubles`: what operators have to fix. */
export interface MatchTroubles {
  /** @returns whether to post it: it is new, about another id, or was last posted long ago */
  add(trouble: GuildTrouble, now: number): Promise<boolean>;
  /** Removes troubles that are over, or that could not be posted. @param guildId null: in all guilds */
  remove(guildId: string | null, ...kinds: readonly string[]): Promise<void>;
  all(): Promise<readonly (GuildTrouble & { readonly toldAt: number })[]>;
}

/** The next step of linking: open the link, return from Discord, return from FACEIT. */
export type LinkStep = "open" | "discord" | "faceit";

/** One pending step of linking an account. */
export type LinkAttempt = {
  /** Hash of the OAuth state. The state itself is only in the browser. */
  readonly stateHash: string;
  readonly step: LinkStep;
  /** The Discord user who used `/link`. */
  readonly discordId: string;
  /** The guild in which `/link` was used. */
  readonly guildId: string;
  /** Hash of the cookie of the browser that opened the link; null before that. */
  readonly browserHash: string | null;
  /** Milliseconds since 1970; the same for all steps of one linking. */
  readonly expiresAt: number;
};

/** The table `link_attempts`. */
export interface LinkAttempts {
  /** Adds a step, and deletes expired ones. */
  add(attempt: LinkAttempt, now: number): Promise<void>;
  /** Finds a step without using it up. */
  find(stateHash: string, step: LinkStep, now: number): Promise<LinkAttempt | null>;
  /** Finds a step and uses it up: of several concurrent calls one gets it. */
  take(stateHash: string, step: LinkStep, now: number): Promise<LinkAttempt | null>;
  /** Deletes all steps of a Discord user. */
  forget(discordId: string): Promise<void>;
}

/** Why an identity provider did not identify somebody. */
export type IdentityFailure =
  /** The authorization code is invalid or expired. */
  | { readonly kind: "bad_code" }
  /** The provider does not accept our client: a wrong id, secret or scope. */
  | { readonly kind: "refused" }
  /** The provider asks for a pause; null: it does not say for how long. */
  | { readonly kind: "rate_limited"; readonly retryAfterMs: number | null }
  /** 5xx, no answer in time, or an unusable answer. */
  | { readonly kind: "failed" };

/** A Discord user. */
export type DiscordUser = { readonly id: string; readonly name: string };

/** Discord's OAuth2, scope `identify`. */
export interface DiscordIdentity {
  /** The address where the user signs in. */
  authorizeUrl(state: string): string;
  /** The user behind an authorization code. Discord's tokens are not kept. */
  whoIs(code: string): Promise<Result<DiscordUser, IdentityFailure>>;
}

/** FACEIT's OAuth2 with PKCE (§A1). */
export interface FaceitIdentity {
  /** @param challenge S256 of the verifier (RFC 7636 §4.2) */
  authorizeUrl(state: string, challenge: string): string;
  /** The account behind an authorization code. FACEIT's tokens are not kept. */
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
  /**
   * Wakes the live matches of these players because a link changed, so that they let somebody in or out. Never
   * rejects: a match also wakes by itself.
   */
  readonly tellMatches: (faceitIds: readonly string[]) => Promise<void>;
  /** Sends a direct message. Never throws: some users accept none. */
  readonly tell: (discordId: string, message: NewMessage) => Promise<void>;
  readonly clock: Clock;
  /** 32 random bytes as base64url: a state, or a browser's cookie. */
  readonly newSecret: () => string;
  /** The PKCE verifier that belongs to a state. */
  readonly verifierOf: (state: string) => Promise<string>;
  readonly later: Later;
};

/** What the slash commands need. */
export type CommandPorts = Pick<
  LinkPorts,
  "attempts" | "links" | "tellMatches" | "clock" | "newSecret" | "later"
> & {
  readonly faceit: Pick<FaceitApi, "playerByNickname">;
  /** Address of the page that begins a linking, or the variables that are missing for it. */
  readonly linkPage: Result<string, readonly string[]>;
  /** Whether this deployment serves the guild: a bot can be invited to any. */
  readonly isServed: (guildId: string) => boolean;
  /** Whether administrators of this guild may register links, which then hold in every guild. */
  readonly mayRegister: (guildId: string) => boolean;
  /** Whether a user is in a guild; null: Discord did not answer. */
  readonly isMember: (guildId: string, discordId: string) => Promise<boolean | null>;
  /** Counts against a user's limit of `/link`, and answers whether it is kept. */
  readonly mayBegin: (discordId: string) => Promise<boolean>;
  /** The same for a user's limit of look-ups at FACEIT. */
  readonly mayLookUp: (discordId: string) => Promise<boolean>;
};

/** What the read-only routes need. */
export type ReadPorts = {
  readonly store: Pick<MatchesStore, "get" | "list">;
  readonly hub: Pick<MatchesHub, "inVoice">;
  readonly primaryGuildId: string;
};

/** What a match asks of Discord. */
export type MatchDiscord = Pick<
  DiscordClient,
  | "botUserId"
  | "createVoiceChannel"
  | "deleteChannel"
  | "listChannels"
  | "setOverwrite"
  | "removeOverwrite"
  | "moveMember"
  | "sendDirectMessage"
  | "sendMessage"
>;

/** What running an action needs. */
export type PerformPorts = {
  readonly faceit: FaceitApi;
  readonly discord: MatchDiscord;
  readonly store: MatchesStore;
  readonly troubles: Pick<MatchTroubles, "add" | "remove">;
  readonly hub: Pick<MatchesHub, "put" | "channelGone">;
  readonly settingsOf: (guildId: string) => MatchSettings;
  /** The guild that plays a match of these owners; null: none of our guilds. */
  readonly guildOf: (owners: readonly string[]) => string | null;
  readonly clock: Clock;
};

/** What the Durable Object of a match needs. */
export type RoomPorts = PerformPorts & {
  readonly hub: MatchesHub;
  readonly links: Pick<PlayerLinks, "ofPlayers">;
  /** Whether there is a key for FACEIT's Data API. */
  readonly hasApi: boolean;
};

/** What the matches part of a hub needs from outside the hub. */
export type MatchesHubPorts = {
  /**
   * Wakes a match because something in Discord concerns it. If it rejects, the hub calls it again soon.
   * @param record a live match, as last put into the hub
   * @param channels whether a channel of the match may have been deleted
   */
  readonly look: (env: HubEnv, record: MatchRecord, channels: boolean) => Promise<void>;
  /** Deletes our channels that no match owns. */
  readonly sweep: (env: HubEnv, guildId: string) => Promise<void>;
};

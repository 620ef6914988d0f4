import type { Clock } from "../../platform/clock.ts";
import type { Later } from "../../platform/discord/interactions/slash-command.ts";
import type { HubEnv } from "../../hub/env.ts";
import type { DiscordClient, NewMessage } from "../../platform/discord/operations.ts";
import type { Result } from "../../platform/result.ts";
import type { Faction, Match } from "../../protocol/match.ts";
import type { MatchSettings } from "./config.ts";
import type { FaceitMatch } from "./faceit-match.ts";

/** Why FACEIT did not give what was asked for. */
export type FaceitFailure =
  | { readonly kind: "not_found" }
  /** 401 or 403: the key is wrong, or may not do this. Nobody asks again for a while. */
  | { readonly kind: "refused" }
  | { readonly kind: "rate_limited"; readonly retryAfterMs: number }
  /** 5xx, no answer in time, or an answer that is none. */
  | { readonly kind: "failed" };

/** Somebody at FACEIT. */
export type FaceitPlayer = { readonly playerId: string; readonly nickname: string };

/** FACEIT's Data API, with the server's own key (matches-and-music.md §A2). */
export interface FaceitApi {
  match(matchId: string): Promise<Result<FaceitMatch, FaceitFailure>>;
  /** Null: nobody has this nickname. */
  playerByNickname(nickname: string): Promise<Result<FaceitPlayer | null, FaceitFailure>>;
}

/** How a link was proven: by signing in at FACEIT, or by an administrator's word. */
export type VerifiedMethod = "oauth" | "manual";

/** Which Discord user is which FACEIT player. */
export type PlayerLink = {
  readonly discordId: string;
  readonly faceitId: string;
  readonly nickname: string;
  readonly verifiedMethod: VerifiedMethod;
  /** Milliseconds. */
  readonly linkedAt: number;
};

/** What became of a link that was to be written. */
export type Linked =
  | {
      readonly kind: "linked";
      /** The FACEIT account that this Discord user had before, if another. */
      readonly replaced: string | null;
      /** The Discord user who had this FACEIT account before, if another. */
      readonly takenFrom: string | null;
    }
  /** A link by hand does not take the place of one that was proven. */
  | { readonly kind: "proven_by_other" };

/** `player_links`. */
export interface PlayerLinks {
  ofDiscord(discordId: string): Promise<PlayerLink | null>;
  /** The links of these FACEIT players, in any order; at most 100 ids. */
  ofPlayers(faceitIds: readonly string[]): Promise<readonly PlayerLink[]>;
  /**
   * Writes a link, and its audit row, in one transaction. Each side is linked once: the newest proof
   * takes over, a link by hand never takes the place of a proven one.
   * @param byDiscordId who did it
   */
  put(link: PlayerLink, byDiscordId: string): Promise<Linked>;
  /** @returns the link that is gone now; null: there was none */
  remove(discordId: string, byDiscordId: string, now: number): Promise<PlayerLink | null>;
}

/** A match without who is in voice, which only the guild's hub knows. */
export type MatchRecord = Match;

/** A page of a guild's matches, newest first. */
export type MatchesQuery = {
  readonly guildId: string;
  readonly state: "live" | "ended";
  /** Where the page before ended. */
  readonly before: { readonly createdAt: number; readonly matchId: string } | null;
  readonly limit: number;
};

/** A channel that is there or being made: a row of `active_matches`. */
export type ActiveRoom = {
  readonly matchId: string;
  readonly faction: Faction;
  /** Null: somebody wrote the row by hand, so it and its channel are left alone in every guild. */
  readonly guildId: string | null;
  /** Null: Discord was asked, and nobody knows yet. */
  readonly channelId: string | null;
  /** Empty in a row that somebody wrote by hand. */
  readonly channelName: string;
};

/** The tables `matches` and `active_matches` (D1). */
export interface MatchesStore {
  /** Writes the copy of a match, unless a newer revision stands there. */
  write(record: MatchRecord): Promise<void>;
  get(guildId: string, matchId: string): Promise<MatchRecord | null>;
  list(query: MatchesQuery): Promise<readonly MatchRecord[]>;
  /** Ids of live matches in which one of these players plays. */
  liveMatchesOf(faceitIds: readonly string[]): Promise<readonly string[]>;
  /**
   * Before Discord is asked for a channel: the name is this side's from now on. The same again is right.
   * @returns `taken` when another match has this name
   */
  reserve(room: ActiveRoom & { readonly guildId: string }, now: number): Promise<"ours" | "taken">;
  /** The channel is there. */
  opened(matchId: string, faction: Faction, channelId: string): Promise<void>;
  /** The channel is gone. */
  released(matchId: string, faction: Faction): Promise<void>;
  /** All rows of a guild, and those that name none, for the sweep. */
  roomsOf(guildId: string): Promise<readonly ActiveRoom[]>;
}

/** Something that keeps a guild's matches from being played out as they are set up. */
export type GuildTrouble = {
  readonly guildId: string;
  readonly kind: string;
  /** The id that a variable names; empty for what is of no variable. */
  readonly subject: string;
};

/** `match_troubles`: what operators have to mend. */
export interface MatchTroubles {
  /** @returns whether it is to be told: it is new, about another id, or was told long ago */
  add(trouble: GuildTrouble, now: number): Promise<boolean>;
  /** These are mended, or were not told after all. @param guildId null: in all guilds */
  remove(guildId: string | null, ...kinds: readonly string[]): Promise<void>;
  all(): Promise<readonly (GuildTrouble & { readonly toldAt: number })[]>;
}

/** Where somebody is: the voice channel, as the gateway last told. */
export type Whereabouts = { readonly userId: string; readonly channelId: string };

/** Who is in the channels of a match. */
export type SidesInVoice = Readonly<Record<Faction, readonly string[]>> & {
  /** Those of them who are bots: no channel stays open for them. */
  readonly bots: readonly string[];
  /** Nobody else can be there: the gateway is connected, and a snapshot was applied since. */
  readonly isKnown: boolean;
};

/** The matches part of a guild's hub: it tells clients, and knows who is in voice. */
export interface MatchesHub {
  /**
   * What a match is now. The hub tells clients what is different; an older revision changes nothing.
   * Safe to repeat.
   */
  put(record: MatchRecord): Promise<void>;
  /** Those of the users who are in voice. */
  whereabouts(guildId: string, userIds: readonly string[]): Promise<readonly Whereabouts[]>;
  /**
   * We deleted this channel: nobody is in it any more, also when Discord does not say so. Best effort, never
   * rejects: the next snapshot says the same.
   */
  channelGone(guildId: string, channelId: string): Promise<void>;
  /** Deletes channels of ours that no match owns. Safe to repeat. */
  sweep(guildId: string): Promise<void>;
  /** Who is in the channels of these matches: by match id. */
  inVoice(guildId: string, matchIds: readonly string[]): Promise<ReadonlyMap<string, SidesInVoice>>;
}

/** Tells the rooms of matches that something changed. Best effort: each also looks by itself. */
export interface MatchRooms {
  look(matchIds: readonly string[]): Promise<void>;
}

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

/** What the slash commands need. */
export type CommandPorts = Pick<
  LinkPorts,
  "attempts" | "links" | "matches" | "rooms" | "clock" | "newSecret" | "later"
> & {
  readonly faceit: Pick<FaceitApi, "playerByNickname">;
  /** Address of the page that begins a linking, or the variables that are missing for it. */
  readonly linkPage: Result<string, readonly string[]>;
  /** Whether this deployment is for that guild: a bot may be invited anywhere. */
  readonly isServed: (guildId: string) => boolean;
  /** Whether an administrator's word counts here: it counts in every guild, so not from each. */
  readonly mayRegister: (guildId: string) => boolean;
  /** Whether somebody is in a guild; null: Discord does not say. */
  readonly isMember: (guildId: string, discordId: string) => Promise<boolean | null>;
  /** Takes one of somebody's linkings, and of their look-ups at FACEIT. */
  readonly mayBegin: (discordId: string) => Promise<boolean>;
  readonly mayLookUp: (discordId: string) => Promise<boolean>;
};

/** What the routes that only read need. */
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

/** What doing things needs. */
export type PerformPorts = {
  readonly faceit: FaceitApi;
  readonly discord: MatchDiscord;
  readonly store: MatchesStore;
  readonly troubles: Pick<MatchTroubles, "add" | "remove">;
  readonly hub: Pick<MatchesHub, "put" | "channelGone">;
  /** How the guild plays its matches out. */
  readonly settingsOf: (guildId: string) => MatchSettings;
  /** The guild that plays a match of these owners; null: nobody of ours. */
  readonly guildOf: (owners: readonly string[]) => string | null;
  readonly clock: Clock;
};

/** What the room of a match needs. */
export type RoomPorts = PerformPorts & {
  readonly hub: MatchesHub;
  readonly links: Pick<PlayerLinks, "ofPlayers">;
  /** Whether FACEIT can be asked. */
  readonly hasApi: boolean;
};

/** What the hub asks of the rest when something is due. */
export type MatchesHubPorts = {
  /**
   * Something happened in Discord that concerns this match: its room looks. When it rejects, it is
   * called again soon.
   * @param record a live match, as the hub was told
   * @param channels whether a channel of the match may be gone
   */
  readonly look: (env: HubEnv, record: MatchRecord, channels: boolean) => Promise<void>;
  /** Removes channels of ours that no match owns. */
  readonly sweep: (env: HubEnv, guildId: string) => Promise<void>;
};

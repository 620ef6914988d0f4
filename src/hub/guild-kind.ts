import { guildFor, type Principal } from "../platform/auth/principal.ts";
import type { TokenFailure } from "../platform/auth/verify-token.ts";
import { err, type Result } from "../platform/result.ts";
import {
  CLIENT_FRAMES_PER_WINDOW,
  CLIENT_FRAME_MAX_BYTES,
  CLIENT_FRAME_WINDOW_MS,
  CREDIT_WINDOW_BYTES,
  CREDIT_WINDOW_EVENTS,
  JOURNAL_MAX_AGE_MS,
  JOURNAL_MAX_BYTES,
  JOURNAL_MAX_EVENTS,
  SOCKETS_PER_OBJECT,
  SOCKETS_PER_USER,
  UNACKNOWLEDGED_BYTES_MAX,
} from "../protocol/limits.ts";
import type { StreamKind } from "./core/kind.ts";
import type { SessionIdentity } from "./core/session.ts";
import { GUILD_DIALECT } from "./dialects/guild.ts";
import type { HubEnv } from "./env.ts";
import { guildConfigOf } from "./guild-config.ts";
import { identityOf } from "./handover.ts";
import type { HubKind, TokenRefusal } from "./kind.ts";

/** How the hubs of guilds serve their clients (rooms.md §2). */
export const GUILD_STREAM: StreamKind = {
  name: "guild",
  dialects: [GUILD_DIALECT],
  limits: {
    sockets: SOCKETS_PER_OBJECT,
    socketsPerUser: SOCKETS_PER_USER,
    frameBytes: CLIENT_FRAME_MAX_BYTES,
    framesPerWindow: CLIENT_FRAMES_PER_WINDOW,
    windowMs: CLIENT_FRAME_WINDOW_MS,
    windowBytes: CREDIT_WINDOW_BYTES,
    windowEvents: CREDIT_WINDOW_EVENTS,
    unacknowledgedBytes: UNACKNOWLEDGED_BYTES_MAX,
  },
  journal: {
    maxAgeMs: JOURNAL_MAX_AGE_MS,
    maxEvents: JOURNAL_MAX_EVENTS,
    maxBytes: JOURNAL_MAX_BYTES,
  },
  presencePayload: (guildId, presence) => JSON.stringify({ guildId, ...presence }),
};

/** Where the hubs of guilds are. It is apart, so that who only calls them does not load the check of tokens. */
export const GUILD_HUBS = {
  name: GUILD_STREAM.name,
  hubs: ({ HUB }: HubEnv) => HUB,
  relays: ({ RELAY }: HubEnv) => RELAY,
} as const;

/**
 * The hubs of guilds, named by the guild's Discord id, with rooms, matches and music (ARCHITECTURE.md §1).
 * @param verify checks a token of the identity provider. Never rejects
 */
export function guildKind(
  verify: (env: HubEnv, token: string) => Promise<Result<Principal, TokenFailure>>,
): HubKind {
  return {
    ...GUILD_STREAM,
    ...GUILD_HUBS,
    async authenticate(env, guildId, token, now) {
      const principal = await verify(env, token);
      if (principal.ok) return memberOf(env, guildId, principal.value, now);
      // Without the provider's keys the token cannot be checked: the client tries again with it.
      return err(principal.error.reason === "keys_unavailable" ? "overloaded" : "unauthorized");
    },
    isAlwaysServed: (env, guildId) => guildId === guildConfigOf(env).primaryGuildId,
  };
}

/** The session of a principal in a guild's hub. @param now milliseconds */
function memberOf(
  env: HubEnv,
  guildId: string,
  principal: Principal,
  now: number,
): Result<SessionIdentity, TokenRefusal> {
  const { primaryGuildId } = guildConfigOf(env);
  const identity = identityOf(principal, now);
  if (!identity.ok) return err(identity.error === "expired" ? "unauthorized" : "forbidden");
  const isMember = guildFor(principal, guildId, primaryGuildId) === guildId;
  return isMember ? identity : err("forbidden");
}

import { guildFor, type Principal } from "../platform/auth/principal.ts";
import type { TokenFailure } from "../platform/auth/verify-token.ts";
import { CONNECTIONS } from "../platform/http/limit-user.ts";
import { err, ok, type Result } from "../platform/result.ts";
import { PING_FRAME, PONG_FRAME } from "../protocol/frames.ts";
import {
  BAD_FRAMES_MAX,
  CLIENT_FRAMES_PER_WINDOW,
  CLIENT_FRAME_MAX_BYTES,
  CLIENT_FRAME_WINDOW_MS,
  CREDIT_WINDOW_BYTES,
  CREDIT_WINDOW_EVENTS,
  EVENT_PAYLOAD_MAX_BYTES,
  JOURNAL_MAX_AGE_MS,
  JOURNAL_MAX_BYTES,
  JOURNAL_MAX_EVENTS,
  SOCKETS_PER_OBJECT,
  SOCKETS_PER_USER,
  UNACKNOWLEDGED_BYTES_MAX,
  UNAUTHENTICATED_FRAMES_MAX,
} from "../protocol/limits.ts";
import type { StreamKind } from "./core/stream-kind.ts";
import { GUILD_DIALECT } from "./dialects/guild.ts";
import { SOCKET_IO_DIALECT } from "./dialects/socket-io.ts";
import type { HubEnv } from "./env.ts";
import { guildConfigOf } from "./guild-config.ts";
import { identityOf } from "./handover.ts";
import type { Admitted, HubKind, TokenRefusal } from "./kind.ts";

/** How the hubs of guilds serve their clients (rooms.md §2). */
export const GUILD_STREAM: StreamKind = {
  name: "guild",
  dialects: [GUILD_DIALECT, SOCKET_IO_DIALECT],
  limits: {
    sockets: SOCKETS_PER_OBJECT,
    socketsPerUser: SOCKETS_PER_USER,
    frameBytes: CLIENT_FRAME_MAX_BYTES,
    framesPerWindow: CLIENT_FRAMES_PER_WINDOW,
    windowMs: CLIENT_FRAME_WINDOW_MS,
    framesBeforeAuth: UNAUTHENTICATED_FRAMES_MAX,
    badFrames: BAD_FRAMES_MAX,
    windowBytes: CREDIT_WINDOW_BYTES,
    windowEvents: CREDIT_WINDOW_EVENTS,
    unacknowledgedBytes: UNACKNOWLEDGED_BYTES_MAX,
    payloadBytes: EVENT_PAYLOAD_MAX_BYTES,
  },
  ping: { request: PING_FRAME, answer: PONG_FRAME },
  journal: {
    maxAgeMs: JOURNAL_MAX_AGE_MS,
    maxEvents: JOURNAL_MAX_EVENTS,
    maxBytes: JOURNAL_MAX_BYTES,
  },
  presencePayload: (guildId, presence) => JSON.stringify({ guildId, ...presence }),
};

/** Where the hubs of guilds are. Separate from the kind, so that callers do not load token verification. */
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
    async authenticate(env, token, now, guildId) {
      const principal = await verify(env, token);
      if (principal.ok) return memberOf(env, principal.value, now, guildId);
      // Without the provider's keys the token cannot be checked: the client tries again with it.
      return err(principal.error.reason === "keys_unavailable" ? "overloaded" : "unauthorized");
    },
    parameter: "guildId",
    connects: CONNECTIONS,
    isAlwaysServed: (env, guildId) => guildId === guildConfigOf(env).primaryGuildId,
  };
}

/**
 * The session of a principal in a guild's hub.
 * @param now milliseconds
 * @param asked the guild that it asks for; absent: the primary one
 */
function memberOf(
  env: HubEnv,
  principal: Principal,
  now: number,
  asked: string | undefined,
): Result<Admitted, TokenRefusal> {
  const { primaryGuildId } = guildConfigOf(env);
  const identity = identityOf(principal, now);
  if (!identity.ok) return err(identity.error === "expired" ? "unauthorized" : "forbidden");
  const hub = guildFor(principal, asked, primaryGuildId);
  return hub === undefined ? err("forbidden") : ok({ hub, identity: identity.value });
}

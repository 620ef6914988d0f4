import type { HubKind, TokenRefusal } from "../../hub/kind.ts";
import { countedAs, type UserLimit } from "../../platform/http/limit-user.ts";
import { type Clock, systemClock } from "../../platform/clock.ts";
import { err, ok, type Result } from "../../platform/result.ts";
import {
  CLIENT_FRAME_WINDOW_MS,
  CREDIT_WINDOW_EVENTS,
  SOCKETS_PER_OBJECT,
  SYNC_CONNECTIONS_PER_MINUTE,
  SYNC_FRAME_MAX_BYTES,
  SYNC_FRAMES_BEFORE_AUTH,
  SYNC_FRAMES_PER_WINDOW,
  SYNC_JOURNAL_MAX_AGE_MS,
  SYNC_JOURNAL_MAX_BYTES,
  SYNC_JOURNAL_MAX_EVENTS,
  SYNC_SOCKETS_PER_ACCOUNT,
  SYNC_UNACKNOWLEDGED_BYTES_MAX,
  SYNC_UPDATE_MAX_BYTES,
  SYNC_WINDOW_BYTES,
} from "../../protocol/limits.ts";
import { aliveFilter } from "./alive-filter.ts";
import { HAPPY_SOCKET_IO_DIALECT } from "./dialects/happy-socket-io.ts";
import { NATIVE_PING, nativeDialect } from "./dialects/native.ts";
import type { VerifiedOwner } from "./auth/token-cache.ts";
import { scopeFrom } from "./scope.ts";

/** How often an account may connect. */
export const SYNC_CONNECTIONS: UserLimit = {
  name: "sync-connections",
  perMinute: SYNC_CONNECTIONS_PER_MINUTE,
};

/** Checks a token of an account. Never rejects. */
type Verify = (
  ...asked: Parameters<HubKind["authenticate"]>
) => Promise<Result<VerifiedOwner, "invalid">>;

/**
 * The hubs of accounts, named by the account's id (sync.md §0a).
 * @param clock what native clients are told the time by
 */
export function userKind(
  at: Pick<HubKind, "name" | "hubs">,
  verify: Verify,
  clock: Clock = systemClock,
): HubKind {
  return {
    ...at,
    dialects: [nativeDialect(clock), HAPPY_SOCKET_IO_DIALECT],
    limits: {
      sockets: SOCKETS_PER_OBJECT,
      // One more is refused by the extension, before it is counted here.
      socketsPerUser: SYNC_SOCKETS_PER_ACCOUNT,
      frameBytes: SYNC_FRAME_MAX_BYTES,
      framesPerWindow: SYNC_FRAMES_PER_WINDOW,
      windowMs: CLIENT_FRAME_WINDOW_MS,
      framesBeforeAuth: SYNC_FRAMES_BEFORE_AUTH,
      // The contract answers an unreadable frame and leaves the socket open (sync.md §6.5).
      badFrames: Number.POSITIVE_INFINITY,
      windowBytes: SYNC_WINDOW_BYTES,
      windowEvents: CREDIT_WINDOW_EVENTS,
      unacknowledgedBytes: SYNC_UNACKNOWLEDGED_BYTES_MAX,
      payloadBytes: SYNC_UPDATE_MAX_BYTES,
    },
    ping: NATIVE_PING,
    journal: {
      maxAgeMs: SYNC_JOURNAL_MAX_AGE_MS,
      maxEvents: SYNC_JOURNAL_MAX_EVENTS,
      maxBytes: SYNC_JOURNAL_MAX_BYTES,
    },
    presencePayload: (account, { count }) => JSON.stringify({ account, count }),
    connects: SYNC_CONNECTIONS,
    absorber: aliveFilter,
    isAlwaysServed: () => true,
    // A hub that sleeps between two beats would write more for its wakes than for the beats.
    countsWakes: false,

    authenticate: async (...asked) => {
      const owner = await verify(...asked);
      return owner.ok ? ok(admitted(owner.value, asked[4])) : err<TokenRefusal>("unauthorized");
    },
  };
}

/** Whom a token lets in, and as what. @param about what the client says of itself */
export function admitted({ account, epoch, exp }: VerifiedOwner, about: unknown) {
  const scope = scopeFrom(about, epoch);
  const identity = { sub: account, grants: [], exp, scope };
  return { hub: account, identity, countedAs: countedAs({ sub: account, epoch }) };
}

import { hubEnv } from "../../hub/env.ts";
import { hubPublisher } from "../../hub/hub-client.ts";
import type { HubKind } from "../../hub/kind.ts";
import type { PlatformEnv } from "../../platform/env.ts";
import { d1Accounts } from "./adapters/d1-accounts.ts";
import { d1Friends } from "./adapters/d1-friends.ts";
import { d1Outbox } from "./adapters/d1-outbox.ts";
import { type ArtifactClaims, d1Claims } from "./adapters/d1-claims.ts";
import { d1Pairings } from "./adapters/d1-pairings.ts";
import { d1Users } from "./adapters/d1-users.ts";
import { accountTokens, type Tokens } from "./auth/tokens.ts";
import { syncConfigOf, type SyncConfig } from "./config.ts";
import { accountHubs } from "./hub-commands.ts";
import type { Copies } from "./in-hub/copies.ts";
import { userKind } from "./user-kind.ts";
import { USER_HUBS } from "./env.ts";

/** One for each configuration: another secret accepts other tokens. They remember what they have verified. */
const tokens = new WeakMap<SyncConfig, Tokens>();

/** The tokens of a deployment. */
export function tokensOf(env: PlatformEnv): Tokens {
  const config = syncConfigOf(env);
  const before = tokens.get(config);
  if (before !== undefined) return before;
  const made = accountTokens(config.masterSecret, config.tokenTtlSeconds);
  tokens.set(config, made);
  return made;
}

/** The hubs of accounts, whose clients come with the tokens of this deployment. */
export const USER_KIND: HubKind = userKind(USER_HUBS, (env, token, now) =>
  tokensOf(env).verify(token, now),
);

/** What the routes need, in a deployment. */
export function portsOf(env: PlatformEnv) {
  const { masterSecret, tokenTtlSeconds } = syncConfigOf(env);
  return {
    accounts: d1Accounts(env.DB),
    pairings: d1Pairings(env.DB),
    users: d1Users(env.DB),
    friends: d1Friends(env.DB),
    outbox: d1Outbox(env.DB),
    tokens: tokensOf(env),
    hubs: accountHubs(hubPublisher(USER_HUBS, hubEnv(env))),
    /** How long new tokens are valid, seconds; null: for ever. */
    tokenTtlSeconds,
    masterSecret,
  };
}

/** Whose the ids of artifacts are, for the hubs. */
export function claimsOf({ DB }: PlatformEnv): ArtifactClaims {
  return d1Claims(DB);
}

/** Where accounts have copies of what their hubs know. */
export function copiesOf({ DB }: PlatformEnv): Copies {
  return d1Accounts(DB);
}

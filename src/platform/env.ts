import type { DiscordAnswer, DiscordCall } from "./discord/call.ts";
import type { Quota, QuotaDecision } from "./quota.ts";

/** The bindings (wrangler.toml) that every area may use. Variables are read by `config.ts` of each layer. */
export type PlatformEnv = {
  readonly DB: D1Database;
  readonly ASSETS: Fetcher;
  readonly DISCORD: DurableObjectNamespace<DiscordRestRpc>;
  readonly LIMITER: DurableObjectNamespace<RateLimiterRpc>;
  /** Files that people upload (`platform/files`); absent: no area that runs takes any. */
  readonly UPLOADS?: R2Bucket;
  /** Counters (docs/operations.md); absent: nothing is counted. */
  readonly METRICS?: AnalyticsEngineDataset;
};

/** What is called of `DiscordRest`. */
export interface DiscordRestRpc extends Rpc.DurableObjectBranded {
  /** Sends one call once. Failures are values. */
  call(call: DiscordCall): Promise<DiscordAnswer>;
}

/** What is called of `RateLimiter`. */
export interface RateLimiterRpc extends Rpc.DurableObjectBranded {
  /** Takes one request of this key's quota, if one is left. */
  take(key: string, limit: Quota): QuotaDecision;
}

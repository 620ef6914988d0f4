import type { DiscordAnswer, DiscordCall } from "./discord/call.ts";
import type { Quota, QuotaDecision } from "./quota.ts";

/** The bindings (wrangler.toml) that every area may use. The `config.ts` of each layer reads the variables. */
export type PlatformEnv = {
  readonly DB: D1Database;
  readonly ASSETS: Fetcher;
  readonly DISCORD: DurableObjectNamespace<DiscordRestRpc>;
  readonly LIMITER: DurableObjectNamespace<RateLimiterRpc>;
  /** Files that people upload (`platform/files`); absent: no running area accepts uploads. */
  readonly UPLOADS?: R2Bucket;
  /** Which deployment this is, as `GET /` tells it; absent: `production`. */
  readonly ENVIRONMENT?: string;
  /** Counters (docs/operations.md); absent: nothing is counted. */
  readonly METRICS?: AnalyticsEngineDataset;
};

/** The RPC methods of `DiscordRest`. */
export interface DiscordRestRpc extends Rpc.DurableObjectBranded {
  /** Sends one call once. Failures are values. */
  call(call: DiscordCall): Promise<DiscordAnswer>;
}

/** The RPC methods of `RateLimiter`. */
export interface RateLimiterRpc extends Rpc.DurableObjectBranded {
  /** Counts one request of this key, if its quota allows one more. */
  take(key: string, limit: Quota): QuotaDecision;
}

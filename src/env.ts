import { parseConfig, type Config } from "./config.ts";
import type { MatchRoom } from "./features/matches/room/match-room.ts";
import type { GatewayMonitor } from "./features/rooms/gateway-monitor.ts";
import type { GuildHub } from "./hub/guild-hub.ts";
import type { HubRelay } from "./hub/hub-relay.ts";
import type { DiscordRest } from "./platform/discord/discord-rest.ts";
import type { RateLimiter } from "./platform/rate-limiter.ts";

/** Bindings and variables as wrangler.toml declares them. Variables are read through {@link configOf}. */
export type Env = {
  readonly DB: D1Database;
  readonly ASSETS: Fetcher;
  readonly HUB: DurableObjectNamespace<GuildHub>;
  readonly RELAY: DurableObjectNamespace<HubRelay>;
  readonly DISCORD: DurableObjectNamespace<DiscordRest>;
  readonly LIMITER: DurableObjectNamespace<RateLimiter>;
  readonly MONITOR: DurableObjectNamespace<GatewayMonitor>;
  readonly MATCH: DurableObjectNamespace<MatchRoom>;
  /** Counters (docs/operations.md); absent: nothing is counted. */
  readonly METRICS?: AnalyticsEngineDataset;
};

const parsedConfigs = new WeakMap<Env, Config>();

/**
 * The configuration of this environment, parsed once.
 * @throws ConfigError that names each variable which is missing or malformed
 */
export function configOf(env: Env): Config {
  const known = parsedConfigs.get(env);
  if (known !== undefined) return known;
  const config = parseConfig(env);
  parsedConfigs.set(env, config);
  return config;
}

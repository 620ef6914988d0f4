import type { MatchesEnv } from "./features/matches/env.ts";
import type { GatewayEnv } from "./gateway/env.ts";

/** Every binding that wrangler.toml declares: each layer names its own. */
export type Env = GatewayEnv & MatchesEnv;

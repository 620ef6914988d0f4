import type { MatchesEnv } from "./features/matches/env.ts";
import type { SyncEnv } from "./features/sync/env.ts";
import type { GatewayEnv } from "./gateway/env.ts";

/** All bindings of wrangler.toml. Each layer declares its own. */
export type Env = GatewayEnv & MatchesEnv & SyncEnv;

import type { MatchesEnv } from "./features/matches/env.ts";
import type { RoomsEnv } from "./features/rooms/env.ts";

/** Every binding that wrangler.toml declares: each layer names its own. */
export type Env = RoomsEnv & MatchesEnv;

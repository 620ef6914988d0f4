import { createApp } from "./app.ts";
import type { Env } from "./env.ts";
import { FEATURES } from "./features.ts";
import { GuildHub as Hub } from "./hub/guild-hub.ts";

export { GatewayMonitor } from "./features/rooms/gateway-monitor.ts";
export { DiscordRest } from "./platform/discord/discord-rest.ts";
export { RateLimiter } from "./platform/rate-limiter.ts";

const EXTENSIONS = FEATURES.flatMap(({ hubExtension }) =>
  hubExtension === undefined ? [] : [hubExtension],
);

/** The hub with what the areas keep inside it. */
export class GuildHub extends Hub {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, EXTENSIONS);
  }
}

const app = createApp();

export default { fetch: app.fetch } satisfies ExportedHandler<Env>;

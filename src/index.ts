import { appFor } from "./app.ts";
import type { Env } from "./env.ts";
import { AREAS, guildHubParts, runHourly, runningAreas } from "./features.ts";
import { GuildHub as Hub } from "./hub/guild-hub.ts";
import { log } from "./platform/log.ts";

export { MatchRoom } from "./features/matches/room/match-room.ts";
export { GatewayMonitor } from "./gateway/gateway-monitor.ts";
export { HubRelay } from "./hub/hub-relay.ts";
export { DiscordRest } from "./platform/discord/discord-rest.ts";
export { RateLimiter } from "./platform/rate-limiter.ts";

/** The hub with the extensions of the areas. */
export class GuildHub extends Hub {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, guildHubParts(env));
  }
}

export default {
  // The app is created at the first request, because Durable Objects do not need its routes.
  fetch: (request, env, ctx) => appFor(env).fetch(request, env, ctx),
  async scheduled(_, env) {
    const running = runningAreas(AREAS, env);
    if (running.ok) await runHourly(running.value, env);
    else log("error", "config.refused", { error: running.error });
  },
} satisfies ExportedHandler<Env>;

import { appFor } from "./app.ts";
import type { Env } from "./env.ts";
import { USER_KIND } from "./features/sync/wire.ts";
import { AREAS, hubParts, runHourly, runningAreas } from "./features.ts";
import { lookAgain } from "./hub/edge/hand-over.ts";
import { Relay } from "./hub/relay.ts";
import { Hub } from "./hub/hub.ts";
import { GUILD_KIND } from "./hub/kinds.ts";
import { log } from "./platform/log.ts";

export { MatchRoom } from "./features/matches/room/match-room.ts";
export { GatewayMonitor } from "./gateway/gateway-monitor.ts";
export { DiscordRest } from "./platform/discord/discord-rest.ts";
export { RateLimiter } from "./platform/rate-limiter.ts";

/** A guild's hub with the extensions of the areas. */
export class GuildHub extends Hub {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, GUILD_KIND, hubParts(GUILD_KIND, env));
  }
}

/** The hub of an account, with the extensions of the areas. */
export class UserHub extends Hub {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, USER_KIND, hubParts(USER_KIND, env));
  }
}

/** A relay of a guild's hub. */
export class HubRelay extends Relay {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, GUILD_KIND);
  }
}

export default {
  // The app is created at the first request, because Durable Objects do not need its routes.
  fetch: async (request, env, ctx) =>
    lookAgain(await appFor(env).fetch(request, env, ctx), request.signal),
  async scheduled(_, env) {
    const running = runningAreas(AREAS, env);
    if (running.ok) await runHourly(running.value, env);
    else log("error", "config.refused", { error: running.error });
  },
} satisfies ExportedHandler<Env>;

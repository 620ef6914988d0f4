import { createApp } from "./app.ts";
import type { Env } from "./env.ts";
import { AREAS } from "./features.ts";
import { GuildHub as Hub } from "./hub/guild-hub.ts";
import { runHourly } from "./hub/hourly.ts";
import type { HubParts } from "./hub/hub-object.ts";

export { MatchRoom } from "./features/matches/room/match-room.ts";
export { GatewayMonitor } from "./gateway/gateway-monitor.ts";
export { HubRelay } from "./hub/hub-relay.ts";
export { DiscordRest } from "./platform/discord/discord-rest.ts";
export { RateLimiter } from "./platform/rate-limiter.ts";

const PARTS: HubParts = {
  extensions: AREAS.flatMap(({ extension }) => extension ?? []),
  events: new Set(AREAS.flatMap(({ events }) => events.map(({ name }) => name))),
};

/** The hub with what the areas keep inside it. */
export class GuildHub extends Hub {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, PARTS);
  }
}

// Made at the first request: objects start without routes.
let app: ReturnType<typeof createApp> | undefined;

export default {
  fetch: (request, env, ctx) => (app ??= createApp()).fetch(request, env, ctx),
  scheduled: (_, env) => runHourly(AREAS, env),
} satisfies ExportedHandler<Env>;

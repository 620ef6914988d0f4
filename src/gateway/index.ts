import { hubConfigOf } from "../hub/config.ts";
import type { Feature } from "../hub/feature.ts";
import { gatewayMonitor } from "./env.ts";
import { gatewayHubExtension } from "./hub-extension.ts";
import { mountTakeEvents } from "./take-events.ts";

/** Takes Discord's gateway events from the container (rooms.md §4), for every area that uses Discord. */
export const gateway: Feature = {
  name: "gateway",
  events: [],
  hubExtension: gatewayHubExtension,
  mount: mountTakeEvents,
  async check(env) {
    const standing = await gatewayMonitor(env).status(hubConfigOf(env).primaryGuildId);
    return {
      ready: standing.state === "connected" && standing.inGuild !== false,
      facts: { gateway: standing },
    };
  },
};

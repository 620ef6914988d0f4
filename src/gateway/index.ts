import { hubConfigOf } from "../hub/config.ts";
import type { Feature } from "../hub/feature.ts";
import { gatewayMonitor } from "./env.ts";
import { gatewayHubExtension } from "./hub-extension.ts";
import { mountTakeEvents } from "./take-events.ts";

/** Discord's gateway, as the container tells of it (rooms.md §4): what every area with Discord stands on. */
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

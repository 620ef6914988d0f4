import type { HubEnv } from "../hub/env.ts";
import type { PlatformEnv } from "../platform/env.ts";
import type { RequestIds } from "../platform/request-ids.ts";
import type { GatewayState } from "../protocol/events/rooms.ts";
import type { GatewayHeartbeat } from "../protocol/signed-events.ts";

/** The bindings of the gateway, beside those of the hubs. */
export type GatewayEnv = HubEnv & { readonly MONITOR: DurableObjectNamespace<GatewayMonitorRpc> };

/** The monitor of all containers. */
export function gatewayMonitor(env: PlatformEnv): DurableObjectStub<GatewayMonitorRpc> {
  // The Worker always has every binding.
  const { MONITOR } = env as GatewayEnv;
  return MONITOR.get(MONITOR.idFromName("gateway"));
}

/** What `/ready` says of the gateway. `heartbeatAgeMs` is null before the first heartbeat. */
export type GatewayStatus = {
  readonly state: GatewayState;
  readonly heartbeatAgeMs: number | null;
  /** Whether the bot is in the guild, as the container last knew; null: it did not say. */
  readonly inGuild: boolean | null;
};

/** What is called of `GatewayMonitor`. */
export interface GatewayMonitorRpc extends Rpc.DurableObjectBranded {
  /** Takes one heartbeat. @param ids of the request that brought it */
  heartbeat(beat: GatewayHeartbeat, ids?: RequestIds): Promise<void>;

  /** Where the gateway of the container stands that serves this guild. */
  status(guildId: string): GatewayStatus;
}

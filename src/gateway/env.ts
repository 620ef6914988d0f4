import type { HubEnv } from "../hub/env.ts";
import type { PlatformEnv } from "../platform/env.ts";
import type { RequestIds } from "../platform/request-ids.ts";
import type { GatewayState } from "../protocol/events/rooms.ts";
import type { GatewayHeartbeat } from "../protocol/signed-events.ts";

/** The bindings of the gateway, beside those of the hubs. */
export type GatewayEnv = HubEnv & { readonly MONITOR: DurableObjectNamespace<GatewayMonitorRpc> };

/** The one monitor, which watches all containers. */
export function gatewayMonitor(env: PlatformEnv): DurableObjectStub<GatewayMonitorRpc> {
  // The cast holds because the Worker always has every binding.
  const { MONITOR } = env as GatewayEnv;
  return MONITOR.get(MONITOR.idFromName("gateway"));
}

/** The gateway in `/ready`. `heartbeatAgeMs` is null before the first heartbeat. */
export type GatewayStatus = {
  readonly state: GatewayState;
  readonly heartbeatAgeMs: number | null;
  /** Whether the bot is in the guild, by the container's last heartbeat; null: it did not say. */
  readonly inGuild: boolean | null;
};

/** The RPC methods of `GatewayMonitor`. */
export interface GatewayMonitorRpc extends Rpc.DurableObjectBranded {
  /** Accepts one heartbeat. @param ids ids of the request that brought it, for the log */
  heartbeat(beat: GatewayHeartbeat, ids?: RequestIds): Promise<void>;

  /** The gateway state of the container that serves this guild. */
  status(guildId: string): GatewayStatus;
}

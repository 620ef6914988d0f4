import type { HubEnv } from "../../hub/env.ts";
import type { PlatformEnv } from "../../platform/env.ts";
import type { RequestIds } from "../../platform/request-ids.ts";
import type { GatewayHeartbeat } from "../../protocol/signed-events.ts";
import type { GatewayStatus } from "./gateway-monitor.ts";

/** The bindings of rooms, beside those of the hubs. */
export type RoomsEnv = HubEnv & { readonly MONITOR: DurableObjectNamespace<GatewayMonitorRpc> };

/** The same bindings for code of this area: the Worker always has them. */
export function roomsEnv(env: PlatformEnv): RoomsEnv {
  return env as RoomsEnv;
}

/** What is called of `GatewayMonitor`. */
export interface GatewayMonitorRpc extends Rpc.DurableObjectBranded {
  /** Takes one heartbeat. @param ids of the request that brought it */
  heartbeat(beat: GatewayHeartbeat, ids?: RequestIds): Promise<void>;

  /** Where the gateway of the container stands that serves this guild. */
  status(guildId: string): GatewayStatus;
}

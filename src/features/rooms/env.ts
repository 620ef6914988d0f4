import type { HubEnv } from "../../hub/env.ts";
import type { PlatformEnv } from "../../platform/env.ts";
import type { RequestIds } from "../../platform/request-ids.ts";
import type { GatewayState } from "../../protocol/events/rooms.ts";
import type { GatewayHeartbeat } from "../../protocol/signed-events.ts";

/** The bindings of rooms, beside those of the hubs. */
export type RoomsEnv = HubEnv & { readonly MONITOR: DurableObjectNamespace<GatewayMonitorRpc> };

/** The same bindings for code of this area: the Worker always has them. */
export function roomsEnv(env: PlatformEnv): RoomsEnv {
  return env as RoomsEnv;
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

import type { HubEnv, HubRpc } from "../../hub/env.ts";
import type { PlatformEnv } from "../../platform/env.ts";

/** The bindings of sync, beside those of the hubs. */
export type SyncEnv = HubEnv & {
  /** The hubs of accounts, named by the account's id. */
  readonly USER_HUB: DurableObjectNamespace<HubRpc>;
};

/** The same bindings, for code that may use them. The cast holds because the Worker always has them. */
export function syncEnv(env: PlatformEnv): SyncEnv {
  return env as SyncEnv;
}

/** Where the hubs of accounts are. */
export const USER_HUBS = {
  name: "user",
  hubs: (env: HubEnv) => syncEnv(env).USER_HUB,
} as const;

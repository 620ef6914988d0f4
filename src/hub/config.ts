import { z } from "zod";
import { platformConfigOf } from "../platform/config.ts";
import { defineConfig } from "../platform/variables.ts";
import { SOCKETS_PER_HUB, SOCKETS_PER_OBJECT, SOCKETS_PER_RELAY } from "../protocol/limits.ts";
import { SecretValue } from "../protocol/secret.ts";

const SocketCount = z.coerce.number().int().min(1).max(SOCKETS_PER_OBJECT);

const Variables = z.object({
  HUB_SECRET: SecretValue,
  HUB_SECRET_PREVIOUS: SecretValue.optional(),
  SOCKETS_PER_HUB: SocketCount.default(SOCKETS_PER_HUB),
  SOCKETS_PER_RELAY: SocketCount.default(SOCKETS_PER_RELAY),
});

/** The variables of the hubs, beside those of the platform. */
export const hubConfigOf = defineConfig(
  Variables,
  (vars) => ({
    /** The current secret first, then the previous one during a rotation. */
    hubSecrets: secrets(vars.HUB_SECRET, vars.HUB_SECRET_PREVIOUS),
    /** Sockets that the hub, and each relay, should hold. Further clients go to other relays. */
    socketsPerHub: vars.SOCKETS_PER_HUB,
    socketsPerRelay: vars.SOCKETS_PER_RELAY,
  }),
  platformConfigOf,
);
export type HubConfig = ReturnType<typeof hubConfigOf>;

function secrets(present: string, previous: string | undefined): readonly [string, ...string[]] {
  return previous === undefined ? [present] : [present, previous];
}

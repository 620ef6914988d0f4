import type { HubKind } from "../hub/kind.ts";
import { KIND } from "./virtual-guild.ts";

const KIB = 1_024;

/**
 * Hubs with other limits than those of guilds, and a journal that is soon full. Suites and models run with both, so
 * that nothing in the engine counts on the numbers of one kind.
 */
export const SMALL_KIND: HubKind = {
  ...KIND,
  name: "small",
  limits: {
    sockets: 50,
    socketsPerUser: 3,
    frameBytes: 2 * KIB,
    framesPerWindow: 20,
    windowMs: 4_000,
    framesBeforeAuth: 2,
    badFrames: 2,
    windowBytes: 16 * KIB,
    windowEvents: 4,
    unacknowledgedBytes: 128 * KIB,
    payloadBytes: 8 * KIB,
  },
  journal: { maxAgeMs: 90_000, maxEvents: 8, maxBytes: 32 * KIB },
};

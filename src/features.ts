import { matches } from "./features/matches/index.ts";
import { rooms } from "./features/rooms/index.ts";
import { gateway } from "./gateway/index.ts";
import type { Feature } from "./hub/feature.ts";

/** The areas of this deployment, and the gateway that they stand on. A new one is a folder, a table file, an events file and a line here. */
export const FEATURES: readonly Feature[] = [rooms, gateway, matches];

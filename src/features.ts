import { matches } from "./features/matches/index.ts";
import { rooms } from "./features/rooms/index.ts";
import type { Feature } from "./hub/feature.ts";

/** The areas of this deployment. A new one is a folder, a table file, an events file and a line here. */
export const FEATURES: readonly Feature[] = [rooms, matches];

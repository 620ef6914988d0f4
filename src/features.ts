import { matches } from "./features/matches/index.ts";
import { rooms } from "./features/rooms/index.ts";
import { gateway, interactions } from "./gateway/index.ts";
import type { Area } from "./hub/area.ts";
import { stream } from "./hub/index.ts";

/** The areas of this deployment, and what they stand on. A new one is a folder, a table file, an events file and a line here. */
export const AREAS: readonly Area[] = [stream, rooms, gateway, matches, interactions];

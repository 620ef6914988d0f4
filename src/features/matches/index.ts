import type { Feature } from "../../hub/feature.ts";
import { MATCH_EVENTS } from "../../protocol/events/matches.ts";

/** FACEIT matches: a private voice channel for each side, and linked players in it. */
export const matches: Feature = {
  name: "matches",
  events: MATCH_EVENTS,
  mount: () => undefined,
};

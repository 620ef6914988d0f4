import { log } from "../../../platform/log.ts";
import type { MatchesStore, MatchRooms } from "../ports.ts";

/**
 * Tells the live matches of these players that a link has changed, so that they let somebody in or out.
 * Never throws: a match also looks by itself.
 */
export async function tellMatches(
  { matches, rooms }: { matches: Pick<MatchesStore, "liveMatchesOf">; rooms: MatchRooms },
  faceitIds: readonly string[],
): Promise<void> {
  try {
    const live = await matches.liveMatchesOf(faceitIds);
    if (live.length > 0) await rooms.look(live);
  } catch (error) {
    log("warn", "link.matches_not_told", { error });
  }
}

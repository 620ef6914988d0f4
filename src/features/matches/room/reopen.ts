import { FACTIONS } from "../../../protocol/match.ts";
import { fresh } from "./retry.ts";
import { withCheck, type RoomState, type SideState } from "./room-state.ts";

/** A match that was over is played after all: everybody is let in, moved and told as at its beginning. */
export function reopened(state: RoomState): RoomState {
  const again = (side: SideState): SideState => ({ ...side, made: 0, problem: null });
  const { faction1, faction2 } = state.sides;
  // A channel may have gone without an answer that said so.
  const hasChannel = FACTIONS.some((faction) => state.sides[faction].channel !== null);
  return {
    ...(hasChannel ? withCheck(state) : state),
    phase: "live",
    end: null,
    absent: [],
    moved: [],
    messaged: [],
    evacuated: [],
    noticed: false,
    troubles: [],
    complained: [],
    retries: fresh(state),
    sides: { faction1: again(faction1), faction2: again(faction2) },
  };
}

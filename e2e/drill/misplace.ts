import type { Misplaced } from "./client-spec.ts";
import type { Claim } from "./history.ts";
import type { Random } from "./random.ts";

/** How far a client goes back at most, events. */
const OLDER_MAX = 200;

/**
 * A wrong position for a client.
 * @param foreignEpoch of another guild
 */
export function misplace(
  { epoch, seq }: Claim,
  how: Misplaced,
  foreignEpoch: string,
  random: Random,
): Claim | null {
  switch (how) {
    case "forgotten":
      return null;
    case "older":
      return { epoch, seq: Math.max(0, seq - random.between(1, OLDER_MAX)) };
    case "nonsense":
      return random.pick([
        { epoch: foreignEpoch, seq },
        { epoch: "no-epoch-of-ours", seq },
        { epoch, seq: seq + 1_000_000 },
        { epoch, seq: -1 - seq },
        { epoch, seq: seq + 0.5 },
      ]);
  }
}

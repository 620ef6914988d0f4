import type { Stack } from "../../dev/testing/stack.ts";
import type { DrillLog } from "./drill-log.ts";
import type { DrillPlan } from "./plan.ts";
import type { Random } from "./random.ts";

/** A second guild: Discord's bot is not in it, and its one publisher has positions. */
export const OTHER_GUILD = "100000000000000002";

/** A drill that is under way. */
export type Drill = {
  readonly plan: DrillPlan;
  readonly random: Random;
  readonly log: DrillLog;
  readonly stack: Stack;
  readonly secret: string;
  readonly say: (what: string) => void;
  /** Ends what would wait for ever. */
  readonly hurry: AbortController;
};

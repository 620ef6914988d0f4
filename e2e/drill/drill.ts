import type { Stack } from "../../dev/testing/stack.ts";
import type { DrillLog } from "./drill-log.ts";
import type { DrillPlan } from "./plan.ts";
import type { Random } from "./random.ts";

/** A second guild: Discord's bot is not in it, and its only publisher uses positions. */
export const OTHER_GUILD = "100000000000000002";

/** A running drill. */
export type Drill = {
  readonly plan: DrillPlan;
  readonly random: Random;
  readonly log: DrillLog;
  readonly stack: Stack;
  readonly secret: string;
  readonly say: (what: string) => void;
  /** Ends waits that would never end. */
  readonly hurry: AbortController;
};

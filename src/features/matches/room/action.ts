import type { Faction } from "../../../protocol/match.ts";
import type { TroubleKind } from "./trouble.ts";

/** One thing to do for a match. Those that are decided together may be done side by side. */
export type Action =
  /** Ask FACEIT. */
  | { readonly kind: "read" }
  /** Reserve a name, before Discord is asked. */
  | { readonly kind: "reserve"; readonly faction: Faction; readonly name: string }
  | {
      readonly kind: "create";
      readonly faction: Faction;
      readonly name: string;
      /** Who may come in besides the bot and staff. */
      readonly people: readonly string[];
      readonly withCategory: boolean;
      readonly withStaff: boolean;
      /** Whether the bot gives itself the right to move members there. */
      readonly withMoving: boolean;
    }
  /** Look for a channel that was asked for and never answered. */
  | { readonly kind: "find"; readonly faction: Faction; readonly name: string }
  | {
      readonly kind: "grant" | "revoke";
      readonly faction: Faction;
      readonly userId: string;
      readonly channelId: string;
    }
  /** Null: out of voice. */
  | {
      readonly kind: "move";
      readonly faction: Faction;
      readonly userId: string;
      readonly channelId: string;
    }
  /** Out of a channel that is not theirs any more, or that is about to go. */
  | { readonly kind: "evict"; readonly userId: string; readonly channelId: string | null }
  | { readonly kind: "message"; readonly userId: string; readonly channelId: string }
  /** Tell the guild that some players are not linked. */
  | { readonly kind: "notice" }
  /** Tell the guild, and write down, what somebody has to mend. */
  | { readonly kind: "complain"; readonly trouble: TroubleKind }
  /** Look whether the channels are still there. */
  | { readonly kind: "check"; readonly wanted: number }
  | { readonly kind: "delete"; readonly faction: Faction; readonly channelId: string }
  /** Give the name back: nothing is left of this side. */
  | { readonly kind: "release"; readonly faction: Faction }
  /** Tell the guild's hub, which tells clients. */
  | { readonly kind: "tell"; readonly revision: number }
  /** Write the copy in D1. */
  | { readonly kind: "store"; readonly revision: number };

/** By what it is tried again: the same for everything that is the same thing to do. */
export function keyOf(action: Action): string {
  switch (action.kind) {
    case "reserve":
    case "create":
    case "find":
    case "delete":
    case "release":
      return `${action.kind}/${action.faction}`;
    case "grant":
    case "revoke":
    case "move":
      return `${action.kind}/${action.faction}/${action.userId}`;
    case "complain":
      return `${action.kind}/${action.trouble}`;
    case "evict":
    case "message":
      return `${action.kind}/${action.userId}`;
    default:
      return action.kind;
  }
}

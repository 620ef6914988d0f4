import type { Faction } from "../../../protocol/match.ts";
import type { TroubleKind } from "./trouble.ts";

/** One step of work for a match. Actions that one decision returns may run in parallel. */
export type Action =
  /** Read the match from FACEIT. */
  | { readonly kind: "read" }
  /** Reserve the channel's name in D1, before Discord is asked for the channel. */
  | { readonly kind: "reserve"; readonly faction: Faction; readonly name: string }
  | {
      readonly kind: "create";
      readonly faction: Faction;
      readonly name: string;
      /** Discord users who may enter, besides the bot and staff. */
      readonly people: readonly string[];
      readonly withCategory: boolean;
      readonly withStaff: boolean;
      /** Whether the bot gives itself Move Members in the channel. */
      readonly withMoving: boolean;
    }
  /** Look for a channel whose creation Discord never answered. */
  | { readonly kind: "find"; readonly faction: Faction; readonly name: string }
  | {
      readonly kind: "grant" | "revoke";
      readonly faction: Faction;
      readonly userId: string;
      readonly channelId: string;
    }
  | {
      readonly kind: "move";
      readonly faction: Faction;
      readonly userId: string;
      readonly channelId: string;
    }
  /**
   * Move a user out of a channel that is no longer theirs, or that is about to be deleted.
   * `channelId` null disconnects them from voice.
   */
  | { readonly kind: "evict"; readonly userId: string; readonly channelId: string | null }
  | { readonly kind: "message"; readonly userId: string; readonly channelId: string }
  /** Post which players have not linked their accounts. */
  | { readonly kind: "notice" }
  /** Post and record a trouble that an operator has to fix. */
  | { readonly kind: "complain"; readonly trouble: TroubleKind }
  /** Check that the channels still exist. */
  | { readonly kind: "check"; readonly wanted: number }
  | { readonly kind: "delete"; readonly faction: Faction; readonly channelId: string }
  /** Release the name: nothing is left of this side. */
  | { readonly kind: "release"; readonly faction: Faction }
  /** Send the record to the guild's hub, which publishes it to clients. */
  | { readonly kind: "tell"; readonly revision: number }
  /** Write the record's copy in D1. */
  | { readonly kind: "store"; readonly revision: number };

/** The key under which an action's retries are counted. Equal for two actions with the same effect. */
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

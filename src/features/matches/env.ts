import type { HubEnv } from "../../hub/env.ts";
import type { PlatformEnv } from "../../platform/env.ts";
import type { RequestIds } from "../../platform/request-ids.ts";
import type { MatchRecord } from "./ports.ts";
import type { Hint } from "./room/hint.ts";

/** The bindings of matches, beside those of the hubs. */
export type MatchesEnv = HubEnv & { readonly MATCH: DurableObjectNamespace<MatchRoomRpc> };

/** Narrows the bindings for code of this area. The cast is safe because the Worker always has all bindings. */
export function matchesEnv(env: PlatformEnv): MatchesEnv {
  return env as MatchesEnv;
}

/** A webhook as the Worker passes it to the match's object. */
export type DeliveredHint = {
  readonly eventId: string;
  readonly guildId: string;
  readonly hint: Hint;
};

/** The RPC methods of `MatchRoom`. */
export interface MatchRoomRpc extends Rpc.DurableObjectBranded {
  /** Takes a webhook. A repeated delivery changes nothing. */
  hint(delivered: DeliveredHint, ids?: RequestIds): Promise<"taken" | "duplicate">;

  /**
   * Wakes the match soon, because a link or a player's voice channel may have changed.
   * @param channels whether channels may have been deleted
   * @returns `unknown`: the object has no state of this match
   */
  look(channels: boolean): Promise<"looks" | "unknown">;

  /** Rebuilds the state of a match that the guild's hub knows as live. Does nothing if there is a state. */
  revive(record: MatchRecord): Promise<void>;
}

/** The Durable Object of one match. */
export function matchRoom(env: PlatformEnv, matchId: string): DurableObjectStub<MatchRoomRpc> {
  const { MATCH } = matchesEnv(env);
  return MATCH.get(MATCH.idFromName(matchId));
}

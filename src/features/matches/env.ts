import type { HubEnv } from "../../hub/env.ts";
import type { PlatformEnv } from "../../platform/env.ts";
import { log } from "../../platform/log.ts";
import type { RequestIds } from "../../platform/request-ids.ts";
import type { MatchRecord, MatchRooms } from "./ports.ts";
import type { Hint } from "./room/hint.ts";

/** The bindings of matches, beside those of the hubs. */
export type MatchesEnv = HubEnv & { readonly MATCH: DurableObjectNamespace<MatchRoomRpc> };

/** The same bindings for code of this area: the Worker always has them. */
export function matchesEnv(env: PlatformEnv): MatchesEnv {
  return env as MatchesEnv;
}

/** A webhook for this match, as it crosses from the Worker. */
export type DeliveredHint = {
  readonly eventId: string;
  readonly guildId: string;
  readonly hint: Hint;
};

/** What is called of `MatchRoom`. */
export interface MatchRoomRpc extends Rpc.DurableObjectBranded {
  /** Takes a webhook in. The same one again changes nothing. */
  hint(delivered: DeliveredHint, ids?: RequestIds): Promise<"taken" | "duplicate">;

  /**
   * Something changed that this match may care about: a link, somebody's voice channel.
   * @param channels whether channels may be gone
   * @returns `unknown`: nothing is remembered of this match
   */
  look(channels: boolean): Promise<"looks" | "unknown">;

  /** The guild's hub knows this match as live, and here nothing is remembered of it. */
  revive(record: MatchRecord): Promise<void>;
}

/** The room of one match. */
export function matchRoom(env: PlatformEnv, matchId: string): DurableObjectStub<MatchRoomRpc> {
  const { MATCH } = matchesEnv(env);
  return MATCH.get(MATCH.idFromName(matchId));
}

/** {@link MatchRooms} over the Durable Objects. */
export function matchRooms(env: PlatformEnv): MatchRooms {
  return {
    async look(matchIds) {
      const told = await Promise.allSettled(matchIds.map((id) => matchRoom(env, id).look(false)));
      const failed = told.filter(({ status }) => status === "rejected").length;
      if (failed > 0) log("warn", "match_rooms.not_told", { failed });
    },
  };
}

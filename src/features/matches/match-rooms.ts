import type { PlatformEnv } from "../../platform/env.ts";
import { log } from "../../platform/log.ts";
import { matchesEnv, type MatchRoomRpc } from "./env.ts";
import type { MatchRooms } from "./ports.ts";

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

import type { Env } from "../../env.ts";
import { log } from "../../platform/log.ts";
import type { MatchRooms } from "./ports.ts";
import type { MatchRoom } from "./room/match-room.ts";

/** The room of one match. */
export function matchRoom(env: Pick<Env, "MATCH">, matchId: string): DurableObjectStub<MatchRoom> {
  return env.MATCH.get(env.MATCH.idFromName(matchId));
}

/** {@link MatchRooms} over the Durable Objects. */
export function matchRooms(env: Pick<Env, "MATCH">): MatchRooms {
  return {
    async look(matchIds) {
      const told = await Promise.allSettled(matchIds.map((id) => matchRoom(env, id).look(false)));
      const failed = told.filter(({ status }) => status === "rejected").length;
      if (failed > 0) log("warn", "match_rooms.not_told", { failed });
    },
  };
}

import { gatewayMonitor } from "../../gateway/env.ts";
import { hubEnv } from "../../hub/env.ts";
import { GUILD_HUBS } from "../../hub/guild-kind.ts";
import { hubPublisher } from "../../hub/hub-client.ts";
import { systemClock } from "../../platform/clock.ts";
import { discordClient } from "../../platform/discord/discord-client.ts";
import type { PlatformEnv } from "../../platform/env.ts";
import { d1LateAnswers, d1Rooms } from "./adapters/d1-rooms.ts";
import { roomsConfigOf } from "./config.ts";
import { hubRooms } from "./hub-commands.ts";
import type { RoomsPorts, RoomTaskPorts } from "./ports.ts";

export function portsOf(env: PlatformEnv): RoomsPorts {
  return {
    discord: discordClient(env),
    hub: hubRooms(hubPublisher(GUILD_HUBS, hubEnv(env))),
    copy: d1Rooms(env.DB),
    primaryGuildId: roomsConfigOf(env).primaryGuildId,
  };
}

/** Discord's client here never waits for a rate limit: a task that cannot go on is scheduled again. */
export function taskPortsOf(env: PlatformEnv): RoomTaskPorts {
  return {
    discord: discordClient(env, 0),
    copy: d1Rooms(env.DB),
    answers: d1LateAnswers(env.DB),
    gatewayHeardAt: async (guildId) => {
      const { heartbeatAgeMs } = await gatewayMonitor(env).status(guildId);
      return heartbeatAgeMs === null ? null : systemClock() - heartbeatAgeMs;
    },
  };
}

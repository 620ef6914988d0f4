import { z } from "zod";
import { guildConfigOf } from "../../hub/guild-config.ts";
import { type AreaConfig, defineConfig } from "../../platform/variables.ts";

const Variables = z.object({
  ROOM_NAME_PREFIX: z.string().min(1).max(80).default("spell-coven"),
  ROOM_IDLE_MINUTES: z.coerce.number().min(0).max(10_080).default(15),
});

/** The variables of rooms, beside those of the hubs. */
export const roomsConfigOf = defineConfig(
  Variables,
  (vars) => ({
    roomNamePrefix: vars.ROOM_NAME_PREFIX,
    /** 0: rooms never end by themselves. */
    roomIdleMs: vars.ROOM_IDLE_MINUTES * 60_000,
  }),
  guildConfigOf,
);
export type RoomsConfig = ReturnType<typeof roomsConfigOf>;

/** Rooms run where there is a guild, and a bot in it. */
export const roomsVariables: AreaConfig<RoomsConfig> = {
  startedBy: ["PRIMARY_GUILD_ID", "DISCORD_BOT_TOKEN"],
  parse: roomsConfigOf,
};

import { z } from "zod";
import { hubConfigOf, type HubConfig } from "../../hub/config.ts";
import { type AreaConfig, defineConfig } from "../../platform/variables.ts";

const Variables = z.object({
  ROOM_NAME_PREFIX: z.string().min(1).max(80).default("spell-coven"),
  ROOM_IDLE_MINUTES: z.coerce.number().min(0).max(10_080).default(15),
});

/** The configuration of rooms. */
export type RoomsConfig = HubConfig & {
  readonly roomNamePrefix: string;
  /** 0: rooms never end by themselves. */
  readonly roomIdleMs: number;
};

/** The variables of rooms. */
export const roomsConfigOf: (env: object) => RoomsConfig = defineConfig(
  Variables,
  (vars) => ({
    roomNamePrefix: vars.ROOM_NAME_PREFIX,
    roomIdleMs: vars.ROOM_IDLE_MINUTES * 60_000,
  }),
  hubConfigOf,
);

/** Rooms run where there is a guild, and a bot in it. */
export const roomsVariables: AreaConfig<RoomsConfig> = {
  startedBy: ["PRIMARY_GUILD_ID", "DISCORD_BOT_TOKEN"],
  parse: roomsConfigOf,
};

import { z } from "zod";
import { defineConfig } from "../platform/variables.ts";
import { DiscordId } from "../protocol/discord-id.ts";
import { hubConfigOf } from "./config.ts";

/** The variables of everything that serves guilds, beside those of the hubs. */
export const guildConfigOf = defineConfig(
  z.object({ PRIMARY_GUILD_ID: DiscordId }),
  (vars) => ({ primaryGuildId: vars.PRIMARY_GUILD_ID }),
  hubConfigOf,
);

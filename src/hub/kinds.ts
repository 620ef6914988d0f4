import { verifyToken } from "../platform/auth/verify-token.ts";
import { guildKind } from "./guild-kind.ts";

/** The hubs of guilds, for users of the configured identity provider. */
export const GUILD_KIND = guildKind(verifyToken);

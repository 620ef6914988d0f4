import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { guildFor, HUB_ADMIN_SCOPE } from "../../platform/auth/principal.ts";
import { requireAuth, requireScope } from "../../platform/auth/require-auth.ts";
import type { AppEnv } from "../../platform/http/app-env.ts";
import { limitUser, REQUESTS } from "../../platform/http/limit-user.ts";
import { problem, type ProblemAnswer } from "../../platform/http/problem.ts";
import { DiscordId } from "../../protocol/discord-id.ts";
import { hubEnv, type HubRpc } from "../env.ts";
import { guildConfigOf } from "../guild-config.ts";
import { GUILD_HUBS } from "../guild-kind.ts";
import { callHub } from "../hub-client.ts";

/** The common part of all operator routes, for `createRoute`. */
export const ADMIN_ROUTE = {
  tags: ["admin"],
  security: [{ bearer: [] }],
  middleware: [requireAuth, requireScope(HUB_ADMIN_SCOPE), limitUser(REQUESTS)],
};

/** The guild in a path. */
export const GuildParam = z.object({
  guildId: DiscordId.openapi({ param: { name: "guildId", in: "path" } }),
});

/** null: the token allows this guild. Without a `guilds` claim it allows only the primary guild. */
export function refuseGuild(c: Context<AppEnv>, guildId: string): ProblemAnswer | null {
  const { primaryGuildId } = guildConfigOf(c.env);
  if (guildFor(c.get("principal"), guildId, primaryGuildId) === guildId) return null;
  return problem(
    c,
    "forbidden_guild",
    "Your token does not name this guild. Get one whose guilds claim has it.",
  );
}

/** Calls a guild's hub for an operator. @param isRepeatable whether asking twice is the same as asking once */
export async function askHub<T>(
  c: Context<AppEnv>,
  guildId: string,
  question: (hub: DurableObjectStub<HubRpc>) => Promise<T>,
  isRepeatable = true,
): Promise<T> {
  return callHub(GUILD_HUBS.hubs(hubEnv(c.env)), guildId, question, isRepeatable);
}

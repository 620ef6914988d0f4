import { GatewayCloseCodes } from "discord-api-types/v10";

/** Close code that keeps the session: 1000 and 1001 would end it (discord.md §2). */
export const RESUMABLE_CLOSE_CODE = 4000;

/** What to do after Discord closed the connection. */
export type ClosePolicy =
  | { readonly action: "resume"; readonly minWaitMs: number }
  | { readonly action: "identify" }
  | { readonly action: "stop"; readonly reason: string };

/** After a rate limit (4008) we wait, so that the window of 60 s is partly over. */
const RATE_LIMITED_WAIT_MS = 10_000;

/** The table of discord.md §2. Other codes, and closes without a code, are resumed. */
export function policyAfterClose(code: number): ClosePolicy {
  switch (code as GatewayCloseCodes) {
    case GatewayCloseCodes.NotAuthenticated:
    case GatewayCloseCodes.AlreadyAuthenticated:
    case GatewayCloseCodes.InvalidSeq:
    case GatewayCloseCodes.SessionTimedOut:
      return { action: "identify" };
    case GatewayCloseCodes.RateLimited:
      return { action: "resume", minWaitMs: RATE_LIMITED_WAIT_MS };
    case GatewayCloseCodes.AuthenticationFailed:
      return {
        action: "stop",
        reason:
          "Discord refuses the bot token (4004). Put the current one into DISCORD_BOT_TOKEN and start again.",
      };
    case GatewayCloseCodes.InvalidShard:
      return { action: "stop", reason: "Discord refuses the shard (4010). Report this as a bug." };
    case GatewayCloseCodes.ShardingRequired:
      return {
        action: "stop",
        reason:
          "The bot is in too many guilds for one connection (4011). Remove it from the guilds that it does not serve.",
      };
    case GatewayCloseCodes.InvalidAPIVersion:
      return {
        action: "stop",
        reason: "Discord no longer offers gateway version 10 (4012). Update the gateway-worker.",
      };
    case GatewayCloseCodes.InvalidIntents:
      return {
        action: "stop",
        reason: "Discord refuses the intents (4013). Report this as a bug.",
      };
    case GatewayCloseCodes.DisallowedIntents:
      return {
        action: "stop",
        reason:
          "The bot may not use the intents (4014). Allow them in the Developer Portal and start again.",
      };
    default:
      return { action: "resume", minWaitMs: 0 };
  }
}

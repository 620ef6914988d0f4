import { systemClock } from "../clock.ts";
import type { PlatformEnv } from "../env.ts";
import { ok } from "../result.ts";
import { createDiscordClient } from "./calling-client.ts";
import type { DiscordClient } from "./operations.ts";

/** How long a caller may be kept waiting for Discord's limits or for a retry, milliseconds. */
const WAIT_BUDGET_MS = 3_000;

/**
 * The client that talks through the bot's one caller (`DISCORD` binding).
 * @param budgetMs milliseconds an operation may wait; 0 inside a Durable Object, which reschedules
 * @param caller names one that repeats a refused operation by itself after `retryAfterMs`, for example
 * a match: its turn is kept then (docs/design/discord-fair-share.md); absent: somebody waits
 */
export function discordClient(
  env: PlatformEnv,
  budgetMs: number = WAIT_BUDGET_MS,
  caller?: string,
): DiscordClient {
  const rest = env.DISCORD.get(env.DISCORD.idFromName("bot"));
  const client = createDiscordClient({
    send: async (call) => {
      try {
        return await rest.call(caller === undefined ? call : { ...call, caller });
      } catch {
        // The object was moved or restarted: nobody knows whether the call had left already.
        return { kind: "unknown_outcome" };
      }
    },
    budgetMs,
    clock: systemClock,
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    random: Math.random,
  });
  return {
    ...client,
    async botUserId() {
      const known = botUserIds.get(env.DISCORD);
      if (known !== undefined) return ok(known);
      const asked = await client.botUserId();
      if (asked.ok) botUserIds.set(env.DISCORD, asked.value);
      return asked;
    },
  };
}

/** The bot's id never changes while a token lives. */
const botUserIds = new WeakMap<PlatformEnv["DISCORD"], string>();

import { z } from "zod";
import { RETRY_AFTER_MAX_MS } from "../../src/protocol/limits.ts";
import { retryAfterMs } from "../../src/protocol/retry-after.ts";
import type { Input } from "./machine-state.ts";

/**
 * Discord requires this header on REST calls and on the upgrade. Its edge may block requests without it
 * (discord.md §2).
 */
export const USER_AGENT = "DiscordBot (https://guildhub.example, 0.1.0)";

/** Timeout of `GET /gateway/bot`, milliseconds. */
const TIMEOUT_MS = 10_000;

const GatewayBot = z.object({
  url: z.url({ protocol: /^wss?$/ }),
  session_start_limit: z.object({
    remaining: z.number().int(),
    reset_after: z.number().min(0),
  }),
});

type GatewayAnswer = Extract<Input, { type: "gateway" | "gateway-failed" }>;

function failed(reason: string, pauseMs = 0, fatal = false): GatewayAnswer {
  return { type: "gateway-failed", fatal, retryAfterMs: pauseMs, reason };
}

/**
 * Asks Discord for the gateway's URL and for the rest of the day's IDENTIFY budget. A refused token is final:
 * repeated calls would get the address banned.
 * @param apiUrl without a trailing slash
 */
export async function fetchGatewayBot(
  apiUrl: string,
  token: string,
  fetcher: typeof fetch = fetch,
): Promise<GatewayAnswer> {
  let response: Response;
  let body: unknown;
  try {
    response = await fetcher(`${apiUrl}/gateway/bot`, {
      headers: { Authorization: `Bot ${token}`, "User-Agent": USER_AGENT },
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    body = await response.json().catch(() => null);
  } catch {
    return failed(`Discord's API does not answer at ${apiUrl}`);
  }
  if (response.status === 401) {
    return failed(
      "Discord refuses the bot token (401). Put the current one into DISCORD_BOT_TOKEN and start again.",
      0,
      true,
    );
  }
  if (!response.ok) {
    return failed(
      `Discord's API answers ${response.status} to GET /gateway/bot`,
      retryAfterMs(response.headers.get("Retry-After"), Date.now()) ?? 0,
    );
  }
  const parsed = GatewayBot.safeParse(body);
  if (!parsed.success) return failed("Discord's answer to GET /gateway/bot is not as documented");
  const { url, session_start_limit: limit } = parsed.data;
  return {
    type: "gateway",
    url,
    remaining: limit.remaining,
    resetAfterMs: Math.min(RETRY_AFTER_MAX_MS, limit.reset_after),
  };
}

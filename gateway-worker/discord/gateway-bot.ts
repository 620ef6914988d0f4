import { z } from "zod";
import { RETRY_AFTER_MAX_MS } from "../../src/protocol/limits.ts";
import { askOutside, type Fetch, parseJson, USER_AGENT } from "../../src/protocol/outbound.ts";
import { retryAfterMs } from "../../src/protocol/retry-after.ts";
import type { Input } from "./machine-state.ts";

/** Bounds of `GET /gateway/bot`. */
const BOUNDS = { timeoutMs: 10_000, maxBytes: 64 * 1024 };

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
  fetcher?: Fetch,
): Promise<GatewayAnswer> {
  const headers = { Authorization: `Bot ${token}`, "User-Agent": USER_AGENT };
  const answer = await askOutside(`${apiUrl}/gateway/bot`, { headers }, BOUNDS, fetcher).catch(
    () => null,
  );
  if (answer === null) return failed(`Discord's API does not answer at ${apiUrl}`);
  if (answer.status === 401) {
    return failed(
      "Discord refuses the bot token (401). Put the current one into DISCORD_BOT_TOKEN and start again.",
      0,
      true,
    );
  }
  if (answer.status !== 200) {
    return failed(
      `Discord's API answers ${answer.status} to GET /gateway/bot`,
      retryAfterMs(answer.headers.get("Retry-After"), Date.now()) ?? 0,
    );
  }
  const parsed = GatewayBot.safeParse(parseJson(answer.text));
  if (!parsed.success) return failed("Discord's answer to GET /gateway/bot is not as documented");
  const { url, session_start_limit: limit } = parsed.data;
  return {
    type: "gateway",
    url,
    remaining: limit.remaining,
    resetAfterMs: Math.min(RETRY_AFTER_MAX_MS, limit.reset_after),
  };
}

import { z } from "zod";
import { type Clock, systemClock } from "../../../platform/clock.ts";
import { log } from "../../../platform/log.ts";
import {
  SYNC_TOKEN_MAX_LENGTH,
  SYNC_VOICE_ANSWER_MAX_BYTES,
  SYNC_VOICE_TIMEOUT_MS,
} from "../../../protocol/limits.ts";
import { askOutside, parseJson } from "../../../protocol/outbound.ts";
import type { SyncConfig } from "../config.ts";

/** The entitlement that lets an account speak (sync.md §3.10). */
const ENTITLEMENT = "pro";

/** ISO 8601; null: it never ends. */
const EndsAt = z.string().nullish();
const Entitlement = z.object({ expires_date: EndsAt, grace_period_expires_date: EndsAt });

/** The part of RevenueCat's `GET /v1/subscribers/{id}` that is read. */
const Subscriber = z.object({
  subscriber: z.object({ entitlements: z.record(z.string(), z.unknown()) }),
});

const Conversation = z.object({ token: z.string().min(1).max(SYNC_TOKEN_MAX_LENGTH) });

/**
 * The services of voice. Nothing that they answer is passed on but a token: their errors are for the operator of this
 * server, and are logged by their status only.
 */
export function httpVoice(
  { elevenLabs, revenueCat }: SyncConfig["voice"],
  clock: Clock = systemClock,
) {
  return {
    /**
     * Whether an account has paid for voice. False as well if nobody can say so.
     * @param publicKey of the app at RevenueCat, as the app says
     */
    async isEntitled(account: string, publicKey: string): Promise<boolean> {
      const { apiUrl, publicKeys } = revenueCat;
      // With a key of their own project, people could sell themselves anything.
      if (publicKeys.length > 0 && !publicKeys.includes(publicKey)) return false;
      const answer = await get(
        "revenuecat",
        `${apiUrl}/v1/subscribers/${encodeURIComponent(account)}`,
        { Authorization: `Bearer ${publicKey}` },
      );
      const read = Subscriber.safeParse(answer);
      if (!read.success) return false;
      return isActive(read.data.subscriber.entitlements[ENTITLEMENT], clock());
    },

    /** A token for one conversation with an agent; null: there is none to be had. */
    async conversationToken(agentId: string): Promise<string | null> {
      const { apiUrl, apiKey } = elevenLabs;
      if (apiKey === undefined) return null;
      const address = `${apiUrl}/v1/convai/conversation/token`;
      const query = `agent_id=${encodeURIComponent(agentId)}`;
      const answer = await get("elevenlabs", `${address}?${query}`, { "xi-api-key": apiKey });
      const read = Conversation.safeParse(answer);
      return read.success ? read.data.token : null;
    },
  };
}

/** Whether an entitlement holds at a time, milliseconds. RevenueCat lists those that have ended, too. */
function isActive(entitlement: unknown, now: number): boolean {
  const read = Entitlement.safeParse(entitlement);
  if (!read.success) return false;
  const { expires_date: end, grace_period_expires_date: grace } = read.data;
  if (end === null || end === undefined) return true;
  return [end, grace ?? end].some((at) => Date.parse(at) > now);
}

/** Sends one request. @returns the JSON of its answer; undefined: there was none that can be used */
async function get(
  service: string,
  url: string,
  headers: Readonly<Record<string, string>>,
): Promise<unknown> {
  const bounds = { timeoutMs: SYNC_VOICE_TIMEOUT_MS, maxBytes: SYNC_VOICE_ANSWER_MAX_BYTES };
  try {
    const init = { headers: { ...headers, Accept: "application/json" } };
    const { status, text } = await askOutside(url, init, bounds);
    // RevenueCat makes a customer of whom it did not know, and says so with 201.
    if (status === 200 || status === 201) return parseJson(text);
    log("warn", "sync.voice_refused", { service, status });
  } catch (error) {
    log("warn", "sync.voice_failed", { service, error });
  }
  return undefined;
}

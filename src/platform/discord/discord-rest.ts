import { DurableObject } from "cloudflare:workers";
import { systemClock } from "../clock.ts";
import { platformConfigOf } from "../config.ts";
import type { DiscordRestRpc, PlatformEnv } from "../env.ts";
import type { DiscordAnswer, DiscordCall } from "./call.ts";
import { FullCategories } from "./full-categories.ts";
import { RateLimits, type RememberedLimits } from "./rate-limits.ts";
import { sendToDiscord } from "./send.ts";

/** Key of the limits in the object's storage. */
const LIMITS_KEY = "limits";

/**
 * Sends all calls with the bot's token to Discord's REST API. There is one such object, because Discord's rate
 * limits are per bot. It never waits: a caller that has to wait does so itself.
 */
export class DiscordRest extends DurableObject<PlatformEnv> implements DiscordRestRpc {
  readonly #limits: RateLimits;
  readonly #full = new FullCategories();

  constructor(ctx: DurableObjectState, env: PlatformEnv) {
    super(ctx, env);
    this.#limits = new RateLimits(ctx.storage.kv.get<RememberedLimits>(LIMITS_KEY));
  }

  async call(call: DiscordCall): Promise<DiscordAnswer> {
    const config = platformConfigOf(this.env);
    return sendToDiscord(call, {
      baseUrl: config.discordApiUrl,
      token: config.discordBotToken,
      limits: this.#limits,
      full: this.#full,
      clock: systemClock,
      remember: () => {
        this.ctx.storage.kv.put(LIMITS_KEY, this.#limits.remember(systemClock()));
      },
    });
  }
}

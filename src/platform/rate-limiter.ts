import { DurableObject } from "cloudflare:workers";
import type { Env } from "../env.ts";
import { systemClock } from "./clock.ts";
import { decideGcra, type GcraDecision, type Quota } from "./gcra.ts";

/**
 * Counts the requests of one key exactly. One object a key, so that limits scale with users; its row
 * goes when the quota is whole again.
 */
export class RateLimiter extends DurableObject<Env> {
  readonly #storage: DurableObjectStorage;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#storage = ctx.storage;
  }

  /** Takes one request of the quota, if one is left. */
  take(limit: Quota): GcraDecision {
    const now = systemClock();
    const known = this.#storage.kv.get<number>("tat");
    const decision = decideGcra(limit, known, now);
    if (decision.allowed) {
      this.#storage.kv.put("tat", decision.tat);
      // The output gate holds the answer until both are stored.
      void this.#storage.setAlarm(Math.ceil(decision.tat));
    }
    return decision;
  }

  override async alarm(): Promise<void> {
    const tat = this.#storage.kv.get<number>("tat");
    if (tat !== undefined && tat > systemClock()) await this.#storage.setAlarm(Math.ceil(tat));
    else await this.#storage.deleteAll();
  }
}

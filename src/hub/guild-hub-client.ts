import { requestIds } from "../platform/request-ids.ts";
import { type Backoff, fullJitter } from "../protocol/backoff.ts";
import type { GuildHubRpc, HubEnv } from "./env.ts";
import type { HubPublisher, IngestResult } from "./publisher.ts";

/** How often a hub that restarts is called. */
const ATTEMPTS = 3;
/** The pauses between these calls. */
const RETRY_BACKOFF: Backoff = { firstMs: 50, mostMs: 100 };

/** {@link HubPublisher} over the Durable Object binding. */
export function hubPublisher(env: Pick<HubEnv, "HUB">): HubPublisher {
  return {
    publish: async (guildId, publications) => {
      const repeatable = publications.every((one) => one.dedupeKey !== undefined);
      return callHub(env, guildId, (hub) => hub.publish(publications.map(traced)), repeatable);
    },
    ingest: async (guildId, events) =>
      callHub<IngestResult>(env, guildId, async (hub) => hub.ingest(events.map(traced)), true),
    // Commands of extensions are idempotent.
    command: async (guildId, name, input) =>
      callHub(env, guildId, (hub) => hub.command(name, input, requestIds()), true),
    signal: async (guildId, signal) => callHub(env, guildId, (hub) => hub.signal(signal), true),
    status: async (guildId) => callHub(env, guildId, (hub) => hub.status(), true),
  };
}

/** Adds the trace of the current request to an event without a trace. */
function traced<T extends object>(one: T): T {
  const ids = requestIds();
  return ids === undefined ? one : { trace: ids.traceId, ...one };
}

/**
 * Calls a guild's hub, and repeats the call when the hub restarts.
 * @param repeatable whether doing it twice is the same as doing it once
 * @throws the error of the last call
 */
export async function callHub<T>(
  env: Pick<HubEnv, "HUB">,
  guildId: string,
  call: (hub: DurableObjectStub<GuildHubRpc>) => Promise<T>,
  repeatable: boolean,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      // A stub that threw stays broken, so each attempt takes a new one.
      return await call(env.HUB.get(env.HUB.idFromName(guildId)));
    } catch (error) {
      if (!repeatable || attempt >= ATTEMPTS || !isRestart(error)) throw error;
      await scheduler.wait(fullJitter(RETRY_BACKOFF, attempt - 1, Math.random()));
    }
  }
}

/** Whether the object was only restarting. An overloaded object must not be called again at once. */
function isRestart(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { retryable, overloaded } = error as Error & { retryable?: boolean; overloaded?: boolean };
  return retryable === true && overloaded !== true;
}

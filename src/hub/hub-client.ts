import { requestIds } from "../platform/request-ids.ts";
import { type Backoff, fullJitter } from "../protocol/backoff.ts";
import type { HubEnv, HubRpc } from "./env.ts";
import type { HubKind } from "./kind.ts";
import type { HubPublisher, IngestResult } from "./publisher.ts";

/** How often a hub that restarts is called. */
const ATTEMPTS = 3;
/** The pauses between these calls. */
const RETRY_BACKOFF: Backoff = { firstMs: 50, mostMs: 100 };

/** {@link HubPublisher} over the Durable Object binding of a kind. */
export function hubPublisher(kind: Pick<HubKind, "hubs">, env: HubEnv): HubPublisher {
  const call = <T>(
    name: string,
    question: (hub: DurableObjectStub<HubRpc>) => Promise<T>,
    isRepeatable = true,
  ): Promise<T> => callHub(kind.hubs(env), name, question, isRepeatable);
  return {
    publish: async (name, publications) => {
      const isRepeatable = publications.every((one) => one.dedupeKey !== undefined);
      return call(name, (hub) => hub.publish(publications.map(traced)), isRepeatable);
    },
    ingest: async (name, events) =>
      call<IngestResult>(name, async (hub) => hub.ingest(events.map(traced))),
    // Commands of extensions are idempotent.
    command: async (name, command, input) =>
      call(name, (hub) => hub.command(command, input, requestIds())),
    signal: async (name, signal) => call(name, (hub) => hub.signal(signal)),
    status: async (name) => call(name, (hub) => hub.status()),
  };
}

/** Adds the trace of the current request to an event without a trace. */
function traced<T extends object>(one: T): T {
  const ids = requestIds();
  return ids === undefined ? one : { trace: ids.traceId, ...one };
}

/**
 * Calls a hub, and repeats the call when the hub restarts.
 * @param repeatable whether doing it twice is the same as doing it once
 * @throws the error of the last call
 */
export async function callHub<T>(
  hubs: DurableObjectNamespace<HubRpc>,
  name: string,
  call: (hub: DurableObjectStub<HubRpc>) => Promise<T>,
  repeatable: boolean,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      // A stub that threw stays broken, so each attempt takes a new one.
      return await call(hubs.getByName(name));
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

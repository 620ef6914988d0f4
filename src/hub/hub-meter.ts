import { createMeter, type Meter } from "../platform/meter.ts";
import { metricsOf } from "../platform/metrics.ts";
import type { HubEnv } from "./env.ts";

/** What hubs and relays count; docs/operations.md says what each is and how to ask for it. */
type HubCounter =
  /** Events that were appended to the journal. */
  | "published"
  /** Events that were sent, over all sockets and streams. */
  | "delivered"
  /** Connections that went on where they had stopped. */
  | "resumed"
  /** Connections that got the whole state instead; label: the snapshot's reason. */
  | "reset"
  /** Sockets that were closed; label: the close code. */
  | "closed"
  /** Times that a connection fell behind its window. */
  | "lagging";

/** Counters of one guild's hub or relay. */
export type HubMeter = Meter<HubCounter>;

/**
 * The meter of a hub or relay.
 * @param after as the core's: runs something after some milliseconds
 */
export function hubMeter(
  env: Pick<HubEnv, "METRICS">,
  guildId: string,
  after: (ms: number, run: () => void) => void,
): HubMeter {
  const metrics = env.METRICS === undefined ? null : metricsOf(env);
  return createMeter<HubCounter>({ metrics, area: "hub", guildId, after });
}

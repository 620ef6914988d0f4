import { metricsOf, POINTS_PER_INVOCATION } from "../platform/metrics.ts";
import type { HubEnv } from "./env.ts";

/** Counts are written together after this time, milliseconds. */
export const METER_FLUSH_MS = 1_000;

/** What hubs and relays count. docs/operations.md explains each, and how to query it. */
type HubCounter =
  /** Events that were appended to the journal. */
  | "published"
  /** Events that were sent, summed over all sockets and streams. */
  | "delivered"
  /** Connections that resumed. */
  | "resumed"
  /** Connections that got a snapshot; label: the snapshot's reason. */
  | "reset"
  /** Sockets that were closed; label: the close code. */
  | "closed"
  /** Times that a connection fell behind its window. */
  | "lagging";

/** Sums counts up, so that also a busy object writes only a few points a second. */
export interface HubMeter {
  /** Adds to one counter. Cheap enough for each turn. @param label one of a fixed set */
  count(name: HubCounter, by?: number, label?: string): void;
  /** Writes all counts now, up to the limit of one invocation. */
  flush(): void;
}

/**
 * The meter of one hub or relay. When the object is killed, the counts of at most a second are lost.
 * @param env without `METRICS` nothing is counted, and no timer is set
 * @param after runs a function later. It is called after a count, and not again until the function ran, so that an
 *   idle object has no timer and can hibernate
 */
export function hubMeter(
  env: Pick<HubEnv, "METRICS">,
  hub: { readonly kind: string; readonly name: string },
  after: (ms: number, run: () => void) => void,
): HubMeter {
  if (env.METRICS === undefined) return { count: () => undefined, flush: () => undefined };
  const metrics = metricsOf(env);
  const counters = new Map<string, { name: HubCounter; label: string; by: number }>();
  let waiting = false;
  const flush = (): void => {
    let points = 0;
    for (const [key, counter] of counters) {
      if (points === POINTS_PER_INVOCATION) return;
      points += 1;
      counters.delete(key);
      metrics.count({ area: "hub", hub, ...counter });
    }
  };
  return {
    flush,
    count(name, by = 1, label = "") {
      if (by === 0) return;
      const key = `${name} ${label}`;
      const counter = counters.get(key);
      if (counter !== undefined) counter.by += by;
      else counters.set(key, { name, label, by });
      if (waiting) return;
      waiting = true;
      after(METER_FLUSH_MS, () => {
        waiting = false;
        flush();
      });
    },
  };
}

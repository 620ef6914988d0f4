import { metricsOf, POINTS_PER_INVOCATION } from "../platform/metrics.ts";
import type { HubEnv } from "./env.ts";

/** What has been counted goes out together after this time, milliseconds. */
export const METER_FLUSH_MS = 1_000;

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

/** Adds counts up, so that a busy object writes a few points a second whatever happens in it. */
export interface HubMeter {
  /** Adds to one counter; cheap enough for each turn. @param label of a fixed set */
  count(name: HubCounter, by?: number, label?: string): void;
  /** Writes what has been counted now. */
  flush(): void;
}

/**
 * The meter of one guild's hub or relay. What is not written when the object is killed is lost: at most a second.
 * @param env without a binding nothing is counted, and no timer is ever set
 * @param after runs something later. It is called only after something was counted, and not again before it ran:
 *   an idle object has no timer, so it can hibernate
 */
export function hubMeter(
  env: Pick<HubEnv, "METRICS">,
  guildId: string,
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
      metrics.count({ area: "hub", guildId, ...counter });
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

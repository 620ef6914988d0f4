import { POINTS_PER_INVOCATION, type Count, type Metrics } from "./metrics.ts";

/** What has been counted goes out together after this time, milliseconds. */
export const METER_FLUSH_MS = 1_000;

/** Adds counts up, so that a busy object writes a few points a second whatever happens in it. */
export interface Meter<Name extends string> {
  /** Adds to one counter; cheap enough for each turn. @param label of a fixed set */
  count(name: Name, by?: number, label?: string): void;
  /** Writes what has been counted now. */
  flush(): void;
}

/** What a {@link createMeter} is made from. */
export type MeterParts = {
  /** null: nothing is counted, and no timer is ever set. */
  readonly metrics: Metrics | null;
  readonly area: Count["area"];
  readonly guildId: string;
  /**
   * Runs something later. It is called only after something was counted, and not again before it ran:
   * an idle object has no timer, so it can hibernate.
   */
  readonly after: (ms: number, run: () => void) => void;
};

/** A meter of one guild. What is not written when the object is killed is lost: at most a second. */
export function createMeter<Name extends string>(parts: MeterParts): Meter<Name> {
  const { metrics, area, guildId, after } = parts;
  if (metrics === null) return { count: () => undefined, flush: () => undefined };
  const counters = new Map<string, { readonly name: Name; readonly label: string; by: number }>();
  let waiting = false;
  const flush = (): void => {
    let points = 0;
    for (const [key, { name, label, by }] of counters) {
      if (points === POINTS_PER_INVOCATION) return;
      points += 1;
      counters.delete(key);
      metrics.count({ area, name, label, guildId, by });
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

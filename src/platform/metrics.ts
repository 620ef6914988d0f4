import type { PlatformEnv } from "./env.ts";
import { log } from "./log.ts";

/** One count, which becomes one data point. The table in docs/operations.md says what there is. */
type Count = {
  readonly area: "http" | "hub";
  /** What is counted. Of a fixed set, never something that a client may choose. */
  readonly name: string;
  /** What tells the counts of a name apart: a status, a reason, a close code. Also of a fixed set. */
  readonly label?: string;
  readonly guildId?: string;
  /** How many; absent: 1. */
  readonly by?: number;
  /** How long all of them together took, milliseconds. */
  readonly ms?: number;
};

/** Where counts go. Counting never fails and never waits. */
export interface Metrics {
  count(count: Count): void;
}

/** Without a binding nothing is counted. */
const NO_METRICS: Metrics = { count: () => undefined };

/** Bytes of an index (Analytics Engine, Limits). */
const INDEX_MAX_BYTES = 96;
/** Bytes of one of our blobs: far below the 16 KB that all of a point's may have together. */
const BLOB_MAX_BYTES = 256;
/** Points in one invocation of a Worker (Analytics Engine, Limits). */
export const POINTS_PER_INVOCATION = 250;

/**
 * Counts as data points of Analytics Engine: `blob1` area, `blob2` name, `blob3` label, `blob4` guild,
 * `double1` how many, `double2` milliseconds. The index, by which it samples, is the guild, or the name
 * where there is none: a loud guild does not drown a quiet one.
 */
export function analyticsEngine(dataset: Pick<AnalyticsEngineDataset, "writeDataPoint">): Metrics {
  return {
    count({ area, name, label = "", guildId = "", by = 1, ms = 0 }) {
      try {
        dataset.writeDataPoint({
          indexes: [cut(guildId === "" ? name : guildId, INDEX_MAX_BYTES)],
          blobs: [area, name, label, guildId].map((text) => cut(text, BLOB_MAX_BYTES)),
          doubles: [by, ms],
        });
      } catch (error) {
        log("warn", "metrics.not_written", { error });
      }
    },
  };
}

const known = new WeakMap<object, Metrics>();

/** Where this environment counts: the binding `METRICS`, or nowhere. */
export function metricsOf({ METRICS: dataset }: Pick<PlatformEnv, "METRICS">): Metrics {
  if (dataset === undefined) return NO_METRICS;
  const before = known.get(dataset);
  if (before !== undefined) return before;
  const metrics = analyticsEngine(dataset);
  known.set(dataset, metrics);
  return metrics;
}

const encoder = new TextEncoder();

/** The first bytes of a text, without half a character at their end. */
function cut(text: string, maxBytes: number): string {
  if (text.length * 3 <= maxBytes) return text;
  const { read } = encoder.encodeInto(text, new Uint8Array(maxBytes));
  return text.slice(0, read);
}

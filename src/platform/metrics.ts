import type { PlatformEnv } from "./env.ts";
import { log } from "./log.ts";

/** One count, which becomes one data point. docs/operations.md lists all counts. */
type Count = {
  readonly area: "http" | "hub";
  /** What is counted: one of a fixed set of names, never a text of a client. */
  readonly name: string;
  /** Divides the counts of a name, for example by status, reason or close code. Also one of a fixed set. */
  readonly label?: string;
  /** The hub concerned, by the name of its kind and its own. */
  readonly hub?: { readonly kind: string; readonly name: string };
  /** The number to add; absent: 1. */
  readonly by?: number;
  /** Total duration, milliseconds. */
  readonly ms?: number;
};

/** Receives counts. Counting never fails and never waits. */
export interface Metrics {
  count(count: Count): void;
}

/** Without a binding nothing is counted. */
const NO_METRICS: Metrics = { count: () => undefined };

/** Bytes of an index (Analytics Engine, Limits). */
const INDEX_MAX_BYTES = 96;
/** Bytes of one of our blobs, far below the 16 KB that all blobs of a point may have together. */
const BLOB_MAX_BYTES = 256;
/** Points in one invocation of a Worker (Analytics Engine, Limits). */
export const POINTS_PER_INVOCATION = 250;

/**
 * Counts as data points of Analytics Engine: `blob1` area, `blob2` name, `blob3` label, `blob4` name of the
 * hub, `blob5` its kind, `double1` number, `double2` milliseconds. Analytics Engine samples by index. The index is
 * the name of the hub, or that of the count where there is no hub, so that a busy hub does not reduce the accuracy
 * of a quiet one.
 */
export function analyticsEngine(dataset: Pick<AnalyticsEngineDataset, "writeDataPoint">): Metrics {
  return {
    count({ area, name, label = "", hub = { kind: "", name: "" }, by = 1, ms = 0 }) {
      try {
        dataset.writeDataPoint({
          indexes: [cut(hub.name === "" ? name : hub.name, INDEX_MAX_BYTES)],
          blobs: [area, name, label, hub.name, hub.kind].map((text) => cut(text, BLOB_MAX_BYTES)),
          doubles: [by, ms],
        });
      } catch (error) {
        log("warn", "metrics.not_written", { error });
      }
    },
  };
}

const known = new WeakMap<object, Metrics>();

/** The metrics of this environment: the binding `METRICS`, or none. */
export function metricsOf({ METRICS: dataset }: Pick<PlatformEnv, "METRICS">): Metrics {
  if (dataset === undefined) return NO_METRICS;
  const before = known.get(dataset);
  if (before !== undefined) return before;
  const metrics = analyticsEngine(dataset);
  known.set(dataset, metrics);
  return metrics;
}

const encoder = new TextEncoder();

/** The first bytes of a text, cut between two characters. */
function cut(text: string, maxBytes: number): string {
  if (text.length * 3 <= maxBytes) return text;
  const { read } = encoder.encodeInto(text, new Uint8Array(maxBytes));
  return text.slice(0, read);
}

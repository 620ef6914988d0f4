import { Counter, Gauge, Histogram, Registry } from "prom-client";

/** Sources of the gauges. */
export type MetricSources = {
  /** 1 while connected to Discord. */
  readonly connected: () => boolean;
  readonly outboxEvents: () => number;
  readonly outboxBytes: () => number;
  /** Age of the oldest waiting event, milliseconds. */
  readonly outboxAgeMs: () => number;
};

/** The counters of the process, and the registry that shows them. */
export type Metrics = ReturnType<typeof createMetrics>;

/** Creates the counters with their own registry, so that two processes in one test do not mix. */
export function createMetrics(sources: MetricSources) {
  const registry = new Registry();
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => number): void => {
    const made: Gauge = new Gauge({
      name,
      help,
      registers,
      collect: () => made.set(read()),
    });
  };
  const counter = <Label extends string = never>(
    name: string,
    help: string,
    ...labelNames: Label[]
  ): Counter<Label> => new Counter({ name, help, labelNames, registers });
  gauge("guildhub_discord_connected", "1 while connected to Discord", () =>
    Number(sources.connected()),
  );
  gauge("guildhub_outbox_events", "Events that wait for the hub", sources.outboxEvents);
  gauge("guildhub_outbox_bytes", "Bytes of the events that wait for the hub", sources.outboxBytes);
  gauge(
    "guildhub_outbox_oldest_seconds",
    "Age of the oldest waiting event",
    () => sources.outboxAgeMs() / 1000,
  );
  return {
    registry,
    dispatches: counter(
      "guildhub_discord_dispatches_total",
      "Dispatches of Discord by outcome",
      "outcome",
    ),
    identifies: counter(
      "guildhub_discord_identifies_total",
      "Requested new sessions: Discord allows 1000 a day",
    ),
    resumes: counter("guildhub_discord_resumes_total", "Requested resumes of a session"),
    closes: counter(
      "guildhub_discord_closes_total",
      "Closed connections to Discord by close code; 1006 is a lost network",
      "code",
    ),
    heartbeatLatency: new Histogram({
      name: "guildhub_discord_heartbeat_seconds",
      help: "Time until Discord answers a heartbeat",
      buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    }),
    publishes: counter(
      "guildhub_publishes_total",
      "Requests with events to the hub by outcome",
      "outcome",
    ),
    heartbeats: counter(
      "guildhub_heartbeats_total",
      "Heartbeats sent to the hub by outcome",
      "outcome",
    ),
    deadLetters: counter(
      "guildhub_dead_letters_total",
      "Events that the hub refused permanently: see dead-letters.jsonl",
    ),
    overflows: counter(
      "guildhub_outbox_overflows_total",
      "Snapshots that replaced the events of a guild because too many waited",
    ),
  };
}

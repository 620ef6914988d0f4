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

/** The counters of the process. */
export type Metrics = {
  readonly registry: Registry;
  readonly dispatches: Counter<"outcome">;
  readonly identifies: Counter;
  readonly resumes: Counter;
  readonly closes: Counter<"code">;
  readonly heartbeatLatency: Histogram;
  readonly publishes: Counter<"outcome">;
  readonly heartbeats: Counter<"outcome">;
  readonly deadLetters: Counter;
  readonly overflows: Counter;
};

/** Creates the counters with their own registry, so that two processes in one test do not mix. */
export function createMetrics(sources: MetricSources): Metrics {
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
  gauge("guildhub_discord_connected", "1 while the connection to Discord stands", () =>
    Number(sources.connected()),
  );
  gauge("guildhub_outbox_events", "Events that wait for the hub", sources.outboxEvents);
  gauge("guildhub_outbox_bytes", "Bytes of the events that wait for the hub", sources.outboxBytes);
  gauge(
    "guildhub_outbox_oldest_seconds",
    "Age of the event that waits longest",
    () => sources.outboxAgeMs() / 1000,
  );
  return {
    registry,
    dispatches: new Counter({
      name: "guildhub_discord_dispatches_total",
      help: "Dispatches of Discord by what was made of them",
      labelNames: ["outcome"],
      registers,
    }),
    identifies: new Counter({
      name: "guildhub_discord_identifies_total",
      help: "New sessions asked for: Discord allows 1000 a day",
      registers,
    }),
    resumes: new Counter({
      name: "guildhub_discord_resumes_total",
      help: "Sessions asked to go on",
      registers,
    }),
    closes: new Counter({
      name: "guildhub_discord_closes_total",
      help: "Closed connections to Discord by close code; 1006 is a lost network",
      labelNames: ["code"],
      registers,
    }),
    heartbeatLatency: new Histogram({
      name: "guildhub_discord_heartbeat_seconds",
      help: "Time until Discord answers a heartbeat",
      buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    }),
    publishes: new Counter({
      name: "guildhub_publishes_total",
      help: "Attempts to hand events to the hub by their outcome",
      labelNames: ["outcome"],
      registers,
    }),
    heartbeats: new Counter({
      name: "guildhub_heartbeats_total",
      help: "Signs of life sent to the hub by their outcome",
      labelNames: ["outcome"],
      registers,
    }),
    deadLetters: new Counter({
      name: "guildhub_dead_letters_total",
      help: "Events that the hub refused for good: see dead-letters.jsonl",
      registers,
    }),
    overflows: new Counter({
      name: "guildhub_outbox_overflows_total",
      help: "Times that a snapshot replaced the events of a guild because too many waited",
      registers,
    }),
  };
}

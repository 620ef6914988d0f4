/**
 * What Cloudflare documents of Durable Objects on the paid plan, looked up in November 2026.
 * docs/scale.md links each page; nothing here is an estimate of ours.
 */
export const PLATFORM = {
  /** Hibernating sockets of one object. */
  socketsPerObject: 32_768,
  /** Requests a second of one object: soft, and what Cloudflare's guide expects of three kinds of work. */
  requestsPerSecond: { soft: 1_000, parsing: 500, writing: 200 },
  /** Calls that one invocation may make. */
  subrequests: 10_000,
  /** Bytes of one SQLite database. */
  databaseBytes: 10e9,
  /** Bytes of a database with nothing in it. */
  emptyDatabaseBytes: 12_000,
  /** Memory that duration is billed for, gigabytes, whatever is used. */
  billedGigabytes: 0.128,
  /** Incoming WebSocket messages that are billed as one request. */
  messagesPerRequest: 20,
} as const;

/** Prices beyond what the plan includes, US dollars. */
export const PRICES = {
  plan: 5,
  workerRequests: { included: 10e6, perMillion: 0.3 },
  workerCpuMs: { included: 30e6, perMillion: 0.02 },
  requests: { included: 1e6, perMillion: 0.15 },
  gigabyteSeconds: { included: 400_000, perMillion: 12.5 },
  rowsWritten: { included: 50e6, perMillion: 1 },
  rowsRead: { included: 25e9, perMillion: 0.001 },
  /** Gigabytes for a month. */
  storedGigabytes: { included: 5, perMillion: 0.2e6 },
} as const;

/** The month that Cloudflare's own examples calculate with, seconds. */
export const MONTH_SECONDS = 30 * 24 * 3600;

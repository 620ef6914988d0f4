/** What one run does. Small enough for two cores and four minutes; ratios are what counts. */
export const PLAN = {
  /** Times that all subjects are started, measured and stopped. */
  rounds: 3,
  /** Sockets of one subject. */
  sockets: 1_000,
  /** Connections that are being opened at the same time. */
  connecting: 16,
  /** Sockets that connect once more, with a ticket, where there are tickets. */
  ticketSockets: 200,
  /** Sockets that open and get {@link PLAN.warmUpEvents} before anything is measured. */
  warmUpSockets: 25,
  warmUpEvents: 400,
  /** Bursts of one round, and what each is made of. */
  bursts: 3,
  burstEvents: 200,
  /** Rest between two bursts, milliseconds. */
  burstPauseMs: 100,
  /** Events in one publish request: what the gateway-worker sends at most. */
  requestEvents: 100,
  /** Lone events of one round and the time between two of a subject, milliseconds (5 a second). */
  quietEvents: 30,
  quietIntervalMs: 200,
  /** Rest before a memory reading, milliseconds. */
  settleMs: 1_000,
} as const;

/** No single wait takes longer, milliseconds. */
export const DEADLINE_MS = 30_000;

/** The guild that everything happens in. */
export const GUILD_ID = "100000000000000001";
/** Its voice channel: one that nobody opened through the Worker. */
export const CHANNEL_ID = "300000000000000001";

/**
 * The size of a run: 1 is the published one. `BENCH_SCALE=0.05 npm run bench` goes through all of it
 * in less than a minute, to see it work; its figures mean nothing and are not written down.
 */
export const SCALE = readScale(process.env["BENCH_SCALE"]);

/** `of` in a run of this size, but never under `least`. */
function scaled(of: number, least: number): number {
  return Math.max(least, Math.round(of * SCALE));
}

/** What one run does. Small enough for two cores and six minutes; ratios are what counts. */
export const PLAN = {
  /** Times that all subjects are started, measured and stopped. */
  rounds: scaled(3, 1),
  /** Sockets of one subject. */
  sockets: scaled(1_000, 20),
  /** Connections that are being opened at the same time. */
  connecting: 16,
  /** Sockets that connect once more, with a ticket, where there are tickets. */
  ticketSockets: scaled(400, 10),
  /** Sockets that do so before, untimed. */
  ticketWarmUpSockets: scaled(150, 5),
  /** Sockets that open and get {@link PLAN.warmUpEvents} before anything is measured. */
  warmUpSockets: scaled(25, 5),
  warmUpEvents: 400,
  /** Events of one round that are published while nobody listens. */
  unheardEvents: scaled(3_000, 200),
  /** Bursts of one round, and what each is made of. */
  bursts: scaled(2, 1),
  burstEvents: 200,
  /** Rest between two bursts, milliseconds. */
  burstPauseMs: 100,
  /** Events in one publish request: what the gateway-worker sends at most. */
  requestEvents: 100,
  /** Lone events of one round and the time between two of a subject, milliseconds (5 a second). */
  quietEvents: scaled(30, 3),
  quietIntervalMs: 200,
  /** Rest before a memory reading, milliseconds. */
  settleMs: scaled(700, 200),
  /** What a client missed that comes back, and how often one does: alone, and several at a time. */
  missedEvents: 1_000,
  resumeClients: 16,
  warmUpResumes: scaled(30, 5),
  loneResumes: scaled(200, 10),
  crowdedResumes: scaled(200, 10),
  resumesAtOnce: 8,
  /** Resumes whose rows are counted. */
  countedResumes: 5,
  /** Events right before the server is killed, and as many right after it is back. */
  restartEvents: 100,
  /** Clients spread their first attempt to come back over this many milliseconds. */
  spreadMs: 2_000,
  /** Sockets that only ping, how often each does, and for how long they are watched, milliseconds. */
  idleSockets: scaled(2_000, 20),
  idlePingMs: 5_000,
  idleMs: scaled(60_000, 5_000),
  /** Rest before that, milliseconds: what connecting left behind is done, and objects go to sleep. */
  idleSettleMs: scaled(10_000, 5_000),
} as const;

function readScale(text: string | undefined): number {
  const scale = Number(text ?? "1");
  if (scale > 0 && scale <= 1) return scale;
  throw new Error(`BENCH_SCALE is a number above 0 and at most 1, not ${text}`);
}

/**
 * The size of a run: 1 is the published one. `BENCH_SCALE=0.05 npm run bench` does all of it in less than a
 * minute, to see that it works. Its figures mean nothing and are not written into the document.
 */
export const SCALE = readScale(process.env["BENCH_SCALE"]);

/** `of` for a run of this size, at least `least`. */
export function scaled(of: number, least: number): number {
  return Math.max(least, Math.round(of * SCALE));
}

/** What one run does. Small enough for two cores and eleven minutes, because only ratios count. */
export const PLAN = {
  /** Times that all subjects are started, measured and stopped. */
  rounds: scaled(3, 1),
  /** Sockets of one subject. */
  sockets: scaled(1_000, 20),
  /** Connections that are being opened at the same time. */
  connecting: 16,
  /** Sockets that connect so that the server's CPU for it is measured, in each of the ways of a subject. */
  connects: scaled(1_000, 10),
  /** Sockets that connect in the same way before, untimed. */
  warmUpConnects: scaled(300, 5),
  /** Sockets that open and get {@link PLAN.warmUpEvents} before anything is measured. */
  warmUpSockets: scaled(25, 5),
  /** With 400, a seventh of the CPU of the first measured events was the engine's compilers. */
  warmUpEvents: scaled(2_000, 200),
  /**
   * Events of one round that are published before any socket is connected: as many as a journal holds beside the
   * others.
   */
  unheardEvents: scaled(7_500, 200),
  /** Requests with a single event that follow them. */
  unheardRequests: scaled(500, 20),
  /** Bursts of one round, and the events of each. */
  bursts: scaled(2, 1),
  burstEvents: 200,
  /** Rest between two bursts, milliseconds. */
  burstPauseMs: 100,
  /** Events in one publish request: the most that the gateway-worker sends. */
  requestEvents: 100,
  /**
   * Lone events of one round, and the time between two of one subject, milliseconds (5 a second). The garbage of
   * about 45 events makes workerd collect everything once, which takes as long as one or two events: with fewer than
   * twice as many it would depend on chance which subjects such a pause happens to.
   */
  quietEvents: scaled(100, 3),
  quietIntervalMs: 200,
  /** Rest before a memory reading, milliseconds. */
  settleMs: scaled(700, 200),
  /**
   * Events that a client missed when it resumes, and the number of resumes: one at a time, and several at a time.
   */
  missedEvents: 1_000,
  resumeClients: 16,
  warmUpResumes: scaled(30, 5),
  loneResumes: scaled(200, 10),
  crowdedResumes: scaled(200, 10),
  resumesAtOnce: 8,
  /** Resumes whose rows are counted. */
  countedResumes: 5,
  /** Events right before the server is killed. As many follow right after its restart. */
  restartEvents: 100,
  /** Clients spread their first attempt to reconnect over this many milliseconds. */
  spreadMs: 2_000,
  /** Sockets that only ping, the time between two pings of each, and how long they are watched, milliseconds. */
  idleSockets: scaled(2_000, 20),
  idlePingMs: 5_000,
  idleMs: scaled(60_000, 5_000),
  /** Pause before that, milliseconds, in which work left by the connects ends and objects fall asleep. */
  idleSettleMs: scaled(10_000, 5_000),
  /** Sockets with whose memory that of {@link PLAN.sockets} is compared. */
  manySockets: scaled(5_000, 60),
  /** Events for a few of many sockets: see {@link AudiencePlan}. */
  audience: {
    sockets: scaled(10_000, 50),
    readers: 5,
    rounds: 5,
    lone: { events: scaled(400, 10), forAll: scaled(20, 2) },
    together: { events: scaled(4_000, 200), forAll: scaled(200, 100) },
  },
} as const;

function readScale(text: string | undefined): number {
  const scale = Number(text ?? "1");
  if (scale > 0 && scale <= 1) return scale;
  throw new Error(`BENCH_SCALE is a number above 0 and at most 1, not ${text}`);
}

/** Matches of the published run: with fewer (`BENCH_MATCHES=20`) nothing is written down. */
const PUBLISHED = 200;

const MATCHES = readCount(process.env["BENCH_MATCHES"]);

/** Whether this is a run whose figures count. */
export const IS_PUBLISHED = MATCHES === PUBLISHED;

/** What one run does. Times are milliseconds. */
export const MATCH_PLAN = {
  matches: MATCHES,
  /** Players of a side. */
  sidePlayers: 5,
  /** Of so many matches one has a linked player on each side, who waits in the lobby. */
  linkedEvery: 5,
  /** Matches that are played alone, one after the other. */
  loneMatches: Math.min(10, MATCHES),
  /** Webhooks of the calm load: one for each match, this long after the one before. */
  calmEveryMs: 100,
  /** Rest before the matches begin: longer than any window of the local Discord. */
  restMs: 11_000,
  /** People who open a room while the channels of matches wait for their turn: when, after the start. */
  roomsAfterMs: [1_000, 15_000, 30_000, 45_000, 60_000],
} as const;

/** What the local Discord allows (dev/discord/rest/rate-limits.ts): the schedule that nothing can beat. */
export const DISCORD_LIMITS = {
  /** Channels created in a guild. */
  creations: 40,
  creationsWindowMs: 10_000,
  /** Calls over all routes. */
  callsPerSecond: 50,
} as const;

function readCount(text: string | undefined): number {
  const matches = Number(text ?? PUBLISHED);
  if (Number.isInteger(matches) && matches >= 1 && matches <= 240) return matches;
  throw new Error(
    `BENCH_MATCHES is a whole number from 1 to 240, not ${text}: a guild has 500 channels`,
  );
}

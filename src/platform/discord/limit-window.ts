/** A window of one of Discord's limits. Times are milliseconds; it is stored as it is. */
export type LimitWindow = {
  readonly limit: number;
  /**
   * Calls that may still go before {@link resetAt}: those that went are taken off, and what others use
   * of the same bucket as far as a response shows more than all of ours.
   */
  readonly remaining: number;
  /** It is over by then. */
  readonly resetAt: number;
  /** It is not over before, as far as responses tell. */
  readonly endsFrom?: number;
  /** Nothing was heard of it yet: its end is a guess. */
  readonly guessed?: true;
  /** When the first call of a guessed one went. */
  readonly since?: number;
  /** Discord refused a call and said until when: nothing else is believed. */
  readonly refused?: true;
  /** Calls of named callers in it. */
  readonly named?: number;
};

/** What a response says of its window. */
type Told = { readonly limit: number; readonly remaining: number; readonly resetAfterMs: number };

/** The call that it answers, and how many others have no answer yet. */
type Answered = {
  readonly sentAt: number;
  readonly now: number;
  readonly inFlight: number;
  readonly isNamed: boolean;
};

/** A window that opens with the next call. Only its size is known. */
export function openWindow(
  limit: number,
  lengthMs: number,
  inFlight: number,
  now: number,
): LimitWindow {
  return { limit, remaining: limit - inFlight, resetAt: now + lengthMs, guessed: true, since: now };
}

/** The window after another call went. */
export function spend(window: LimitWindow, isNamed: boolean): LimitWindow {
  return {
    ...window,
    remaining: window.remaining - 1,
    named: (window.named ?? 0) + (isNamed ? 1 : 0),
  };
}

/** The window after a response. What it says is as old as the call was on its way. */
export function hear(known: LimitWindow | undefined, told: Told, call: Answered): LimitWindow {
  const { limit, remaining, resetAfterMs } = told;
  const { sentAt, now, inFlight, isNamed } = call;
  const endsFrom = sentAt + resetAfterMs;
  const resetAt = now + resetAfterMs;
  const isSame = known !== undefined && known.resetAt > now;
  if (isSame && known.refused === true) return known;
  if (!isSame || (known.guessed !== true && endsFrom > known.resetAt)) {
    // A window that nothing was known of: this call and those in flight may be all of it.
    const own = limit - 1 - inFlight;
    const named = isNamed ? 1 : 0;
    return { limit, remaining: Math.min(remaining, own), resetAt, endsFrom, named };
  }
  const isOlder =
    known.guessed === true ? sentAt < (known.since ?? 0) : resetAt < (known.endsFrom ?? 0);
  if (isOlder) return known;
  const { named = 0 } = known;
  const sure = { limit, remaining: Math.min(known.remaining, remaining), named };
  return known.guessed === true
    ? { ...sure, resetAt, endsFrom }
    : {
        ...sure,
        resetAt: Math.min(known.resetAt, resetAt),
        endsFrom: Math.max(known.endsFrom ?? endsFrom, endsFrom),
      };
}

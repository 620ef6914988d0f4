/** A window of one of Discord's limits. Times are milliseconds. It is stored in this form. */
export type LimitWindow = {
  readonly limit: number;
  /**
   * Calls that may still be sent before {@link resetAt}. Sent calls are subtracted. The calls of other users of
   * the bucket are subtracted when a response reports fewer than that.
   */
  readonly remaining: number;
  /** Latest end of the window. */
  readonly resetAt: number;
  /** Earliest end of the window, from the responses so far. */
  readonly endsFrom?: number;
  /** No response of this window has arrived, so its end is a guess. */
  readonly guessed?: true;
  /** When the first call of a guessed window was sent. */
  readonly since?: number;
  /** Discord refused a call with a time. Other responses do not change the window. */
  readonly refused?: true;
  /** Calls of named callers in the window. */
  readonly named?: number;
};

/** The window as a response states it. */
type Told = { readonly limit: number; readonly remaining: number; readonly resetAfterMs: number };

/** The call of a response, and the number of others without an answer yet. */
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

/** The window after another call was sent. */
export function spend(window: LimitWindow, isNamed: boolean): LimitWindow {
  return {
    ...window,
    remaining: window.remaining - 1,
    named: (window.named ?? 0) + (isNamed ? 1 : 0),
  };
}

/** The window after a response. Its numbers may be as old as the duration of the call. */
export function hear(known: LimitWindow | undefined, told: Told, call: Answered): LimitWindow {
  const { limit, remaining, resetAfterMs } = told;
  const { sentAt, now, inFlight, isNamed } = call;
  const endsFrom = sentAt + resetAfterMs;
  const resetAt = now + resetAfterMs;
  const isSame = known !== undefined && known.resetAt > now;
  if (isSame && known.refused === true) return known;
  if (!isSame || (known.guessed !== true && endsFrom > known.resetAt)) {
    // A new window: this call and those in flight are counted, because all of them may belong to it.
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

import { isLongerThan } from "../../protocol/bytes.ts";
import { SIGNAL_KEYS_MAX, SIGNAL_MAX_BYTES } from "../../protocol/limits.ts";
import type { Signal } from "../publisher.ts";
import type { Dialect } from "./dialect.ts";
import type { LiveSession } from "./live-session.ts";

/** The signal that tells who is connected. @param payload JSON text */
export function presenceSignal(payload: string, now: number): Signal {
  return { event: "presence", key: "presence", payload, audience: null, topic: null, ts: now };
}

/** A signal, and its text in each dialect that somebody reads. */
type Newest = { readonly signal: Signal; readonly texts: Map<Dialect, string | null> };

/** Sends one frame to one session. @returns false when the session lags */
type Send<Socket> = (socket: Socket, session: LiveSession, text: string) => boolean;

/**
 * Signals are values that matter only now, such as who is connected. They are not journaled. A client that lags
 * gets the newest value of each key when it has caught up.
 */
export class Signals<Socket extends object> {
  readonly #send: Send<Socket>;
  readonly #newest = new Map<string, Newest>();

  constructor(send: Send<Socket>) {
    this.#send = send;
  }

  /** Sends a signal to the sessions that asked for signals and may see it; one that is too large to none. */
  broadcast(signal: Signal, to: Iterable<readonly [Socket, LiveSession]>): void {
    if (isLongerThan(signal.payload, SIGNAL_MAX_BYTES)) return;
    const newest: Newest = { signal, texts: new Map() };
    this.#newest.delete(signal.key);
    this.#newest.set(signal.key, newest);
    const [oldest] = this.#newest.keys();
    if (this.#newest.size > SIGNAL_KEYS_MAX && oldest !== undefined) this.#newest.delete(oldest);
    for (const [socket, session] of to) {
      if (!this.#sendTo(socket, session, newest)) miss(session, signal.key);
    }
  }

  /** Sends the signals that a session missed while it lagged. Those that exceed its credit stay missed. */
  catchUp(socket: Socket, session: LiveSession): void {
    const missed = [...session.missedSignals];
    session.missedSignals.clear();
    for (const key of missed) {
      const newest = this.#newest.get(key);
      if (newest !== undefined && !this.#sendTo(socket, session, newest)) miss(session, key);
    }
  }

  /** @returns false when the session is to get it, but lags */
  #sendTo(socket: Socket, session: LiveSession, { signal, texts }: Newest): boolean {
    if (!session.mayRead(signal.audience) || !session.hears(signal.topic)) return true;
    const { dialect } = session;
    const known = texts.get(dialect);
    const text = known === undefined ? dialect.signal(signal) : known;
    texts.set(dialect, text);
    return text === null || this.#send(socket, session, text);
  }
}

/** Remembers only keys whose values are kept, in the order of the newest value. */
function miss({ missedSignals }: LiveSession, key: string): void {
  missedSignals.delete(key);
  missedSignals.add(key);
  const [oldest] = missedSignals;
  if (missedSignals.size > SIGNAL_KEYS_MAX && oldest !== undefined) missedSignals.delete(oldest);
}

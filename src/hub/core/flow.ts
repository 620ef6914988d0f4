import { LAGGING_MAX_MS } from "../../protocol/limits.ts";
import type { HubStore } from "./journal.ts";
import type { StreamKind } from "./stream-kind.ts";
import type { StreamLimits } from "./stream-limits.ts";
import type { LiveSession } from "./live-session.ts";
import type { SessionRegistry } from "./session-registry.ts";
import type { HubSockets } from "./session.ts";

/** Task that checks the clients that lag. */
export const LAGGING_TASK = "hub/lagging";

/** How often lagging clients are checked, milliseconds. */
const LOOK_MS = 5_000;
/**
 * Where time stands for acknowledgements: what was sent so long ago counts as taken, milliseconds. So often such
 * clients get another window.
 */
export const TURN_MS = 500;
/** A frame of such a client shows that it has taken what was sent so long before, milliseconds. */
export const FRAME_SHOWS_AFTER_MS = 60_000;
/** Shortest time between two looks at one client's ping while events pass, milliseconds. */
const PING_LOOK_MS = 1_000;
/** A silent client is judged again after this many more bytes. */
const SILENT_STEP_BYTES = 64 * 1024;

/** What happens to a frame that exceeds the credit of its client. */
export type Verdict = "send" | "wait" | "end";

/** Decides on clients that have used up their credit (HUB-10). */
export class Flow<Socket extends object> {
  readonly #sockets: HubSockets<Socket>;
  readonly #sessions: SessionRegistry<Socket>;
  readonly #store: HubStore;
  readonly #limits: StreamLimits;
  /** Silent clients that were closed, but whose bytes the runtime still buffers. */
  readonly #leaving = new Map<Socket, LiveSession>();

  constructor(parts: {
    readonly sockets: HubSockets<Socket>;
    readonly sessions: SessionRegistry<Socket>;
    readonly store: HubStore;
    readonly kind: StreamKind;
  }) {
    this.#sockets = parts.sockets;
    this.#sessions = parts.sessions;
    this.#store = parts.store;
    this.#limits = parts.kind.limits;
  }

  /** Decides on a frame that exceeds the credit. Only then the runtime is asked for the last ping: that is slow. */
  judge(socket: Socket, session: LiveSession, bytes: number, events: number, now: number): Verdict {
    const { credit } = session;
    if (session.takesTurns) {
      if (!this.#fitsTurn(socket, session, bytes, now)) return "end";
      return credit.fits(bytes, events) ? "send" : "wait";
    }
    if (credit.isSilent && credit.outstandingBytes + bytes <= session.nextLookBytes) return "send";
    if (this.hasPinged(socket, session, now) && credit.fits(bytes, events)) return "send";
    if (!credit.isSilent) return "wait";
    const silent = this.#silentBytesOf(session.record.sub);
    if (silent + bytes > this.#limits.unacknowledgedBytes) return "end";
    session.nextLookBytes = credit.outstandingBytes + bytes + SILENT_STEP_BYTES;
    return "send";
  }

  /** Decides on what a client is owed, which does not wait for the window. */
  judgeOwed(socket: Socket, session: LiveSession, bytes: number, now: number): Verdict {
    const { credit } = session;
    if (session.takesTurns) {
      if (credit.fits(bytes, 0)) return "send";
      if (!this.#fitsTurn(socket, session, bytes, now)) return "end";
      return credit.mayOwe(bytes) ? "send" : "wait";
    }
    if (this.#fitsOwed(session, bytes)) return "send";
    if (this.hasPinged(socket, session, now) && this.#fitsOwed(session, bytes)) return "send";
    return credit.isSilent ? "end" : "wait";
  }

  /**
   * Decides on a call: a client is asked when it has taken what it was sent up to a window. One that shows nothing is
   * asked until it is owed too much, and then closed: otherwise nobody could ever ask it again.
   */
  judgeCall(socket: Socket, session: LiveSession, bytes: number, now: number): Verdict {
    if (session.isLagging) return "wait";
    const { credit } = session;
    if (credit.fits(0, 0)) return "send";
    if (session.takesTurns) {
      if (!this.#fitsTurn(socket, session, bytes, now)) return "end";
      return credit.fits(0, 0) ? "send" : "wait";
    }
    if (this.hasPinged(socket, session, now) && credit.fits(0, 0)) return "send";
    return credit.isSilent ? this.judgeOwed(socket, session, bytes, now) : "wait";
  }

  /** Counts the last ping of a client that does not acknowledge. @returns whether there was one */
  hasPinged(socket: Socket, session: LiveSession, now: number): boolean {
    if (session.credit.acknowledges) return false;
    if (session.isLagging && now - session.pingAskedAt < PING_LOOK_MS) return false;
    session.pingAskedAt = now;
    const at = this.#sockets.lastPingAt(socket);
    if (at === null) return false;
    session.credit.pinged(at);
    return true;
  }

  /** Whether a lagging client has taken nothing for too long. */
  isStuck(session: LiveSession, now: number): boolean {
    const since = session.record.lagging;
    return since !== undefined && now - since >= LAGGING_MAX_MS;
  }

  /** We close a client. What the runtime buffers for it counts until {@link gone}. */
  ends(socket: Socket, session: LiveSession): void {
    const { isSilent, outstandingBytes } = session.credit;
    if (isSilent && !session.takesTurns && outstandingBytes > this.#limits.windowBytes)
      this.#leaving.set(socket, session);
  }

  /** The runtime has dropped a socket, with everything it buffered for it. */
  gone(socket: Socket): void {
    this.#leaving.delete(socket);
  }

  /** A client lags: it is checked soon. A check that is due and has not run yet is not put off. */
  checkSoon(session: LiveSession, now: number): void {
    const at = nextLookAt([session], now);
    const known = this.#store.readTask(LAGGING_TASK);
    if (known === null || at < known) this.#store.writeTask(LAGGING_TASK, at);
  }

  /** A check has run. Schedules the next one, as long as a client lags. */
  checkAgain(lagging: ReadonlyMap<Socket, LiveSession>, now: number): void {
    const at = lagging.size === 0 ? null : nextLookAt(lagging.values(), now);
    this.#store.writeTask(LAGGING_TASK, at);
  }

  /**
   * Counts what time and pings say of a client whose acknowledgements time stands for.
   * @returns false: so much would be sent to it without any sign that it reads, that it is closed
   */
  #fitsTurn(socket: Socket, { credit }: LiveSession, bytes: number, now: number): boolean {
    credit.assume(now - TURN_MS);
    const pingedAt = this.#sockets.lastPingAt(socket);
    if (pingedAt !== null) credit.pinged(pingedAt);
    return credit.unshownBytes + bytes <= this.#limits.unacknowledgedBytes;
  }

  #fitsOwed({ credit, record }: LiveSession, bytes: number): boolean {
    if (!credit.isSilent) return credit.mayOwe(bytes);
    return this.#silentBytesOf(record.sub) + bytes <= this.#limits.unacknowledgedBytes;
  }

  #silentBytesOf(sub: string): number {
    let bytes = 0;
    for (const { credit, takesTurns } of this.#sessions.ofUser(sub).values()) {
      if (credit.isSilent && !takesTurns) bytes += credit.outstandingBytes;
    }
    for (const { record, credit } of this.#leaving.values()) {
      if (record.sub === sub) bytes += credit.outstandingBytes;
    }
    return bytes;
  }
}

function nextLookAt(lagging: Iterable<LiveSession>, now: number): number {
  for (const { takesTurns } of lagging) if (takesTurns) return now + TURN_MS;
  return now + LOOK_MS;
}

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
    if (credit.isSilent && credit.outstandingBytes + bytes <= session.nextLookBytes) return "send";
    if (this.hasPinged(socket, session, now) && credit.fits(bytes, events)) return "send";
    if (!credit.isSilent) return "wait";
    const silent = this.#silentBytesOf(session.record.sub);
    if (silent + bytes > this.#limits.unacknowledgedBytes) return "end";
    session.nextLookBytes = credit.outstandingBytes + bytes + SILENT_STEP_BYTES;
    return "send";
  }

  /** Whether a client may be sent an answer or a call that does not wait for the window. */
  mayOwe(socket: Socket, session: LiveSession, bytes: number, now: number): boolean {
    if (this.#fitsOwed(session, bytes)) return true;
    return this.hasPinged(socket, session, now) && this.#fitsOwed(session, bytes);
  }

  /**
   * Whether a client has taken what it was sent up to a window, so that it may be asked something. One that shows
   * nothing is asked until it is owed too much, and then closed: otherwise nobody could ever ask it again.
   */
  mayBeAsked(socket: Socket, session: LiveSession, now: number): boolean {
    if (session.isLagging) return false;
    const { credit } = session;
    if (credit.fits(0, 0)) return true;
    return (this.hasPinged(socket, session, now) && credit.fits(0, 0)) || credit.isSilent;
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
    if (isSilent && outstandingBytes > this.#limits.windowBytes) this.#leaving.set(socket, session);
  }

  /** The runtime has dropped a socket, with everything it buffered for it. */
  gone(socket: Socket): void {
    this.#leaving.delete(socket);
  }

  /** Schedules the next check, as long as a client lags. */
  schedule(isNeeded: boolean, now: number): void {
    if (!isNeeded) this.#store.writeTask(LAGGING_TASK, null);
    else {
      const known = this.#store.readTask(LAGGING_TASK);
      if (known === null || known <= now) this.#store.writeTask(LAGGING_TASK, now + LOOK_MS);
    }
  }

  #fitsOwed({ credit, record }: LiveSession, bytes: number): boolean {
    if (!credit.isSilent) return credit.mayOwe(bytes);
    return this.#silentBytesOf(record.sub) + bytes <= this.#limits.unacknowledgedBytes;
  }

  #silentBytesOf(sub: string): number {
    let bytes = 0;
    for (const { credit } of this.#sessions.ofUser(sub).values()) {
      if (credit.isSilent) bytes += credit.outstandingBytes;
    }
    for (const { record, credit } of this.#leaving.values()) {
      if (record.sub === sub) bytes += credit.outstandingBytes;
    }
    return bytes;
  }
}

import type { Clock } from "../../platform/clock.ts";
import { type CloseName, SLOW_CLIENTS } from "../../protocol/close-codes.ts";
import type { ClosingSockets } from "./closing-sockets.ts";
import type { Dialect, Farewell, TurnedAway } from "./dialect.ts";
import type { FrameTexts } from "./fan-out.ts";
import type { Flow, Verdict } from "./flow.ts";
import type { JournalBefore } from "./journal-pages.ts";
import type { Entry } from "./journal.ts";
import type { LiveSession } from "./live-session.ts";
import type { SessionRegistry } from "./session-registry.ts";
import type { HubSockets } from "./session.ts";

/** What sending to sessions needs. */
export type SenderParts<Socket extends object> = {
  readonly sockets: HubSockets<Socket>;
  readonly sessions: SessionRegistry<Socket>;
  readonly flow: Flow<Socket>;
  readonly closing: ClosingSockets<Socket>;
  readonly clock: Clock;
  /** A socket is closed by us. */
  readonly onEnd: (code: number) => void;
  /** A session is no longer served, whoever closed it. */
  readonly onGone: (session: LiveSession, code: number) => void;
};

/** Sends frames to one session at a time, as far as its credit goes, and closes it (HUB-10). */
export class SessionSender<Socket extends object> {
  readonly #parts: SenderParts<Socket>;
  readonly #sockets: HubSockets<Socket>;
  readonly #flow: Flow<Socket>;
  #delivered = 0;

  constructor(parts: SenderParts<Socket>) {
    this.#parts = parts;
    this.#sockets = parts.sockets;
    this.#flow = parts.flow;
  }

  /** Sends one frame that is not an event, also to a client that lags. @param text null: its dialect has none */
  send(socket: Socket, session: LiveSession, text: string | null): void {
    if (text === null || session.ended) return;
    const seq = session.lastSent ?? session.record.from;
    session.credit.sent(text.length, 0, seq, this.#parts.clock());
    this.#sockets.send(socket, text);
    this.#probe(socket, session);
  }

  /** Events sent since the last call. */
  takeDelivered(): number {
    const delivered = this.#delivered;
    this.#delivered = 0;
    return delivered;
  }

  /** Closes a socket and forgets it. @param dialect for a socket that has no session yet */
  end(socket: Socket, why: CloseName, dialect = this.#parts.sessions.dialectOf(socket)): void {
    this.#close(socket, dialect.farewell(why));
  }

  /** Closes a socket whose client is too slow, and says how. */
  endSlow(socket: Socket, cause: keyof typeof SLOW_CLIENTS): void {
    const { farewell } = this.#parts.sessions.dialectOf(socket);
    this.#close(socket, { ...farewell("overloaded"), reason: SLOW_CLIENTS[cause] });
  }

  /** Closes a socket as an extension wants it, whether it has a session or not. @param sub whose it is */
  turnAway(
    socket: Socket,
    why: TurnedAway,
    { dialect, sub }: { dialect: Dialect; sub: string },
  ): void {
    const frame = dialect.turnedAway?.(why);
    this.#parts.closing.add(socket, sub);
    this.#close(socket, frame === undefined ? why : { ...why, frame });
  }

  #close(socket: Socket, { frame, code, reason }: Farewell): void {
    const session = this.#parts.sessions.live(socket);
    if (session !== null) {
      this.#flow.ends(socket, session);
      this.#parts.closing.add(socket, session.record.sub);
    }
    if (session?.ended === false) this.#parts.onGone(session, code);
    this.#parts.sessions.remove(socket);
    if (frame !== undefined) this.#sockets.send(socket, frame);
    this.#sockets.clear(socket);
    this.#sockets.close(socket, code, reason);
    this.#parts.onEnd(code);
  }

  /** A socket is gone, whichever side closed it. */
  gone(socket: Socket): void {
    this.#flow.gone(socket);
    this.#parts.closing.gone(socket);
  }

  /** Sends events. @returns false when its credit does not cover all of them */
  sendEntries(
    socket: Socket,
    session: LiveSession,
    entries: readonly Entry[],
    texts: FrameTexts,
    journal: JournalBefore,
    now: number,
  ): boolean {
    const first = entries[0];
    if (first === undefined) return true;
    let sent = session.sentBefore(first.seq, journal);
    session.lastSent = sent;
    const after = Math.max(sent, session.record.decided ?? sent);
    if (session.record.batch && entries.length > 1) {
      const wanted = entries.filter((entry) => entry.seq > after && session.wants(entry));
      for (const { text, events, seq } of texts.batches(session, wanted, sent)) {
        if (!this.#sendEvents(socket, session, text, events, seq, now)) return false;
        session.lastSent = seq;
      }
      return true;
    }
    for (const entry of entries) {
      if (entry.seq <= after || !session.wants(entry)) continue;
      const text = texts.event(session, entry, sent);
      if (!this.#sendEvents(socket, session, text, 1, entry.seq, now)) return false;
      sent = entry.seq;
      session.lastSent = sent;
    }
    return true;
  }

  #sendEvents(
    socket: Socket,
    session: LiveSession,
    text: string,
    events: number,
    seq: number,
    now: number,
  ): boolean {
    // The socket is closed: there is nobody to wait for.
    if (session.ended) return true;
    const verdict = this.judge(socket, session, text.length, events, now);
    if (verdict !== "send") return verdict === "end";
    session.credit.sent(text.length, events, seq, now);
    this.#delivered += events;
    this.#sockets.send(socket, text);
    this.#probe(socket, session);
    return true;
  }

  /** Decides on one frame. Closes a socket that may get no more. */
  judge(socket: Socket, session: LiveSession, bytes: number, events: number, now: number): Verdict {
    if (session.credit.fits(bytes, events)) return "send";
    const verdict = this.#flow.judge(socket, session, bytes, events, now);
    if (verdict === "end") this.endSlow(socket, "unshown");
    return verdict;
  }

  /** Asks for an acknowledgement when half of the window is used up. */
  #probe(socket: Socket, session: LiveSession): void {
    const { probe } = session.dialect;
    if (probe === undefined || session.isProbed || !session.credit.isHalfUsed) return;
    session.isProbed = true;
    this.send(socket, session, probe());
  }
}

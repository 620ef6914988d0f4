import type { Clock } from "../../platform/clock.ts";
import type { CloseName } from "../../protocol/close-codes.ts";
import { type After, BatchWindow } from "./batch-window.ts";
import { FrameTexts } from "./fan-out.ts";
import { Flow, type Verdict } from "./flow.ts";
import { type JournalBefore, JournalPages, LookBack } from "./journal-pages.ts";
import type { Entry, HubStore } from "./journal.ts";
import type { StreamKind } from "./kind.ts";
import type { LiveSession } from "./live-session.ts";
import type { SessionRegistry } from "./session-registry.ts";
import type { HubSockets, OpenSession } from "./session.ts";

type DeliveryParts<Socket extends object> = {
  readonly sockets: HubSockets<Socket>;
  readonly sessions: SessionRegistry<Socket>;
  readonly store: HubStore;
  readonly kind: StreamKind;
  readonly clock: Clock;
  readonly after: After;
  /** A socket is closed by us. */
  readonly onEnd: (code: number) => void;
  /** A session is no longer served, whoever closed it. */
  readonly onGone: (session: LiveSession, code: number) => void;
  /** A session begins to lag. */
  readonly onLag: () => void;
  /** A session that lagged or resumed is live. */
  readonly onCaughtUp: (socket: Socket, session: LiveSession, hasResumed: boolean) => void;
};

/** Sends events to the sessions that may see them, in order, each once (HUB-2, HUB-5, HUB-8). */
export class Delivery<Socket extends object> {
  readonly #parts: DeliveryParts<Socket>;
  readonly #sockets: HubSockets<Socket>;
  readonly #sessions: SessionRegistry<Socket>;
  readonly #store: HubStore;
  readonly #flow: Flow<Socket>;
  readonly #window: BatchWindow;
  #pages: JournalPages;
  #delivered = 0;

  constructor(parts: DeliveryParts<Socket>) {
    this.#parts = parts;
    this.#sockets = parts.sockets;
    this.#sessions = parts.sessions;
    this.#store = parts.store;
    this.#flow = new Flow(parts);
    this.#pages = new JournalPages(parts.store);
    this.#window = new BatchWindow(parts.after, (entries) =>
      this.#deliver(entries, ({ batch }) => batch),
    );
  }

  /** Sends what one turn appended. Sessions that take batches get it at once, or when the open window ends. */
  broadcast(entries: readonly Entry[]): void {
    const { isOpen } = this.#window;
    this.#window.add(entries);
    if (isOpen && this.#sessions.unbatchedCount === 0) return;
    const batching = this.#deliver(entries, ({ batch }) => !batch || !isOpen);
    if (batching && !isOpen) this.#window.open();
  }

  /**
   * Sends everything after `from` that the session may see, then `resumed` (HUB-4). What exceeds its credit
   * follows when it acknowledges.
   */
  replay(socket: Socket, session: LiveSession, from: number): void {
    session.record = { ...session.record, resuming: from, start: from };
    this.catchUp(socket, session, from);
  }

  /** Sends everything after `from`. The session is live when it has reached the end of the journal. */
  catchUp(socket: Socket, session: LiveSession, from: number): void {
    session.lastSent = from;
    session.cursor = from;
    session.record = { ...session.record, from, lagging: this.#parts.clock() };
    this.feed(socket, session);
  }

  /**
   * Sends a lagging session as much of the journal as its credit covers. At the end of the journal it is live
   * again (HUB-10).
   */
  feed(socket: Socket, session: LiveSession): void {
    if (session.ended || !session.isLagging) return;
    const start = session.cursor;
    const { oldest } = this.#store.extent();
    if (start < oldest - 1) {
      // The next event for it was trimmed: the client reconnects and gets a snapshot.
      this.end(socket, "overloaded");
      return;
    }
    const now = this.#parts.clock();
    if (session.expiresAtMs <= now) {
      this.end(socket, "unauthorized");
      return;
    }
    const sentBefore = session.lastSent;
    for (;;) {
      const page = this.#pages.after(session.cursor);
      const last = page.entries.at(-1);
      if (last === undefined) break;
      if (!this.#sendEntries(socket, session, page.entries, page, this.#store, now)) {
        const progressed = session.cursor > start || session.lastSent !== sentBefore;
        this.#keepLagging(socket, session, progressed ? now : null);
        return;
      }
      if (session.ended) return;
      session.cursor = last.seq;
    }
    this.#caughtUp(socket, session);
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

  /**
   * Sends one last-value frame if the session's credit covers it. Otherwise the session lags from now on, and
   * the caller sends the newest value when it has caught up (HUB-10, HUB-15).
   * @returns false when the frame was not sent because the session lags
   */
  sendSignal(socket: Socket, session: LiveSession, text: string): boolean {
    if (session.ended) return true;
    if (session.isLagging) return false;
    const now = this.#parts.clock();
    const verdict = this.#judge(socket, session, text.length, 0, now);
    if (verdict === "wait") this.#lagByNothing(socket, session, now);
    if (verdict === "send") this.send(socket, session, text);
    return verdict !== "wait";
  }

  /** Drops what is cached of the journal, because another one replaces it. */
  forget(): void {
    this.#window.forget();
    this.#pages = new JournalPages(this.#store);
  }

  /**
   * Call it before a session's grants or subscription change, and save the session afterwards.
   * @param upTo the last event that the old ones filter; later ones may be journaled, but are not sent yet
   */
  settle(socket: Socket, session: LiveSession, upTo = this.#store.extent().head): void {
    const now = this.#parts.clock();
    const waiting = session.record.batch ? this.#window.waiting(upTo) : [];
    if (!session.isLagging && waiting.length > 0) {
      const texts = new FrameTexts(waiting);
      const fits = this.#sendEntries(socket, session, waiting, texts, this.#store, now);
      if (!fits) this.#lagFrom(socket, session, waiting[0], now);
    }
    const from = session.sentBefore(upTo + 1, this.#store);
    session.lastSent = from;
    // What waits for a session that lags is decided when it is fed.
    session.record = { ...session.record, from, decided: session.isLagging ? from : upTo };
  }

  /** Closes a socket and forgets it. @param dialect for a socket that has no session yet */
  end(socket: Socket, why: CloseName, dialect = this.#sessions.dialectOf(socket)): void {
    const session = this.#sessions.live(socket);
    if (session !== null) this.#flow.ends(socket, session);
    const { frame, code, reason } = dialect.farewell(why);
    if (session?.ended === false) this.#parts.onGone(session, code);
    this.#sessions.remove(socket);
    if (frame !== undefined) this.#sockets.send(socket, frame);
    this.#sockets.clear(socket);
    this.#sockets.close(socket, code, reason);
    this.#parts.onEnd(code);
  }

  /** A socket is gone, whichever side closed it. */
  gone(socket: Socket): void {
    this.#flow.gone(socket);
  }

  /** A client has taken everything up to `seq` (HUB-10). */
  acknowledged(socket: Socket, session: LiveSession, seq: number, lastSent: number): void {
    session.acked = seq;
    session.isProbed = false;
    session.credit.acknowledge(seq, lastSent);
    this.feed(socket, session);
  }

  /** Feeds lagging clients that have pinged, and closes those that have stopped reading. */
  checkLagging(): void {
    const now = this.#parts.clock();
    for (const [socket, session] of this.#sessions.lagging()) {
      this.#nudge(socket, session, now);
      if (!session.ended && this.#flow.isStuck(session, now)) this.end(socket, "overloaded");
    }
    this.#flow.schedule(this.#sessions.lagging().size > 0, now);
  }

  /** @returns whether any of the readers takes batches */
  #deliver(entries: readonly Entry[], to: (record: OpenSession) => boolean): boolean {
    const texts = new FrameTexts(entries);
    const lookBack = new LookBack(this.#store);
    const now = this.#parts.clock();
    let batching = false;
    for (const [socket, session] of this.#sessions.readersOf(
      entries.map(({ audience }) => audience),
    )) {
      if (session.expiresAtMs <= now) {
        this.end(socket, "unauthorized");
        continue;
      }
      if (session.record.batch) batching = true;
      if (!to(session.record)) continue;
      if (session.isLagging) this.#nudge(socket, session, now);
      else if (!this.#sendEntries(socket, session, entries, texts, lookBack, now)) {
        this.#lagFrom(socket, session, entries[0], now);
      }
    }
    return batching;
  }

  /** Feeds a client that has pinged. One that acknowledges is fed by its acknowledgements. */
  #nudge(socket: Socket, session: LiveSession, now: number): void {
    if (this.#flow.hasPinged(socket, session, now)) this.feed(socket, session);
  }

  /** @returns false when its credit does not cover all of it */
  #sendEntries(
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
    const { decided = sent } = session.record;
    const isNew = (entry: Entry): boolean => entry.seq > sent && entry.seq > decided;
    if (session.record.batch && entries.length > 1) {
      const wanted = entries.filter((entry) => isNew(entry) && session.wants(entry));
      for (const { text, events, seq } of texts.batches(session, wanted, sent)) {
        if (!this.#sendEvents(socket, session, text, events, seq, now)) return false;
        session.lastSent = seq;
      }
      return true;
    }
    for (const entry of entries) {
      if (!isNew(entry) || !session.wants(entry)) continue;
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
    const verdict = this.#judge(socket, session, text.length, events, now);
    if (verdict !== "send") return verdict === "end";
    session.credit.sent(text.length, events, seq, now);
    this.#delivered += events;
    this.#sockets.send(socket, text);
    this.#probe(socket, session);
    return true;
  }

  #judge(...asked: Parameters<Flow<Socket>["judge"]>): Verdict {
    const [socket, { credit }, bytes, events] = asked;
    const verdict = credit.fits(bytes, events) ? "send" : this.#flow.judge(...asked);
    if (verdict === "end") this.end(socket, "overloaded");
    return verdict;
  }

  /** Asks for an acknowledgement when half of the window is used up. */
  #probe(socket: Socket, session: LiveSession): void {
    const { probe } = session.dialect;
    if (probe === undefined || session.isProbed || !session.credit.isHalfUsed) return;
    session.isProbed = true;
    this.send(socket, session, probe());
  }

  /** Only the open batching window may hold events for it. */
  #lagByNothing(socket: Socket, session: LiveSession, now: number): void {
    session.lastSent = session.sentBefore(this.#store.extent().head + 1, this.#store);
    this.#lagFrom(socket, session, session.record.batch ? this.#window.first : undefined, now);
  }

  /** @param first the first event that may wait for it */
  #lagFrom(socket: Socket, session: LiveSession, first: Entry | undefined, now: number): void {
    const seen = first === undefined ? this.#store.extent().head : first.seq - 1;
    session.cursor = Math.max(session.lastSent ?? session.record.from, seen);
    this.#keepLagging(socket, session, now);
  }

  /** @param progressAt when the client last took something, milliseconds; null: not this time */
  #keepLagging(socket: Socket, session: LiveSession, progressAt: number | null): void {
    const from = session.lastSent ?? session.record.from;
    if (!session.isLagging) this.#parts.onLag();
    const lagging = progressAt ?? session.record.lagging ?? this.#parts.clock();
    this.#sessions.change(socket, session, { ...session.record, from, lagging });
    this.#flow.schedule(true, this.#parts.clock());
  }

  #caughtUp(socket: Socket, session: LiveSession): void {
    const to = session.lastSent ?? session.record.from;
    const { lagging: _, resuming, ...record } = session.record;
    this.#sessions.change(socket, session, { ...record, from: to });
    if (resuming !== undefined) {
      const { epoch } = this.#store.extent();
      const { dialect, base } = session;
      this.send(socket, session, dialect.resumed({ epoch, base }, resuming, to));
    }
    this.#parts.onCaughtUp(socket, session, resuming !== undefined);
  }
}

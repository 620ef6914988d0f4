import type { Clock } from "../../platform/clock.ts";
import { type After, BatchWindow } from "./batch-window.ts";
import { FrameTexts } from "./fan-out.ts";
import type { Flow } from "./flow.ts";
import { JournalPages, LookBack } from "./journal-pages.ts";
import type { Entry, HubStore } from "./journal.ts";
import type { LiveSession } from "./live-session.ts";
import type { SessionRegistry } from "./session-registry.ts";
import type { SessionSender } from "./session-sender.ts";
import type { OpenSession } from "./session.ts";

type DeliveryParts<Socket extends object> = {
  readonly sessions: SessionRegistry<Socket>;
  readonly sender: SessionSender<Socket>;
  readonly flow: Flow<Socket>;
  readonly store: HubStore;
  readonly clock: Clock;
  readonly after: After;
  /** A session begins to lag. */
  readonly onLag: () => void;
  /** A session that lagged or resumed is live. */
  readonly onCaughtUp: (socket: Socket, session: LiveSession, hasResumed: boolean) => void;
};

/** Sends events to the sessions that may see them, in order, each once (HUB-2, HUB-5, HUB-8). */
export class Delivery<Socket extends object> {
  readonly #parts: DeliveryParts<Socket>;
  readonly #sessions: SessionRegistry<Socket>;
  readonly #sender: SessionSender<Socket>;
  readonly #flow: Flow<Socket>;
  readonly #store: HubStore;
  readonly #window: BatchWindow;
  #pages: JournalPages;

  constructor(parts: DeliveryParts<Socket>) {
    this.#parts = parts;
    this.#sessions = parts.sessions;
    this.#sender = parts.sender;
    this.#flow = parts.flow;
    this.#store = parts.store;
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
      this.#sender.endSlow(socket, "trimmed");
      return;
    }
    const now = this.#parts.clock();
    if (session.expiresAtMs <= now) {
      this.#sender.end(socket, "unauthorized");
      return;
    }
    const sentBefore = session.lastSent;
    for (;;) {
      const page = this.#pages.after(session.cursor);
      const last = page.entries.at(-1);
      if (last === undefined) break;
      if (!this.#sender.sendEntries(socket, session, page.entries, page, this.#store, now)) {
        const progressed = session.cursor > start || session.lastSent !== sentBefore;
        this.#keepLagging(socket, session, progressed ? now : null);
        return;
      }
      if (session.ended) return;
      session.cursor = last.seq;
    }
    this.#caughtUp(socket, session);
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
    const verdict = this.#sender.judge(socket, session, text.length, 0, now);
    if (verdict === "wait") this.#lagByNothing(socket, session, now);
    if (verdict === "send") this.#sender.send(socket, session, text);
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
      const fits = this.#sender.sendEntries(socket, session, waiting, texts, this.#store, now);
      if (!fits) this.#lagFrom(socket, session, waiting[0], now);
    }
    const from = session.sentBefore(upTo + 1, this.#store);
    session.lastSent = from;
    // What waits for a session that lags is decided when it is fed.
    session.record = { ...session.record, from, decided: session.isLagging ? from : upTo };
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
      if (session.takesTurns) this.feed(socket, session);
      else this.#nudge(socket, session, now);
      if (!session.ended && this.#flow.isStuck(session, now)) {
        this.#sender.endSlow(socket, "stuck");
      }
    }
    this.#flow.checkAgain(this.#sessions.lagging(), now);
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
        this.#sender.end(socket, "unauthorized");
        continue;
      }
      if (session.record.batch) batching = true;
      if (!to(session.record)) continue;
      if (session.isLagging) this.#nudge(socket, session, now);
      else if (!this.#sender.sendEntries(socket, session, entries, texts, lookBack, now)) {
        this.#lagFrom(socket, session, entries[0], now);
      }
    }
    return batching;
  }

  /** Feeds a client that has pinged. One that acknowledges is fed by its acknowledgements, or by the alarm. */
  #nudge(socket: Socket, session: LiveSession, now: number): void {
    if (!session.takesTurns && this.#flow.hasPinged(socket, session, now))
      this.feed(socket, session);
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
    this.#flow.checkSoon(session, this.#parts.clock());
  }

  #caughtUp(socket: Socket, session: LiveSession): void {
    const to = session.lastSent ?? session.record.from;
    const { lagging: _, resuming, ...record } = session.record;
    this.#sessions.change(socket, session, { ...record, from: to });
    if (resuming !== undefined) {
      const { epoch } = this.#store.extent();
      const { dialect, base } = session;
      this.#sender.send(socket, session, dialect.resumed({ epoch, base }, resuming, to));
    }
    this.#parts.onCaughtUp(socket, session, resuming !== undefined);
  }
}

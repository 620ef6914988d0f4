import type { Clock } from "../../platform/clock.ts";
import type { CloseName } from "../../protocol/close-codes.ts";
import { PROTOCOL_VERSION } from "../../protocol/frames.ts";
import { BATCH_WINDOW_MS } from "../../protocol/limits.ts";
import { encodeFrame } from "./encode.ts";
import { FrameTexts } from "./fan-out.ts";
import type { Entry, HubStore } from "./journal.ts";
import type { LiveSession } from "./live-session.ts";
import { LookBack, type JournalBefore } from "./look-back.ts";
import type { OpenSession } from "./session.ts";
import type { SessionRegistry } from "./session-registry.ts";
import type { HubSockets } from "./sockets.ts";

/** Rows that one read of a resume brings. */
const RESUME_PAGE = 500;

/** Calls back after some milliseconds: the batching window, and nothing else. */
export type After = (ms: number, run: () => void) => void;

/** What the parts of a hub that answer sockets work with. */
export type ServingParts<Socket extends object> = {
  readonly sockets: HubSockets<Socket>;
  readonly sessions: SessionRegistry<Socket>;
  readonly delivery: Delivery<Socket>;
  readonly store: HubStore;
  readonly clock: Clock;
};

/** Sends events to those who may see them, in order, each once (HUB-2, HUB-5, HUB-8). */
export class Delivery<Socket extends object> {
  readonly #sockets: HubSockets<Socket>;
  readonly #sessions: SessionRegistry<Socket>;
  readonly #store: HubStore;
  readonly #clock: Clock;
  readonly #after: After;
  /** Appended since the batching window opened; null: no window is open. */
  #batched: Entry[] | null = null;

  constructor(parts: {
    readonly sockets: HubSockets<Socket>;
    readonly sessions: SessionRegistry<Socket>;
    readonly store: HubStore;
    readonly clock: Clock;
    readonly after: After;
  }) {
    this.#sockets = parts.sockets;
    this.#sessions = parts.sessions;
    this.#store = parts.store;
    this.#clock = parts.clock;
    this.#after = parts.after;
  }

  /** Sends what one turn appended. Batching sessions get it now, or with the open window. */
  broadcast(entries: readonly Entry[]): void {
    const windowOpen = this.#batched !== null;
    this.#batched?.push(...entries);
    if (windowOpen && this.#sessions.unbatchedCount === 0) return;
    const batching = this.#deliver(entries, (record) => !record.batch || !windowOpen);
    if (batching && !windowOpen) this.#openWindow();
  }

  /** Sends everything after `from` that the session may see, then `resumed` (HUB-4). */
  replay(socket: Socket, session: LiveSession, from: number): void {
    session.lastSent = from;
    let after = from;
    for (;;) {
      const page = this.#store.readAfter(after, RESUME_PAGE);
      const last = page.at(-1);
      if (last === undefined || session.ended) break;
      this.#sendEntries(socket, session, page, new FrameTexts(page), this.#store);
      after = last.seq;
    }
    const { epoch } = this.#store.extent();
    this.send(
      socket,
      session,
      encodeFrame({ v: PROTOCOL_VERSION, type: "resumed", epoch, from, to: session.lastSent }),
    );
  }

  /** Sends one frame, unless the client has not shown for too long that it reads (HUB-10). */
  send(socket: Socket, session: LiveSession, text: string): void {
    if (session.ended) return;
    // Asking the runtime for the last ping is left for when it matters: this runs for each delivery.
    const fits =
      session.countSent(text.length) ||
      session.showedLife(this.#sockets.lastPingAt(socket), text.length, this.#clock());
    if (fits) this.#sockets.send(socket, text);
    else this.end(socket, "overloaded");
  }

  /** Closes a socket and forgets it. */
  end(socket: Socket, why: CloseName): void {
    this.#sessions.remove(socket);
    this.#sockets.close(socket, why);
  }

  /** The first event of a burst went at once; those of the next milliseconds share a frame. */
  #openWindow(): void {
    this.#batched = [];
    this.#after(BATCH_WINDOW_MS, () => {
      const entries = this.#batched ?? [];
      this.#batched = null;
      if (entries.length === 0) return;
      if (this.#deliver(entries, (record) => record.batch)) this.#openWindow();
    });
  }

  /** @returns whether there is a session that takes batches */
  #deliver(entries: readonly Entry[], to: (record: OpenSession) => boolean): boolean {
    const texts = new FrameTexts(entries);
    const lookBack = new LookBack(this.#store);
    const now = this.#clock();
    let batching = false;
    for (const socket of this.#sockets.all()) {
      const session = this.#sessions.live(socket);
      if (session === null || session.ended) continue;
      if (session.expiresAtMs <= now) {
        this.end(socket, "unauthorized");
        continue;
      }
      if (session.record.batch) batching = true;
      if (to(session.record)) this.#sendEntries(socket, session, entries, texts, lookBack);
    }
    return batching;
  }

  #sendEntries(
    socket: Socket,
    session: LiveSession,
    entries: readonly Entry[],
    texts: FrameTexts,
    journal: JournalBefore,
  ): void {
    const first = entries[0];
    if (first === undefined) return;
    let sent = session.sentBefore(first.seq, journal);
    if (session.record.batch && entries.length > 1) {
      const wanted = entries.filter((entry) => entry.seq > sent && session.wants(entry));
      for (const text of texts.batches(wanted, sent)) this.send(socket, session, text);
      sent = wanted.at(-1)?.seq ?? sent;
    } else {
      for (const entry of entries) {
        if (entry.seq <= sent || !session.wants(entry)) continue;
        this.send(socket, session, texts.event(entry, sent));
        sent = entry.seq;
      }
    }
    session.lastSent = sent;
  }
}

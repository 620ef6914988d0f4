import { CLOSE_CODES, reconnectAfter } from "../protocol/close-codes.ts";
import type { ServerFrame } from "../protocol/frames.ts";
import type { StreamTicket } from "./api.ts";
import { backoffMs } from "./backoff.ts";
import { closeInWords } from "./close-words.ts";
import { Heartbeat } from "./heartbeat.ts";
import type { Failure, Outcome, TokenSource } from "./outcome.ts";
import { readFrame } from "./read-frame.ts";
import { judgeArrival, type StreamPosition, streamUrl } from "./stream-cursor.ts";
import type { ConnectionState, StreamEvent, StreamItem } from "./stream-item.ts";
import { Timer } from "./timer.ts";

/** From asking for a ticket to the first state, milliseconds. */
export const CONNECT_TIMEOUT_MS = 20_000;
/** What was received is acknowledged this long after the first event, milliseconds. */
export const ACK_INTERVAL_MS = 3_000;
/** A connection that held this long was a good one: the back-off starts anew, milliseconds. */
export const STABLE_AFTER_MS = 10_000;

/** The part of a WebSocket that is used: the browser's and that of the `ws` package fit. */
export type SocketLike = {
  send(text: string): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: "close", listener: (event: { readonly code: number }) => void): void;
};

/** What the stream needs from around it. */
export type GuildSocketOptions = {
  /** Gets a single-use ticket, made with another token than `staleToken`. */
  readonly ticket: (staleToken?: string) => Promise<Outcome<StreamTicket>>;
  readonly tokens: TokenSource;
  /** What arrived, in order; several at once when they came in one frame. */
  readonly onItems: (items: readonly StreamItem[]) => void;
  readonly onState: (state: ConnectionState) => void;
  readonly openSocket?: (url: string) => SocketLike;
  /** 0 to 1, for the jitter. */
  readonly random?: () => number;
};

/** One connection, from the ticket to its end. */
type Link = {
  /** Token that the hub knows this connection by. */
  token: string;
  socket: SocketLike | undefined;
  heartbeat: Heartbeat | undefined;
  readonly deadline: Timer;
  readonly ackTimer: Timer;
  epoch: string;
  /** The hub's seq when it accepted us. */
  head: number;
  /** Seq of the last event that came over this connection. */
  received: number;
  events: number;
  liveSince: number | undefined;
};

/**
 * A guild's event stream that comes back by itself (rooms.md §2): ticket, connection, resume from
 * the last event seen, back-off with full jitter, token renewal on the open socket. What it hands on
 * has no duplicate, and a hole is closed by resuming before anything after it is handed on.
 */
export class GuildSocket {
  readonly #options: GuildSocketOptions;
  #link: Link | undefined;
  #position: StreamPosition | null = null;
  #attempt = 0;
  readonly #waiting = new Timer();
  #staleToken: string | undefined;
  /** Seq before the last hole: a second one there means that resuming does not help. */
  #lastHole: number | undefined;

  constructor(options: GuildSocketOptions) {
    this.#options = options;
  }

  /** Connects now: the first time, instead of waiting, or after it had stopped. */
  connect(): void {
    if (this.#link !== undefined) return;
    this.#waiting.clear();
    void this.#connect();
  }

  /** Checks that the connection is still alive: the network changed or the page was hidden. */
  probe(): void {
    this.#link?.heartbeat?.probe();
  }

  /** Ends the stream. The position is kept, so that a later `connect` resumes. */
  stop(): void {
    this.#waiting.clear();
    this.#drop(CLOSE_CODES.normal.code);
    this.#options.onState({ kind: "stopped", why: "The stream is closed." });
  }

  async #connect(): Promise<void> {
    const link: Link = {
      token: "",
      socket: undefined,
      heartbeat: undefined,
      deadline: new Timer(),
      ackTimer: new Timer(),
      epoch: "",
      head: 0,
      received: 0,
      events: 0,
      liveSince: undefined,
    };
    this.#link = link;
    link.deadline.set(CONNECT_TIMEOUT_MS, () => {
      this.#lost(link, "The server did not answer in time.");
    });
    this.#options.onState({ kind: "connecting" });
    const ticket = await this.#options.ticket(this.#staleToken);
    if (this.#link !== link) return;
    if (!ticket.ok) {
      this.#noTicket(ticket.failure);
      return;
    }
    this.#staleToken = undefined;
    link.token = ticket.value.token;
    const socket = (this.#options.openSocket ?? openWebSocket)(
      streamUrl(ticket.value.url, this.#position),
    );
    link.socket = socket;
    socket.addEventListener("message", (event) => {
      if (this.#link !== link) return;
      link.heartbeat?.alive();
      const read = readFrame(event.data);
      if (read.kind === "frame") this.#onFrame(link, read.frame);
    });
    socket.addEventListener("close", (event) => {
      if (this.#link === link) this.#onClose(link, event.code);
    });
  }

  #noTicket(failure: Failure): void {
    this.#drop();
    if (failure.kind === "signed-out") this.#options.onState({ kind: "signed-out" });
    else if (failure.kind === "refused") this.#stopped(failure.message);
    else this.#wait(failure.message, failure.retryAfterMs);
  }

  #onFrame(link: Link, frame: ServerFrame): void {
    switch (frame.type) {
      case "ack":
        link.epoch = frame.epoch;
        link.head = frame.seq;
        link.heartbeat = new Heartbeat(
          (text) => link.socket?.send(text),
          () => {
            this.#lost(link, "The server has gone silent.");
          },
        );
        this.#options.onItems([{ type: "accepted", guildId: frame.guildId }]);
        return;
      case "event":
        this.#onEvents(link, [{ ...frame, type: "event" }]);
        return;
      case "batch":
        this.#onEvents(
          link,
          frame.events.map((event) => ({ ...event, type: "event" })),
        );
        return;
      case "snapshot":
        this.#position = { epoch: frame.epoch, seq: frame.seq };
        this.#options.onItems([frame]);
        this.#live(link);
        return;
      case "resumed": {
        // Complete up to the hub's head, though the last events may have been for others only.
        const seq = Math.max(this.#position?.seq ?? 0, frame.to, link.head);
        this.#position = { epoch: frame.epoch, seq };
        const { from, to } = frame;
        this.#options.onItems([{ type: "resumed", from, to, events: link.events }]);
        this.#live(link);
        return;
      }
      case "auth.expiring":
        void this.#renew(link);
        return;
      case "reauth.ok":
      case "error":
        return;
    }
  }

  #onEvents(link: Link, events: readonly StreamEvent[]): void {
    const items: StreamItem[] = [];
    for (const event of events) {
      const seen = this.#position?.seq ?? event.seq - 1;
      const arrival = judgeArrival(seen, event);
      if (arrival === "duplicate") continue;
      if (arrival === "hole") {
        this.#options.onItems([...items, { type: "hole", after: seen, got: event.seq }]);
        this.#onHole(link, seen);
        return;
      }
      this.#position = { epoch: this.#position?.epoch ?? link.epoch, seq: event.seq };
      link.received = event.seq;
      link.events += 1;
      items.push(event);
    }
    if (items.length === 0) return;
    this.#options.onItems(items);
    if (link.ackTimer.pending) return;
    link.ackTimer.set(ACK_INTERVAL_MS, () => {
      link.socket?.send(JSON.stringify({ type: "ack", seq: link.received }));
    });
  }

  #onHole(link: Link, after: number): void {
    if (this.#lastHole === after) this.#position = null;
    this.#lastHole = after;
    this.#lost(link, "Some events did not arrive: fetching them.");
  }

  #live(link: Link): void {
    link.deadline.clear();
    link.liveSince = Date.now();
    this.#options.onState({ kind: "live", since: link.liveSince });
  }

  /** A newer token for the open socket. Without one the hub closes with 4401 and we come back. */
  async #renew(link: Link): Promise<void> {
    const token = await this.#options.tokens(link.token);
    if (this.#link !== link || !token.ok) return;
    link.token = token.value;
    link.socket?.send(JSON.stringify({ type: "reauth", token: token.value }));
  }

  #onClose(link: Link, code: number): void {
    const why = closeInWords(code);
    const reaction = reconnectAfter(code);
    if (reaction === "no") {
      this.#drop();
      this.#options.onItems([{ type: "lost", why }]);
      this.#stopped(why);
      return;
    }
    if (reaction === "after refresh") this.#staleToken = link.token;
    this.#lost(link, why);
  }

  #lost(link: Link, why: string): void {
    if (this.#link !== link) return;
    const wasLive = link.liveSince !== undefined;
    if (wasLive && Date.now() - (link.liveSince ?? 0) >= STABLE_AFTER_MS) this.#attempt = 0;
    this.#drop();
    if (wasLive) this.#options.onItems([{ type: "lost", why }]);
    this.#wait(why);
  }

  #wait(why: string, atLeastMs = 0): void {
    const random = this.#options.random ?? Math.random;
    const ms = backoffMs(this.#attempt, random(), atLeastMs);
    this.#attempt += 1;
    this.#options.onState({ kind: "waiting", until: Date.now() + ms, why });
    this.#waiting.set(ms, () => void this.#connect());
  }

  #stopped(why: string): void {
    this.#options.onState({ kind: "stopped", why });
  }

  /** Lets go of the present connection; nothing of it is heard any more. */
  #drop(code?: number): void {
    const link = this.#link;
    this.#link = undefined;
    if (link === undefined) return;
    link.deadline.clear();
    link.ackTimer.clear();
    link.heartbeat?.stop();
    link.socket?.close(code);
  }
}

function openWebSocket(url: string): SocketLike {
  return new WebSocket(url);
}

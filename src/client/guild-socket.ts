import type { CLOSE_CODES } from "../protocol/close-codes.ts";
import { SUBSCRIBE_CHANNELS_MAX } from "../protocol/limits.ts";
import type { EventStream, StreamTicket } from "./api.ts";
import { BACKOFF_CAP_MS, backoffMs, UNREACHABLE_CAP_MS } from "./backoff.ts";
import { closeOf } from "./close-words.ts";
import { Link } from "./link.ts";
import { isOffline, type SocketLike } from "./network.ts";
import { failed, type Failure, type Outcome, type TokenSource } from "./outcome.ts";
import { type EventBody, isPresence, isSeq, readFrame, type ServerFrame } from "./server-frame.ts";
import { StreamCursor } from "./stream-cursor.ts";
import type { ConnectionState, StreamItem } from "./stream-item.ts";
import { Timer } from "./timer.ts";

/** A connection that held this long was a good one: the back-off starts anew, milliseconds. */
const STABLE_AFTER_MS = 10_000;
/** WebSockets that did not open, one after the other, until the stream is asked for over HTTP. */
export const WEBSOCKET_TRIES = 3;
/** A WebSocket is tried again at the first reconnect after this time over HTTP, milliseconds. */
export const WEBSOCKET_PAUSE_MS = 5 * 60_000;

const NORMAL: (typeof CLOSE_CODES)["normal"]["code"] = 1000;

/** What the stream needs from around it. */
export type GuildSocketOptions = {
  /** Gets a single-use ticket, made with another token than `staleToken`. */
  readonly ticket: (staleToken?: string) => Promise<Outcome<StreamTicket>>;
  /** Opens the stream over HTTP with this query, likewise. Absent: there is no fallback. */
  readonly events?: (
    query: URLSearchParams,
    until: AbortSignal,
    staleToken?: string,
  ) => Promise<Outcome<EventStream>>;
  readonly tokens: TokenSource;
  /** Whether to get presence and other last values. */
  readonly signals?: boolean;
  /** What arrived, in order; several at once when they came in one frame. Must not throw. */
  readonly onItems: (items: readonly StreamItem[]) => void;
  readonly onState: (state: ConnectionState) => void;
  readonly openSocket?: (url: string) => SocketLike;
  /** 0 to 1, for the jitter. */
  readonly random?: () => number;
};

/**
 * A guild's event stream that comes back by itself (rooms.md §2): ticket, connection, resume from
 * the last event seen, back-off with full jitter, token renewal on the open socket, and HTTP where
 * no WebSocket gets through. What it hands on has no duplicate, and a hole is closed by resuming
 * before anything after it is handed on.
 */
export class GuildSocket {
  readonly #options: GuildSocketOptions;
  readonly #cursor = new StreamCursor();
  readonly #waiting = new Timer();
  #link: Link | undefined;
  #channelIds: readonly string[] = [];
  #attempt = 0;
  #staleToken: string | undefined;
  /** The server's wish for the first attempt after a loss, milliseconds. */
  #retryWindowMs = 0;
  /** WebSockets that did not open since the last one that did. */
  #unopened = 0;
  /** Until then HTTP is used; milliseconds since 1970. */
  #httpUntil = 0;

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
    this.#link?.probe();
  }

  /** There is reason to look: connects if it waits to, and checks the connection if there is one. */
  wake(): void {
    if (this.#waiting.pending) this.connect();
    else this.probe();
  }

  /**
   * Narrows the stream to some channels, on this connection and every later one; an empty list
   * takes that back. Over HTTP the stream is not narrowed.
   * @returns a failure, and nothing is changed, when there are more than the hub takes
   */
  subscribe(channelIds: readonly string[]): Outcome<null> {
    if (channelIds.length > SUBSCRIBE_CHANNELS_MAX) {
      const message = `Choose at most ${SUBSCRIBE_CHANNELS_MAX} channels.`;
      return failed({ kind: "refused", message });
    }
    this.#channelIds = [...channelIds];
    this.#link?.outbox?.subscribe(this.#channelIds);
    return { ok: true, value: null };
  }

  /** Ends the stream. The position is kept, so that a later `connect` resumes. */
  stop(): void {
    this.#waiting.clear();
    this.#drop(NORMAL);
    this.#stopped("The stream is closed.");
  }

  async #connect(): Promise<void> {
    const http = Date.now() < this.#httpUntil;
    const link: Link = new Link(http ? "http" : "websocket", {
      onMessage: (data) => {
        const read = readFrame(data);
        if (read.kind === "frame") this.#onFrame(link, read.frame, String(data));
      },
      onEnd: (code, why) => {
        this.#onEnd(link, code, why);
      },
    });
    this.#link = link;
    this.#state({ kind: "connecting" });
    const query = this.#query(http ? "after" : "seq");
    const { ticket, events } = this.#options;
    const entry = await (http && events !== undefined
      ? events(query, link.closed, this.#staleToken)
      : ticket(this.#staleToken));
    if (link.closed.aborted) return;
    if (!entry.ok) {
      this.#notAdmitted(link, entry.failure);
      return;
    }
    this.#staleToken = undefined;
    link.token = entry.value.token;
    if ("body" in entry.value) await link.read(entry.value);
    else {
      const { openSocket = openWebSocket } = this.#options;
      link.openSocket(openSocket, `${entry.value.url}&${query.toString()}`);
    }
  }

  /** What a connection takes, and the position to resume from. */
  #query(seqName: "seq" | "after"): URLSearchParams {
    const { position } = this.#cursor;
    return new URLSearchParams({
      batch: "1",
      ...(this.#options.signals === true && { signals: "1" }),
      ...(position !== null && { epoch: position.epoch, [seqName]: String(position.seq) }),
    });
  }

  #notAdmitted(link: Link, failure: Failure): void {
    const { kind, message } = failure;
    this.#drop();
    const overHttp = link.over === "http";
    // Refused over HTTP may only mean that this server has no such stream: the ticket will tell. No answer
    // at all says nothing about the carrier.
    if (overHttp && kind !== "unreachable") this.#httpUntil = 0;
    if (kind === "signed-out") this.#state({ kind });
    else if (kind === "refused" && !overHttp) this.#stopped(message, failure);
    else this.#wait(message, 0, failure);
  }

  #onFrame(link: Link, frame: ServerFrame, text: string): void {
    switch (frame.type) {
      case "ack": {
        const { type: _, guildId, connectionId } = frame;
        link.accept(frame.epoch, frame.seq, frame.limits ?? {});
        this.#retryWindowMs = isSeq(frame.retryWindowMs) ? frame.retryWindowMs : 0;
        if (link.over === "websocket") this.#unopened = 0;
        if (this.#channelIds.length > 0) link.outbox?.subscribe(this.#channelIds);
        this.#handOn([{ type: "accepted", guildId, connectionId }]);
        return;
      }
      case "event":
        this.#onEvents(link, [frame], text);
        return;
      case "batch":
        this.#onEvents(link, frame.events, text);
        return;
      case "snapshot": {
        const { epoch, seq, presence } = frame;
        this.#cursor.jump({ epoch, seq });
        const known = isPresence(presence);
        this.#handOn(known ? [frame, { ...presence, type: "presence" }] : [frame]);
        this.#live(link);
        return;
      }
      case "resumed": {
        // Complete up to the hub's head, though the last events may have been for others only.
        const { type, epoch, from, to } = frame;
        const seq = Math.max(this.#cursor.position?.seq ?? 0, to, link.head);
        this.#cursor.jump({ epoch, seq });
        this.#handOn([{ type, from, to, events: link.events }]);
        this.#live(link);
        return;
      }
      case "signal": {
        const { event, payload } = frame;
        const isOurs = event === "presence" && isPresence(payload);
        this.#handOn([isOurs ? { ...payload, type: "presence" } : frame]);
        return;
      }
      case "error":
        this.#handOn([frame]);
        return;
      case "auth.expiring":
        void this.#renew(link);
        return;
      case "reauth.ok":
        return;
    }
  }

  #onEvents(link: Link, events: readonly EventBody[], text: string): void {
    const items = this.#cursor.take(link.epoch, events);
    const last = items.at(-1);
    if (last === undefined) return;
    if ("seq" in last) {
      link.events += items.length;
      link.outbox?.received(last.seq, items.length, text);
    }
    this.#handOn(items);
    if (last.type === "hole") this.#lost(link, "Some events did not arrive: fetching them.", 0);
  }

  #live(link: Link): void {
    if (link.closed.aborted) return;
    const since = Date.now();
    link.live(since);
    this.#state({ kind: "live", since, over: link.over });
  }

  /** A newer token for the open socket. Without one the hub closes with 4401 and we come back. */
  async #renew(link: Link): Promise<void> {
    if (link.outbox === undefined) return;
    const token = await this.#options.tokens(link.token);
    if (link.closed.aborted || !token.ok) return;
    link.token = token.value;
    link.send(JSON.stringify({ type: "reauth", token: token.value }));
  }

  #onEnd(link: Link, code: number, reason?: string): void {
    const row = closeOf(code);
    const [reaction, why] = row ?? ["yes", reason ?? "The connection was lost."];
    if (row === undefined && !link.accepted) this.#didNotOpen(link);
    if (reaction === "after refresh") this.#staleToken = link.token;
    if (reaction !== "no") this.#lost(link, why, reaction === "yes" ? this.#retryWindowMs : 0);
    else {
      this.#drop();
      this.#stopped(why);
      this.#handOn([{ type: "lost", why }]);
    }
  }

  /** Chooses the carrier of the next connection: the other one, if this one has had its chances. */
  #didNotOpen({ over, token }: Link): void {
    if (over === "http") {
      this.#httpUntil = 0;
      return;
    }
    // Without a token not even the ticket was there: the carrier is not to blame.
    if (token === "" || this.#options.events === undefined) return;
    this.#unopened += 1;
    // The server gave a ticket, so waiting longer for it would not help.
    this.#attempt = Math.max(0, this.#attempt - 1);
    if (this.#unopened >= WEBSOCKET_TRIES) {
      // From now on, one failure is enough to come back to HTTP.
      this.#unopened = WEBSOCKET_TRIES - 1;
      this.#httpUntil = Date.now() + WEBSOCKET_PAUSE_MS;
    }
  }

  #lost({ closed, liveSince }: Link, why: string, windowMs: number): void {
    if (closed.aborted) return;
    if (liveSince !== undefined && Date.now() - liveSince >= STABLE_AFTER_MS) this.#attempt = 0;
    this.#drop();
    this.#wait(why, windowMs);
    if (liveSince !== undefined) this.#handOn([{ type: "lost", why }]);
  }

  #wait(why: string, windowMs: number, failure?: Failure): void {
    const { random = Math.random } = this.#options;
    const capMs = failure?.kind === "unreachable" ? UNREACHABLE_CAP_MS : BACKOFF_CAP_MS;
    const ms = backoffMs(this.#attempt, random(), failure?.retryAfterMs, windowMs, capMs);
    this.#attempt += 1;
    this.#retryWindowMs = 0;
    const until = Date.now() + ms;
    this.#waiting.set(ms, () => {
      this.connect();
    });
    this.#state({ kind: "waiting", until, why, failure, ...(isOffline() && { offline: true }) });
  }

  #stopped(why: string, failure?: Failure): void {
    this.#state({ kind: "stopped", why, failure });
  }

  #state(state: ConnectionState): void {
    this.#options.onState(state);
  }

  #handOn(items: readonly StreamItem[]): void {
    this.#options.onItems(items);
  }

  #drop(code?: number): void {
    this.#link?.close(code);
    this.#link = undefined;
  }
}

function openWebSocket(url: string): SocketLike {
  return new WebSocket(url);
}

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

/** A connection that was live this long, milliseconds, resets the back-off. */
const STABLE_AFTER_MS = 10_000;
/** After this many WebSockets in a row that did not open, the client uses HTTP. */
export const WEBSOCKET_TRIES = 3;
/** After this time over HTTP, milliseconds, the next reconnect tries a WebSocket again. */
export const WEBSOCKET_PAUSE_MS = 5 * 60_000;

const NORMAL: (typeof CLOSE_CODES)["normal"]["code"] = 1000;

export type GuildSocketOptions = {
  /** Gets a single-use ticket, issued for another token than `staleToken`. */
  readonly ticket: (staleToken?: string) => Promise<Outcome<StreamTicket>>;
  /**
   * Opens the stream over HTTP with this query, also with another token than `staleToken`. Absent: no fallback.
   */
  readonly events?: (
    query: URLSearchParams,
    until: AbortSignal,
    staleToken?: string,
  ) => Promise<Outcome<EventStream>>;
  readonly tokens: TokenSource;
  /** Whether to get presence and other last values. */
  readonly signals?: boolean;
  /** Gets the items in order, several in one call when they came in one frame. Must not throw. */
  readonly onItems: (items: readonly StreamItem[]) => void;
  readonly onState: (state: ConnectionState) => void;
  readonly openSocket?: (url: string) => SocketLike;
  /** 0 to 1, for the jitter. */
  readonly random?: () => number;
};

/**
 * A guild's event stream that reconnects by itself (rooms.md §2): ticket, connection, resume from the last event
 * seen, back-off with full jitter, token renewal on the open socket, and HTTP where no WebSocket gets through. It
 * hands on no duplicates, and it resumes to fill a hole before it hands on any later event.
 */
export class GuildSocket {
  readonly #options: GuildSocketOptions;
  readonly #cursor = new StreamCursor();
  readonly #waiting = new Timer();
  #link: Link | undefined;
  #channelIds: readonly string[] = [];
  #attempt = 0;
  #staleToken: string | undefined;
  /** The server's `retryWindowMs`, for the first attempt after a loss, milliseconds. */
  #retryWindowMs = 0;
  /** WebSockets that failed to open since the last one that opened. */
  #unopened = 0;
  /** HTTP is used until this time; milliseconds since 1970. */
  #httpUntil = 0;

  constructor(options: GuildSocketOptions) {
    this.#options = options;
  }

  /** Connects now: for the first time, before the end of a wait, or after a stop. */
  connect(): void {
    if (this.#link !== undefined) return;
    this.#waiting.clear();
    void this.#connect();
  }

  /** Checks that the connection is still alive, after the network changed or the page was hidden. */
  probe(): void {
    this.#link?.probe();
  }

  /**
   * Call it when the network may have changed. Connects at once if a reconnect is scheduled, else probes the
   * connection.
   */
  wake(): void {
    if (this.#waiting.pending) this.connect();
    else this.probe();
  }

  /**
   * Limits the stream to some channels, on this connection and every later one. An empty list removes the limit.
   * Over HTTP it has no effect.
   * @returns a failure when there are more channels than the hub accepts; nothing changes then
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

  /** The options of a connection, and the position to resume from. */
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
    // A refusal over HTTP may only mean that this server has no such stream. The request for a ticket will show
    // it. No answer at all says nothing about the carrier.
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
        // The client has everything up to the hub's head, even if the last events were not for this reader.
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

  /** Sends a newer token on the open socket. Without one the hub closes with 4401, and the client reconnects. */
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

  /** Chooses the carrier of the next connection after one that did not open. */
  #didNotOpen({ over, token }: Link): void {
    if (over === "http") {
      this.#httpUntil = 0;
      return;
    }
    // Without a token even the ticket failed, so the carrier is not the cause.
    if (token === "" || this.#options.events === undefined) return;
    this.#unopened += 1;
    // The server issued a ticket, so it is up, and a longer wait would not help.
    this.#attempt = Math.max(0, this.#attempt - 1);
    if (this.#unopened >= WEBSOCKET_TRIES) {
      // From now on one failed WebSocket is enough to return to HTTP.
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

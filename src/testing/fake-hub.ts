import type { EventStream, StreamTicket } from "../client/api.ts";
import type { GuildEvent } from "../client/guild-event.ts";
import type { SocketLike } from "../client/network.ts";
import type { Outcome } from "../client/outcome.ts";
import type { Room } from "../client/resources.ts";
import { PING_FRAME, PONG_FRAME } from "../protocol/frames.ts";
import { EVENT_STREAM_KEEP_ALIVE_MS } from "../protocol/limits.ts";

/** An entry of the journal. */
export type Entry = {
  readonly seq: number;
  readonly body: GuildEvent;
  /** Whether this client may see it; seq jumps over the others. */
  readonly visible: boolean;
};

/** A frame as tests read it. */
export type SentFrame = Readonly<Record<string, unknown>>;

/** The hub's end of one connection. */
export class FakeSocket implements SocketLike {
  readonly url: URL;
  /** Frames that the client sent. */
  readonly received: SentFrame[] = [];
  /** False: the network drops everything, in both directions. */
  network = true;
  closed = false;
  /** Seq of the last event sent here, for `prev`. */
  last = 0;
  readonly #onMessage: ((event: { readonly data: unknown }) => void)[] = [];
  readonly #onClose: ((event: { readonly code: number }) => void)[] = [];

  constructor(url: string) {
    this.url = new URL(url);
  }

  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: "close", listener: (event: { readonly code: number }) => void): void;
  addEventListener(type: "error", listener: () => void): void;
  addEventListener(
    type: "message" | "close" | "error",
    listener: (event: { readonly data: unknown; readonly code: number }) => void,
  ): void {
    if (type === "message") this.#onMessage.push((event) => listener({ ...event, code: 0 }));
    else if (type === "close") this.#onClose.push((event) => listener({ ...event, data: null }));
  }

  send(text: string): void {
    if (!this.network || this.closed) return;
    if (text === PING_FRAME) this.deliver(PONG_FRAME);
    else this.received.push(JSON.parse(text));
  }

  close(): void {
    this.closed = true;
  }

  /** Sends to the client. */
  deliver(frame: SentFrame | string): void {
    if (!this.network || this.closed) return;
    const data = typeof frame === "string" ? frame : JSON.stringify(frame);
    for (const listener of this.#onMessage) listener({ data });
  }

  /** Ends the connection, as the client sees it. */
  end(code: number): void {
    if (this.closed) return;
    this.closed = true;
    for (const listener of this.#onClose) listener({ code });
  }
}

/** The hub's end of one connection over HTTP. It sends frames in the body of an answer. */
export class FakeStream extends FakeSocket {
  readonly body: EventStream["body"];
  #out: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>> | undefined;
  readonly #keepAlive = setInterval(() => {
    this.write(":\n\n");
  }, EVENT_STREAM_KEEP_ALIVE_MS);

  constructor(url: string, until: AbortSignal) {
    super(url);
    this.body = new ReadableStream({
      start: (out) => {
        this.#out = out;
      },
    });
    until.addEventListener("abort", () => {
      this.#finish(() => this.#out?.error(until.reason));
    });
  }

  override deliver(frame: SentFrame | string): void {
    this.write(`data: ${typeof frame === "string" ? frame : JSON.stringify(frame)}\n\n`);
  }

  /** Sends these bytes as they are. */
  write(text: string): void {
    if (!this.network || this.closed) return;
    this.#out?.enqueue(new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>);
  }

  /** Ends the answer; with a last message, unless it broke. */
  override end(code: number): void {
    if (code !== 1006) this.write(`event: close\ndata: ${JSON.stringify({ code })}\n\n`);
    this.#finish(() => {
      if (code === 1006) this.#out?.error(new TypeError("network error"));
      else this.#out?.close();
    });
  }

  #finish(how: () => void): void {
    if (this.closed) return;
    this.closed = true;
    clearInterval(this.#keepAlive);
    how();
  }
}

/** A hub with one client, as in rooms.md §2: journal, resume, snapshot. */
export class FakeHub {
  epoch = "epoch-1";
  journal: Entry[] = [];
  readonly sockets: FakeSocket[] = [];
  /** Stale tokens that requests for tickets and streams named. */
  readonly staleTokens: (string | undefined)[] = [];
  /** Replace the answers to the next ticket requests. */
  readonly ticketAnswers: (Outcome<StreamTicket> | Promise<Outcome<StreamTicket>>)[] = [];
  /** How many missed events arrive on a new connection. With more, the connection breaks after them. */
  deliverAtMost = Number.POSITIVE_INFINITY;
  /** Accepts connections and sends nothing. */
  mute = false;
  /** False: something on the way blocks WebSockets. */
  websockets = true;
  /** Whether its client asks for signals. */
  signals = false;
  /** Additional members of `auth.ok`. */
  welcome: SentFrame = {};
  /** Replace the answers to the next requests for the stream over HTTP. */
  readonly httpAnswers: Outcome<EventStream>[] = [];
  /** Every entry that was ever published, by epoch. */
  readonly history = new Map<string, Entry[]>();
  /** Seqs of events that never arrive, however often they are sent. */
  readonly lossy = new Set<number>();
  readonly #state = new Map<string, Room>();

  get head(): number {
    return this.journal.at(-1)?.seq ?? 0;
  }

  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error("no client has connected");
    return socket;
  }

  /** Rooms with their members, as plain data: what a client should know. */
  get rooms(): Record<string, { name: string; members: string[] }> {
    return Object.fromEntries(
      [...this.#state.values()].map(({ channelId, name, members }) => [
        channelId,
        { name, members: members.map((member) => member.userId).toSorted() },
      ]),
    );
  }

  readonly ticket = (staleToken?: string): Promise<Outcome<StreamTicket>> => {
    this.staleTokens.push(staleToken);
    const token = `token-${this.staleTokens.length}`;
    const url = `wss://hub.test/ws?ticket=${token}`;
    return Promise.resolve(this.ticketAnswers.shift() ?? { ok: true, value: { url, token } });
  };

  readonly open = (url: string): FakeSocket => {
    const socket = new FakeSocket(url);
    this.sockets.push(socket);
    queueMicrotask(() => {
      if (this.websockets) this.#welcome(socket);
      else socket.end(1006);
    });
    return socket;
  };

  readonly events = (
    query: URLSearchParams,
    until: AbortSignal,
    staleToken?: string,
  ): Promise<Outcome<EventStream>> => {
    this.staleTokens.push(staleToken);
    const answer = this.httpAnswers.shift();
    if (answer !== undefined) return Promise.resolve(answer);
    const stream = new FakeStream(`https://hub.test/events?${query.toString()}`, until);
    this.sockets.push(stream);
    this.#welcome(stream);
    const token = `token-${this.staleTokens.length}`;
    return Promise.resolve({ ok: true, value: { body: stream.body, token } });
  };

  /** Appends an event and sends it, unless it changes nothing (as in the contract). */
  publish(body: GuildEvent, visible = true): void {
    if (visible && !this.#apply(body)) return;
    const entry = { seq: this.head + 1, body, visible };
    this.journal.push(entry);
    this.history.set(this.epoch, [...(this.history.get(this.epoch) ?? []), entry]);
    const socket = this.sockets.at(-1);
    if (visible && socket !== undefined && !socket.closed) {
      const members = this.#members(entry, socket);
      if (!this.lossy.has(entry.seq)) socket.deliver({ v: 1, type: "event", ...members });
    }
  }

  /** Loses the journal and starts a new epoch, with the same rooms. */
  renew(): void {
    this.epoch = `${this.epoch}+`;
    this.journal = [];
  }

  #welcome(socket: FakeSocket): void {
    if (this.mute) return;
    const frame = { v: 1, guildId: "g", connectionId: "x", limits: {}, ...this.welcome };
    socket.deliver({ ...frame, type: "ack", event: "auth.ok", epoch: this.epoch, seq: this.head });
    const { searchParams } = socket.url;
    const from = Number(searchParams.get("seq") ?? searchParams.get("after"));
    if (searchParams.get("epoch") !== this.epoch || from > this.head) {
      socket.last = this.head;
      const reason = searchParams.has("epoch") ? "unknown_epoch" : "first_connection";
      const rooms = [...this.#state.values()];
      const { epoch, head: seq } = this;
      socket.deliver({ v: 1, type: "snapshot", epoch, seq, reason, rooms });
      return;
    }
    socket.last = from;
    const missed = this.journal.filter((entry) => entry.visible && entry.seq > from);
    const events = missed
      .slice(0, this.deliverAtMost)
      .map((one) => this.#members(one, socket))
      .filter((event) => !this.lossy.has(Number(event["seq"])));
    if (events.length > 0) socket.deliver({ v: 1, type: "batch", events });
    if (missed.length > this.deliverAtMost) {
      socket.end(1006);
      return;
    }
    socket.deliver({ v: 1, type: "resumed", epoch: this.epoch, from, to: socket.last });
  }

  #members({ seq, body }: Entry, socket: FakeSocket): SentFrame {
    const prev = socket.last === seq - 1 ? {} : { prev: socket.last };
    socket.last = seq;
    return { event: body.event, payload: body.payload, ts: seq, seq, id: `e${seq}`, ...prev };
  }

  #apply({ event, payload }: GuildEvent): boolean {
    switch (event) {
      case "gateway.state":
      case "match.created":
      case "match.updated":
      case "match.ended":
      case "match.room.created":
      case "match.room.deleted":
        return true;
    }
    const room = this.#state.get(payload.channelId);
    if (event === "room.created") {
      if (room !== undefined) return false;
      this.#state.set(payload.channelId, newRoom(payload.channelId, payload.name));
      return true;
    }
    if (room === undefined) return false;
    if (event === "room.deleted") return this.#state.delete(payload.channelId);
    if (event === "room.updated") {
      this.#state.set(payload.channelId, { ...room, name: payload.name });
      return true;
    }
    const inside = room.members.some((member) => member.userId === payload.userId);
    if (inside === (event === "voice.joined")) return false;
    const joined = { userId: payload.userId, joinedAt: new Date(0).toISOString() };
    const members = inside
      ? room.members.filter((member) => member.userId !== payload.userId)
      : [...room.members, joined];
    this.#state.set(payload.channelId, { ...room, members });
    return true;
  }
}

/** An open room without members. */
export function newRoom(channelId: string, name = channelId): Room {
  return {
    channelId,
    name,
    guildId: "g",
    userLimit: 4,
    private: false,
    createdBy: "someone",
    createdAt: "2026-01-01T00:00:00.000Z",
    state: "open",
    endedAt: null,
    members: [],
  };
}

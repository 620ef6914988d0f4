import { deserialize, serialize } from "node:v8";
import type { StreamHost } from "../hub/host.ts";
import type { HubRuntime, RuntimeSocket, Upgrade } from "../hub/runtime.ts";
import { log } from "../platform/log.ts";
import { CLOSE_CODES, type CloseName } from "../protocol/close-codes.ts";
import { ServerFrame } from "../protocol/frames.ts";
import { MemoryStorage } from "./memory-storage.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** Size limit of a socket's attachment, bytes (Cloudflare, `serializeAttachment`). */
const ATTACHMENT_MAX_BYTES = 2_048;
/** Size limit of a close reason, bytes (RFC 6455 §5.5). */
const REASON_MAX_BYTES = 123;
/** Close codes that must not be sent (RFC 6455 §7.4.1). */
const RESERVED_CODES: ReadonlySet<number> = new Set([1005, 1006, 1015]);
/** A client answers a close after this time, milliseconds. */
const CLOSE_HANDSHAKE_MS = 1;
/** The platform refuses alarms from this time on, milliseconds. */
const ALARM_LIMIT = Date.UTC(2190, 0);
/** The platform repeats a failed `alarm` after this time, milliseconds. */
const ALARM_RETRY_MS = 2_000;
/** Close code of a connection that ended without a close frame. */
const LOST = 1006;

const NAMES: ReadonlyMap<number, CloseName> = new Map(
  Object.entries(CLOSE_CODES).map(([name, { code }]) => [code, name as CloseName]),
);

/** The object was killed before it answered. */
export class ObjectDied extends Error {
  override readonly name = "ObjectDied";
}

/** A client at the other end of a socket. Without one, the socket keeps what it was sent. */
export type SocketClient = {
  receive(text: string): void;
  /** The connection has ended, from either side. */
  ended(): void;
  /** When its last ping was answered, milliseconds; null: never. */
  pingedAt(now: number): number | null;
};

/** Both ends of a WebSocket. */
export class MemorySocket implements RuntimeSocket {
  readyState: number = WebSocket.OPEN;
  /** Frames that were sent while no client was attached. */
  sent: string[] = [];
  /** When its last ping was answered, milliseconds. */
  pingAt: number | null = null;
  /** The code it was closed with; null: it is open. */
  closedWith: number | null = null;
  /** The reason that we closed it with. */
  reason = "";
  /** Its client does not answer a close: the platform lists the socket until {@link MemoryObject.drop}. */
  ignoresClose = false;
  /** Bytes as one character each: a million attachments need less memory like this. */
  #attachment: string | null = null;
  #client: SocketClient | null = null;
  readonly #object: Pick<MemoryObject<Served>, "isMute" | "closing">;

  constructor(object: Pick<MemoryObject<Served>, "isMute" | "closing">) {
    this.#object = object;
  }

  /** Attaches a client, which receives what was already sent. */
  attach(client: SocketClient): void {
    this.#client = client;
    const { sent } = this;
    // A new array instead of an emptied one: a million emptied arrays would keep their memory.
    this.sent = [];
    for (const text of sent) client.receive(text);
    if (this.closedWith !== null) client.ended();
  }

  send(text: string | ArrayBuffer | ArrayBufferView): void {
    if (this.readyState !== WebSocket.OPEN) throw new TypeError("the socket is not open");
    if (typeof text !== "string") throw new TypeError("frames are text");
    if (this.#object.isMute) return;
    if (this.#client === null) this.sent.push(text);
    else this.#client.receive(text);
  }

  close(code = 1000, reason = ""): void {
    if (RESERVED_CODES.has(code)) throw new TypeError(`the close code ${code} must not be sent`);
    if (Buffer.byteLength(reason) > REASON_MAX_BYTES) throw new TypeError("the reason is too long");
    if (this.readyState !== WebSocket.OPEN) return;
    this.readyState = WebSocket.CLOSING;
    this.reason = reason;
    this.#object.closing(this, code);
    this.end(code);
  }

  /** Ends the connection for the client. */
  end(code: number): void {
    if (this.closedWith !== null) return;
    this.closedWith = code;
    this.#client?.ended();
  }

  /** Name of the close code; null: it is open. */
  get closed(): CloseName | "lost" | null {
    return this.closedWith === null ? null : (NAMES.get(this.closedWith) ?? "lost");
  }

  serializeAttachment(value: unknown): void {
    const bytes = serialize(value);
    if (bytes.length > ATTACHMENT_MAX_BYTES) throw new Error("the attachment is too large");
    this.#attachment = bytes.toString("latin1");
  }

  deserializeAttachment(): unknown {
    return this.#attachment === null ? null : deserialize(Buffer.from(this.#attachment, "latin1"));
  }

  pingedAt(now: number): number | null {
    return this.#client === null ? this.pingAt : this.#client.pingedAt(now);
  }

  frames(): ServerFrame[] {
    return this.sent.map((text) => ServerFrame.parse(JSON.parse(text)));
  }

  /** Every event that it was sent, including those in batches. */
  events(): { seq: number; prev?: number | undefined; event: string; id: string }[] {
    return this.frames().flatMap((frame) => {
      if (frame.type === "event") return [frame];
      return frame.type === "batch" ? frame.events : [];
    });
  }

  last(): ServerFrame | undefined {
    return this.frames().at(-1);
  }
}

/** The implementation of an object: our hub or relay. */
export type Served = { readonly host: StreamHost };

/** One life of an object, as the caller of another object. */
export type Caller = { readonly isGone: boolean; readonly isMute: boolean };

/** What an object can reach outside of itself. */
export type Reach = Pick<HubRuntime, "hub" | "relay" | "newId">;

/** One life of an object, from a wake until it sleeps or is killed. */
type Life = {
  /** The events under way. Each function rejects its event when the object dies. */
  readonly events: Set<() => void>;
  /** Number of promises that keep it awake. */
  pending: number;
};

/**
 * A Durable Object without workerd. Storage, alarm and sockets outlive its memory. Timers and calls of one life
 * have no effect in the next one.
 */
export class MemoryObject<Impl extends Served> {
  readonly storage = new MemoryStorage();
  readonly sockets = new Set<MemorySocket>();
  /** Drops everything that it sends and calls. Set it for a turn after which it shall die. */
  isMute = false;
  impl: Impl;
  /** How often it was killed. */
  crashes = 0;
  /** How many timers it has set, in all its lives. */
  timers = 0;
  readonly name: string;
  readonly #time: VirtualTime;
  readonly #reachFrom: (from: Caller) => Reach;
  readonly #make: (runtime: HubRuntime) => Impl;
  #life: Life = { events: new Set(), pending: 0 };
  #autoResponse: { readonly request: string; readonly response: string } | null = null;
  #alarmAt: number | null = null;
  #isAlarming = false;
  /** Sockets whose close it is handling. */
  readonly #leaving = new Set<MemorySocket>();

  constructor(parts: {
    readonly name: string;
    readonly time: VirtualTime;
    readonly reachFrom: (from: Caller) => Reach;
    readonly make: (runtime: HubRuntime) => Impl;
  }) {
    this.name = parts.name;
    this.#time = parts.time;
    this.#reachFrom = parts.reachFrom;
    this.#make = parts.make;
    this.impl = this.#wake();
  }

  /** Whether it has work that keeps it awake. */
  get isBusy(): boolean {
    return this.#life.events.size > 0 || this.#life.pending > 0;
  }

  /** Lets it sleep and wake. It loses its memory and keeps its sockets. */
  evict(): void {
    if (this.isBusy) throw new Error("a busy object does not sleep");
    this.impl = this.#wake();
  }

  /** Kills its process and starts a new one. Its sockets, and calls to it, are lost as well. */
  crash(): void {
    const lost = [...this.sockets];
    this.sockets.clear();
    this.crashes += 1;
    const broken = [...this.#life.events];
    this.impl = this.#wake();
    for (const fail of broken) fail();
    for (const socket of lost) {
      socket.readyState = WebSocket.CLOSED;
      socket.end(LOST);
    }
  }

  /** Runs one event. Rejects when the object dies meanwhile. */
  async event<T>(run: (impl: Impl) => T | Promise<T>): Promise<T> {
    const { events } = this.#life;
    let fail = (): void => {};
    const death = new Promise<never>((_, reject) => {
      fail = () => reject(new ObjectDied(`${this.name} died`));
    });
    events.add(fail);
    try {
      return await Promise.race([run(this.impl), death]);
    } finally {
      events.delete(fail);
    }
  }

  /** Connects a client. @returns its socket, or the status of the refusal */
  async connect(upgrade: Upgrade): Promise<MemorySocket | number> {
    const response = await this.event(({ host }) => host.connect(upgrade));
    const { socket, status } = response as Response & { readonly socket?: MemorySocket };
    return socket ?? status;
  }

  /** Creates a socket, without a client yet. */
  accept(): MemorySocket {
    const socket = new MemorySocket(this);
    this.sockets.add(socket);
    return socket;
  }

  /** A client sends a frame. */
  message(socket: MemorySocket, text: string): void {
    if (!this.sockets.has(socket)) return;
    if (text === this.#autoResponse?.request) {
      socket.pingAt = this.#time.now;
      socket.send(this.#autoResponse.response);
    } else void this.event(({ host }) => host.message(socket, text)).catch(this.#logFailure);
  }

  /** A client closes, or the network loses it. */
  drop(socket: MemorySocket, code = LOST): void {
    if (!this.sockets.has(socket) || this.#leaving.has(socket)) return;
    this.#leaving.add(socket);
    if (socket.readyState === WebSocket.OPEN) socket.readyState = WebSocket.CLOSING;
    socket.end(code);
    // The platform lists the socket until the object has handled its close.
    this.impl.host.closed(socket, code);
    socket.readyState = WebSocket.CLOSED;
    this.sockets.delete(socket);
    this.#leaving.delete(socket);
  }

  /** As {@link drop}, of a socket whose object sleeps: the close is what wakes it. */
  dropAsleep(socket: MemorySocket, code = LOST): void {
    if (this.isBusy) throw new Error("a busy object does not sleep");
    socket.readyState = WebSocket.CLOSING;
    this.impl = this.#wake();
    this.drop(socket, code);
  }

  /** The object closes a socket. Its client answers soon, or never. */
  closing(socket: MemorySocket, code: number): void {
    if (socket.ignoresClose) return;
    this.#time.after(CLOSE_HANDSHAKE_MS, () => this.drop(socket, code));
  }

  #wake(): Impl {
    const life: Life = { events: new Set(), pending: 0 };
    this.#life = life;
    this.isMute = false;
    return this.#make(this.#runtime(life));
  }

  #runtime(life: Life): HubRuntime {
    const time = this.#time;
    const isGone = (): boolean => this.#life !== life;
    const isMute = (): boolean => this.isMute;
    const { storage } = this;
    const alarmAtWake = this.#alarmAt;
    // Code of an ended life may still run for a moment. Its writes are rolled back.
    const sql = {
      exec: (query: string, ...bindings: SqlStorageValue[]) =>
        isGone()
          ? storage.rolledBack(() => storage.sql.exec(query, ...bindings))
          : storage.sql.exec(query, ...bindings),
    };
    return {
      name: this.name,
      storage: {
        sql: sql as SqlStorage,
        transactionSync: (work) => storage.transactionSync(work),
      },
      clock: time.clock,
      timer: (ms, run) => {
        let isWanted = true;
        this.timers += 1;
        time.after(ms, () => {
          if (isWanted && !isGone()) run();
        });
        return () => {
          isWanted = false;
        };
      },
      setAlarm: (at) => {
        if (isGone() || at === this.#alarmAt) return;
        if (at !== null && at >= ALARM_LIMIT) throw new TypeError("the alarm is too late");
        this.#alarmAt = at;
        this.#schedule();
      },
      alarmAtWake,
      waitUntil: (work) => {
        life.pending += 1;
        void Promise.allSettled([work]).then(() => (life.pending -= 1));
      },
      sockets: () => (isGone() ? [] : [...this.sockets]),
      accept: () => {
        const socket = isGone() ? new MemorySocket(this) : this.accept();
        return { socket, response: Object.assign(new Response(), { socket }) };
      },
      setAutoResponse: (request, response) => {
        this.#autoResponse = { request, response };
      },
      autoRespondedAt: (socket) =>
        socket instanceof MemorySocket ? socket.pingedAt(time.now) : null,
      ...this.#reachFrom({
        get isGone() {
          return isGone();
        },
        get isMute() {
          return isMute();
        },
      }),
    };
  }

  #schedule(): void {
    const at = this.#alarmAt;
    if (at === null || this.#isAlarming) return;
    this.#time.after(at - this.#time.now, () => {
      if (this.#alarmAt === at && !this.#isAlarming) void this.#alarm();
    });
  }

  /** Runs `alarm`, never two at once. A failed one is repeated. */
  async #alarm(): Promise<void> {
    this.#alarmAt = null;
    this.#isAlarming = true;
    try {
      await this.event(({ host }) => host.alarm());
    } catch (error) {
      this.#logFailure(error);
      this.#alarmAt ??= this.#time.now + ALARM_RETRY_MS;
    }
    this.#isAlarming = false;
    this.#schedule();
  }

  /** Logs errors of events without a caller, like the platform. */
  readonly #logFailure = (error: unknown): void => {
    if (!(error instanceof ObjectDied))
      log("error", "hub.event_failed", { name: this.name, error });
  };
}

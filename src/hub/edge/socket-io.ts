import {
  decodePacket as decodeEnginePacket,
  encodePacket as encodeEnginePacket,
} from "engine.io-parser";
import { type Packet, PacketType } from "socket.io-parser";
import { z } from "zod";
import { type Clock, systemClock, systemTimer, type Timer } from "../../platform/clock.ts";
import type { Result } from "../../platform/result.ts";
import { isLongerThan } from "../../protocol/bytes.ts";
import { type CloseCode, type CloseName, reconnectAfter } from "../../protocol/close-codes.ts";
import { isDeeperThan } from "../../protocol/json-size.ts";
import {
  BAD_FRAMES_MAX,
  CALLS_PER_HUB,
  ENGINE_IO_PING_INTERVAL_MS,
  ENGINE_IO_PING_TIMEOUT_MS,
  EPOCH_MAX_LENGTH,
  FRAME_DEPTH_MAX,
  SOCKET_IO_CONNECT_DEADLINE_MS,
  SOCKET_IO_REFUSED_MS,
} from "../../protocol/limits.ts";
import type { Dialect } from "../core/dialect.ts";
import { countFrame, type FrameWindow } from "../core/frame-rate.ts";
import type { ResumePosition } from "../core/resume.ts";
import type { Absorber } from "../kind.ts";
import { readCarried, taken } from "../core/carried.ts";
import type { StreamLimits } from "../core/stream-limits.ts";
import {
  decodePacket,
  encodePacket,
  SOCKET_IO_MARKS,
  type SocketIoOpened,
} from "../dialects/socket-io.ts";
import { EdgeClient, type ClientPlace } from "./edge-client.ts";
import { CLIENT_LOST, type EdgeSocket, NO_STATUS, type SocketEnd } from "./edge-socket.ts";
import { MARKED_PART, NOTHING, SentWindow, TOLD_PART, type Total } from "./sent-window.ts";

/** What a client says of itself in its CONNECT packet, beside what its area reads. */
const Auth = z.looseObject({
  token: z.string().min(1),
  /** Sent by clients with connection state recovery. */
  pid: z
    .string()
    .max(2 * EPOCH_MAX_LENGTH)
    .optional()
    .catch(undefined),
  offset: z
    .string()
    .regex(/^\d{1,16}$/)
    .optional()
    .catch(undefined),
});

/** Something stands where the token should. */
const HasToken = z.looseObject({ token: z.unknown().refine(Boolean) });

/** The payload of a CONNECT packet. */
export type SocketIoAuth = z.infer<typeof Auth>;

/** What clients of different areas expect of a server of Socket.IO. */
export type SocketIoManners = {
  /** How often a client is pinged, and how long its answer may take, milliseconds. */
  readonly pingIntervalMs: number;
  readonly pingTimeoutMs: number;
  /** What a client is to do after a close with this code. */
  readonly reconnect: (code: number) => CloseCode["reconnect"];
  /** The data of a CONNECT_ERROR. @param hasToken whether the CONNECT had one */
  readonly refusal: (end: SocketEnd, hasToken: boolean) => Readonly<Record<string, unknown>>;
  /** Whether a client may go on where it was: it gets a `pid`, and comes back with an offset. */
  readonly recovers: boolean;
  /** The last event before a close, or null. */
  readonly farewell: (end: SocketEnd) => readonly unknown[] | null;
};

/** Those of the event stream (docs/socket-io.md). */
const STREAM_MANNERS: SocketIoManners = {
  pingIntervalMs: ENGINE_IO_PING_INTERVAL_MS,
  pingTimeoutMs: ENGINE_IO_PING_TIMEOUT_MS,
  reconnect: reconnectAfter,
  refusal: ({ code, reason }) => ({
    message: reason,
    data: { code, reconnect: reconnectAfter(code) },
  }),
  recovers: true,
  farewell: ({ code, reason }) => ["close", { code, reason, reconnect: reconnectAfter(code) }],
};

/** What {@link serveSocketIo} needs. */
export type SocketIoPorts = ClientPlace & {
  readonly limits: StreamLimits;
  /** That of the client's hub: it closes with the same codes and words, whether the Worker does so or the hub. */
  readonly dialect: Pick<Dialect, "farewell">;
  /** Absent: those of the event stream. */
  readonly manners?: SocketIoManners;
  /** Decides what of the client's messages says nothing new to its hub. Absent: everything does. */
  readonly absorb?: Absorber;
  /** Opens a socket to the client's hub, in packets of Socket.IO with {@link SOCKET_IO_MARKS}. Never rejects. */
  readonly enter: (
    auth: SocketIoAuth,
    resume: ResumePosition,
  ) => Promise<Result<EdgeSocket, CloseName>>;
  /** Keeps work alive that the client's leaving would cancel. */
  readonly keepAlive: (work: Promise<unknown>) => void;
  readonly newId: () => string;
  /**
   * The number of the first call to the client. Absent: 0. A client that is asked, and comes back before it answers,
   * answers on its new connection: there the number must not be the one of another call.
   */
  readonly firstCall?: number;
  readonly timer?: Timer;
  readonly clock?: Clock;
};

/**
 * Serves a client of Socket.IO v5 over Engine.IO v4, by WebSocket, in the main namespace, without binary packets.
 * The hub hibernates behind it: heartbeats are the Worker's.
 *
 * A client answers a ping in order with everything else that it was sent. So its pong acknowledges what was sent
 * before the ping, and the hub sends at most a window beyond that (HUB-10).
 */
export function serveSocketIo(client: EdgeSocket, ports: SocketIoPorts): void {
  void new SocketIo(client, ports);
}

/** A ping that the client has not answered. */
type Ping = { readonly position: number | null; readonly sent: Total };

class SocketIo {
  readonly #ports: SocketIoPorts;
  readonly #manners: SocketIoManners;
  readonly #timer: Timer;
  readonly #clock: Clock;
  readonly #client: EdgeClient;
  readonly #window: SentWindow;
  /** Its session has begun. */
  #isOpened = false;
  /** Why its CONNECT was refused. */
  #refusedFor: CloseName | null = null;
  #hasToken = true;
  /** The `pid` of the session that the client wants to go on with. */
  #pid = "";
  /** The position of a client that has everything that was sent. */
  #position: number | null = null;
  /** What had been sent before the next position, by position. The newest one has none. */
  readonly #ends = new Map<number, Total>();
  /** What was sent before each ping that the client has not answered. */
  readonly #pings: Ping[] = [];
  /** What was sent before the last ping, and before the last one whose answer the hub was told of. */
  #pinged = NOTHING;
  #told = NOTHING;
  /** The hub's ids of the calls that the client has not answered, by the ids of their packets. */
  readonly #calls = new Map<number, string>();
  #callIds: number;
  /** How often it asked for a namespace that there is not. Each is answered, also to a client that does not read. */
  #strangers = 0;
  /** Frames that do not go to the hub, which would count them. */
  #frames: FrameWindow | undefined;
  #cancelHeartbeat: () => void = () => {};
  #cancelRefusal: () => void = () => {};

  constructor(socket: EdgeSocket, ports: SocketIoPorts) {
    const { limits, newId, leave, closing, timer = systemTimer, manners = STREAM_MANNERS } = ports;
    this.#ports = ports;
    this.#callIds = ports.firstCall ?? 0;
    this.#manners = manners;
    this.#timer = timer;
    this.#clock = ports.clock ?? systemClock;
    this.#window = new SentWindow(limits);
    this.#client = new EdgeClient({
      client: socket,
      timer,
      deadlineMs: SOCKET_IO_CONNECT_DEADLINE_MS,
      onLate: () => this.#end(this.#refusedFor ?? "authenticationTimeout"),
      onFrame: (data) => this.#take(data),
      onHubFrame: (frame) => this.#carry(frame),
      onHubEnd: (end) => this.#sayFarewell(end),
      // A client that leaves says DISCONNECT. Without it, it has waited too long for a ping, and comes back.
      toldOf: (end) => (end.code === NO_STATUS ? CLIENT_LOST : end),
      leave,
      closing,
      onOver: () => {
        this.#cancelHeartbeat();
        this.#cancelRefusal();
      },
    });
    const handshake = {
      sid: newId(),
      upgrades: [],
      pingInterval: manners.pingIntervalMs,
      pingTimeout: manners.pingTimeoutMs,
      maxPayload: limits.frameBytes,
    };
    this.#engine("open", JSON.stringify(handshake));
    this.#beat();
  }

  /** Pings after the interval, and closes when a ping has no answer in time. */
  #beat(): void {
    const { pingIntervalMs, pingTimeoutMs } = this.#manners;
    this.#cancelHeartbeat = this.#timer(pingIntervalMs, () => {
      if (this.#pings.length === 0) this.#ping();
      this.#cancelHeartbeat = this.#timer(pingTimeoutMs, () => this.#end("goingAway"));
    });
  }

  #ping(): void {
    this.#pinged = this.#window.sent;
    this.#pings.push({ position: this.#position, sent: this.#pinged });
    this.#engine("ping");
  }

  #take(data: string | ArrayBuffer): void {
    if (isLongerThan(data, this.#ports.limits.frameBytes)) {
      this.#end("frameTooBig");
      return;
    }
    const packet = typeof data === "string" ? decodeEnginePacket(data) : null;
    switch (packet?.type) {
      case "pong":
        this.#acknowledge();
        break;
      case "message": {
        const text = String(packet.data ?? "");
        // Binary data in text form begins with another letter, and is no packet of its own.
        const isText = data === `4${text}` && !isDeeperThan(text, FRAME_DEPTH_MAX);
        const inner = isText ? decodePacket(text) : null;
        if (inner === null) this.#end("protocolError");
        else this.#takePacket(inner, text);
        break;
      }
      case "noop":
        this.#count();
        break;
      case "close":
        this.#leave();
        break;
      default:
        this.#end("protocolError");
    }
  }

  /**
   * Counts a frame that does not go to the hub to the same limit as the hub does (HUB-9).
   * One over the limit closes the client.
   */
  #count(): void {
    const { limits } = this.#ports;
    const { window, allowed } = countFrame(this.#frames, this.#clock(), this.#callIds, limits);
    this.#frames = window;
    if (!allowed) this.#end("tooManyFrames");
  }

  /** A pong that nobody asked for acknowledges nothing. */
  #acknowledge(): void {
    const ping = this.#pings.shift();
    if (ping === undefined) {
      this.#count();
      return;
    }
    this.#cancelHeartbeat();
    this.#beat();
    const { position, sent } = ping;
    this.#window.take(sent);
    // A message wakes the hub. Little is open anyway, and a quiet client must not cost anything.
    if (position === null || !this.#window.isPart(TOLD_PART, this.#told, sent)) return;
    // The hub takes a number for everything up to the next one, also for frames without any. Before the client has nearly
    // all of them, that would be too much.
    const end = this.#ends.get(position) ?? this.#window.sent;
    if (this.#window.isPart(TOLD_PART, sent, end)) return;
    for (const before of this.#ends.keys()) {
      if (before > position) break;
      this.#ends.delete(before);
    }
    this.#told = sent;
    this.#client.toHub(taken(position));
  }

  #takePacket(packet: Packet, text: string): void {
    if (packet.type === PacketType.CONNECT) {
      this.#connect(packet);
      return;
    }
    // Only a packet of a namespace that the client has connected is one of ours.
    if (packet.nsp !== "/" || !this.#isOpened) {
      this.#end("protocolError");
      return;
    }
    switch (packet.type) {
      case PacketType.EVENT:
        if (this.#isAbsorbed(packet)) this.#count();
        else this.#client.toHub(text);
        break;
      case PacketType.ACK:
        this.#answerCall(packet);
        break;
      case PacketType.DISCONNECT:
        this.#leave();
        break;
      default:
        this.#end("protocolError");
    }
  }

  #isAbsorbed({ id, data }: Packet): boolean {
    const [name, ...rest] = data as readonly unknown[];
    const isAsking = id !== undefined || typeof name !== "string" || rest.length > 1;
    return !isAsking && this.#ports.absorb?.(name, rest[0]) === true;
  }

  #connect({ nsp, data }: Packet): void {
    if (nsp !== "/") {
      this.#strangers += 1;
      if (this.#strangers > BAD_FRAMES_MAX) {
        this.#end("protocolError");
        return;
      }
      this.#packet({ type: PacketType.CONNECT_ERROR, nsp, data: { message: "Invalid namespace" } });
      return;
    }
    if (this.#client.state !== "waiting" || this.#refusedFor !== null) {
      this.#end("protocolError");
      return;
    }
    const auth = Auth.safeParse(data ?? {});
    if (!auth.success) {
      this.#hasToken = HasToken.safeParse(data).success;
      this.#refuse("unauthorized");
      return;
    }
    this.#ports.keepAlive(this.#enter(auth.data));
  }

  async #enter(auth: SocketIoAuth): Promise<void> {
    const { pid, offset } = this.#manners.recovers ? auth : {};
    this.#pid = pid ?? "";
    const resume =
      pid === undefined || offset === undefined
        ? {}
        : { epoch: pid.slice(0, pid.lastIndexOf(".")), seq: Number(offset) };
    const refused = await this.#client.enter(this.#ports.enter(auth, resume));
    if (refused !== null) this.#refuse(refused);
  }

  /** Takes a frame of the hub. */
  #carry(carried: string): void {
    const { number, frame } = readCarried(carried);
    const before = this.#window.sent;
    if (!this.#window.add(frame.length, number)) {
      this.#end("overloaded");
      return;
    }
    if (number !== null) {
      if (this.#position !== null) this.#ends.set(this.#position, before);
      this.#position = number;
    }
    switch (frame[0]) {
      case SOCKET_IO_MARKS.opened:
        this.#opened(JSON.parse(frame.slice(1)) as SocketIoOpened);
        break;
      case SOCKET_IO_MARKS.call: {
        const colon = frame.indexOf(":");
        this.#askClient(frame.slice(1, colon), JSON.parse(frame.slice(colon + 1)) as unknown[]);
        break;
      }
      default:
        this.#engine("message", frame);
    }
    if (this.#window.isPart(MARKED_PART, this.#pinged, this.#window.sent)) this.#ping();
  }

  /** The session has begun. A new `pid` tells the client that it has to start from the whole state. */
  #opened({ connectionId, epoch, resumes }: SocketIoOpened): void {
    this.#isOpened = true;
    const pid = resumes ? this.#pid : `${epoch}.${connectionId}`;
    const data = { sid: connectionId, ...(this.#manners.recovers ? { pid } : {}) };
    this.#packet({ type: PacketType.CONNECT, nsp: "/", data });
  }

  #askClient(call: string, data: unknown[]): void {
    const id = this.#callIds;
    this.#callIds += 1;
    this.#calls.set(id, call);
    // The hub has ended the oldest ones long ago: it lets no more than these wait.
    const [oldest = 0] = this.#calls.keys();
    if (this.#calls.size > CALLS_PER_HUB) this.#calls.delete(oldest);
    this.#packet({ type: PacketType.EVENT, nsp: "/", data, id });
  }

  #answerCall({ id = -1, data }: Packet): void {
    const call = this.#calls.get(id);
    if (call === undefined) {
      this.#count();
      return;
    }
    this.#calls.delete(id);
    this.#client.toHub(`${SOCKET_IO_MARKS.call}${call}:${JSON.stringify(data)}`);
  }

  /**
   * Refuses a CONNECT. A client that was sent CONNECT_ERROR closes the connection itself. If the server did so at
   * once, some clients would take it for a loss, and come back in spite of the refusal.
   */
  #refuse(why: CloseName): void {
    const end = this.#endFor(why);
    this.#refusedFor = why;
    this.#sayFarewell(end);
    if (this.#manners.reconnect(end.code) === "yes") this.#client.end(end);
    else this.#cancelRefusal = this.#timer(SOCKET_IO_REFUSED_MS, () => this.#end(why));
  }

  /** The client has said that it leaves. */
  #leave(): void {
    this.#client.end(this.#endFor("normal"));
  }

  #end(why: CloseName): void {
    const end = this.#endFor(why);
    if (this.#isOpened) this.#sayFarewell(end);
    this.#client.end(end);
  }

  #endFor(why: CloseName): SocketEnd {
    const { code, reason } = this.#ports.dialect.farewell(why);
    return { code, reason };
  }

  /**
   * Says why the connection ends. After DISCONNECT or CONNECT_ERROR a client does not come back by itself, so only a
   * client that should stay away gets them.
   */
  #sayFarewell(end: SocketEnd): void {
    const reconnect = this.#manners.reconnect(end.code);
    if (this.#isOpened) {
      const last = this.#manners.farewell(end);
      if (last !== null) this.#packet({ type: PacketType.EVENT, nsp: "/", data: [...last] });
      if (reconnect === "no") this.#packet({ type: PacketType.DISCONNECT, nsp: "/" });
    } else if (reconnect !== "yes") {
      const data = this.#manners.refusal(end, this.#hasToken);
      this.#packet({ type: PacketType.CONNECT_ERROR, nsp: "/", data });
    }
  }

  #packet(packet: Packet): void {
    this.#engine("message", encodePacket(packet));
  }

  #engine(type: "open" | "ping" | "message", data?: string): void {
    encodeEnginePacket(data === undefined ? { type } : { type, data }, false, (text) =>
      this.#client.send(text as string),
    );
  }
}

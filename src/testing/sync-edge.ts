import { PacketType } from "socket.io-parser";
import {
  HAPPY_MANNERS,
  HAPPY_SOCKET_IO_DIALECT,
} from "../features/sync/dialects/happy-socket-io.ts";
import { nativeDialect } from "../features/sync/dialects/native.ts";
import { USER_HUBS } from "../features/sync/env.ts";
import { userKind } from "../features/sync/user-kind.ts";
import { decodePacket } from "../hub/dialects/socket-io.ts";
import type { EdgeSocket, SocketEnd } from "../hub/edge/edge-socket.ts";
import { serveBeforeAuth } from "../hub/edge/pre-auth.ts";
import { serveSocketIo } from "../hub/edge/socket-io.ts";
import type { HubObject } from "../hub/hub-object.ts";
import { err, ok, type Result } from "../platform/result.ts";
import type { CloseName } from "../protocol/close-codes.ts";
import { FarEnd, VirtualTimers } from "./edge-ends.ts";
import type { MemoryObject, MemorySocket } from "./memory-platform.ts";
import type { SyncDialect } from "./sync-client.ts";
import type { AboutClient, VirtualAccount } from "./virtual-account.ts";

const KIND = userKind(USER_HUBS, async () => err("invalid"));

type Heard = { readonly data: unknown } & SocketEnd;

/** The Worker's end of a socket whose other end is a hub in memory. */
class HubSocket implements EdgeSocket {
  binaryType: EdgeSocket["binaryType"] = "blob";
  readonly #hub: MemoryObject<HubObject>;
  readonly #socket: MemorySocket;
  readonly #listeners: { readonly type: string; readonly listen: (event: Heard) => void }[] = [];

  constructor(hub: MemoryObject<HubObject>, socket: MemorySocket) {
    this.#hub = hub;
    this.#socket = socket;
  }

  get readyState(): number {
    return this.#socket.closedWith === null ? WebSocket.OPEN : WebSocket.CLOSED;
  }

  addEventListener(type: string, listen: (event: Heard) => void): void {
    this.#listeners.push({ type, listen });
  }

  accept(): void {
    this.#socket.attach({
      receive: (data) => this.#tell("message", { data }),
      ended: () => this.#tell("close", { code: this.#socket.closedWith ?? 1006 }),
      pingedAt: () => this.#socket.pingAt,
    });
  }

  send(text: string | ArrayBuffer | ArrayBufferView): void {
    if (typeof text !== "string") throw new TypeError("frames are text");
    this.#hub.message(this.#socket, text);
  }

  close(code = 1000): void {
    this.#hub.drop(this.#socket, code);
  }

  #tell(type: string, event: Partial<Heard>): void {
    for (const one of this.#listeners) {
      if (one.type === type) one.listen({ data: null, code: 0, reason: "", ...event });
    }
  }
}

/** A client of an account in front of the shipped Worker and the shipped hub. It answers pings. */
export class SyncEdgeClient {
  readonly far = new FarEnd();
  readonly dialect: SyncDialect;
  readonly #at: VirtualAccount;
  #read = 0;
  #acks = 0;

  private constructor(at: VirtualAccount, dialect: SyncDialect) {
    this.#at = at;
    this.dialect = dialect;
    const { limits, ping } = KIND;
    const { time } = at;
    const { timer } = new VirtualTimers(time);
    const ports = { leave: () => {}, closing: () => {}, keepAlive: () => {}, timer };
    const enter = async (about: unknown): Promise<Result<EdgeSocket, CloseName>> => {
      const socketIo = dialect === "Socket.IO";
      const edge = socketIo ? "socket-io" : "pre-auth";
      const socket = await at.connect(about as AboutClient, { socketIo, edge });
      return ok(new HubSocket(at.hub, socket));
    };
    if (dialect === "Socket.IO") {
      const newId = (): string => "engine";
      const language = { dialect: HAPPY_SOCKET_IO_DIALECT, manners: HAPPY_MANNERS };
      serveSocketIo(this.far.worker, { ...ports, ...language, limits, newId, enter });
    } else {
      const languages = [
        {
          dialect: nativeDialect(time.clock),
          limits,
          ping,
          enter: ({ about }: { readonly about?: unknown }) => enter(about),
        },
      ] as const;
      serveBeforeAuth(this.far.worker, languages, { ...ports, clock: time.clock });
    }
  }

  static async connect(
    at: VirtualAccount,
    about: AboutClient,
    dialect: SyncDialect,
  ): Promise<SyncEdgeClient> {
    const client = new SyncEdgeClient(at, dialect);
    const data = { ...about, token: "t" };
    client.far.say(
      dialect === "native" ? JSON.stringify({ event: "auth", data }) : `40${JSON.stringify(data)}`,
    );
    // Clients are let in one after the other.
    await at.time.pass(200);
    await client.settle();
    return client;
  }

  /** Lets everything that is under way arrive. */
  async settle(): Promise<void> {
    await this.#at.time.pass(1);
    for (; this.#read < this.far.heard.length; this.#read += 1) {
      if (this.far.heard[this.#read] === "2") this.far.say("3");
    }
    await this.#at.time.quiet();
  }

  /** @returns the name under which its answer comes */
  async send(event: string, data: unknown): Promise<string> {
    const id = this.#acks;
    this.#acks += 1;
    const ack = this.dialect === "native" ? `a${id}` : String(id);
    this.far.say(
      this.dialect === "native"
        ? JSON.stringify({ event, data, ackId: ack })
        : `42${id}${JSON.stringify([event, data])}`,
    );
    await this.settle();
    return ack;
  }

  async answer(id: string, result: unknown): Promise<void> {
    this.far.say(
      this.dialect === "native"
        ? JSON.stringify({ event: "rpc-response", ackId: id, ack: result })
        : `43${id}${JSON.stringify([result])}`,
    );
    await this.settle();
  }

  /** The answer that came for a name; undefined: there is none. */
  answerTo(ack: string): unknown {
    return this.#frames.find(({ event, id }) => event === "ack" && id === ack)?.data;
  }

  /** Ids of the calls that it was asked. */
  get calls(): string[] {
    return this.#frames.flatMap(({ event, id }) =>
      event === "rpc-request" && id !== undefined ? [id] : [],
    );
  }

  get #frames(): { readonly event: string; readonly id: string | undefined; data: unknown }[] {
    return this.far.heard.flatMap((text) => {
      if (this.dialect === "native") {
        const { event, data, ackId, ack } = JSON.parse(text) as Record<string, never>;
        return [{ event: String(event), id: ackId, data: ack ?? data }];
      }
      const packet = text.startsWith("4") ? decodePacket(text.slice(1)) : null;
      if (packet === null || !Array.isArray(packet.data)) return [];
      const id = packet.id === undefined ? undefined : String(packet.id);
      const [first, second] = packet.data as readonly unknown[];
      return packet.type === PacketType.ACK
        ? [{ event: "ack", id, data: first }]
        : [{ event: String(first), id, data: second }];
    });
  }
}

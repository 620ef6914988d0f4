import { PacketType } from "socket.io-parser";
import { decodePacket, encodePacket, SOCKET_IO_MARKS } from "../hub/dialects/socket-io.ts";
import type { MemorySocket } from "./memory-platform.ts";
import type { AboutClient, VirtualAccount } from "./virtual-account.ts";

/** The languages that clients of sync speak. */
export const SYNC_DIALECTS = ["native", "Socket.IO"] as const;
export type SyncDialect = (typeof SYNC_DIALECTS)[number];

type Members = Readonly<Record<string, unknown>>;

/** What a client was sent, whatever its dialect. */
type Heard =
  | { readonly what: "event"; readonly event: string; readonly data: Members }
  | { readonly what: "answer"; readonly ack: string; readonly data: unknown }
  | { readonly what: "call"; readonly id: string; readonly data: Members };

/** A client of an account's hub, as tests see it: the same in both dialects. */
export class SyncClient {
  readonly socket: MemorySocket;
  readonly dialect: SyncDialect;
  readonly #at: VirtualAccount;
  #acks = 0;

  constructor(at: VirtualAccount, socket: MemorySocket, dialect: SyncDialect) {
    this.#at = at;
    this.socket = socket;
    this.dialect = dialect;
  }

  static async connect(
    at: VirtualAccount,
    about: AboutClient = {},
    { dialect = "native", epoch }: { dialect?: SyncDialect; epoch?: number } = {},
  ): Promise<SyncClient> {
    const socketIo = dialect === "Socket.IO";
    const socket = await at.connect(about, { socketIo, ...(epoch === undefined ? {} : { epoch }) });
    return new SyncClient(at, socket, dialect);
  }

  /** Sends an event, and does not wait for an answer. */
  async say(event: string, data?: unknown): Promise<void> {
    const text =
      this.dialect === "native" ? JSON.stringify({ event, data }) : packetOf(event, data);
    await this.frame(text);
  }

  /** Sends an event. @returns the name under which its answer comes */
  async send(event: string, data?: unknown): Promise<string> {
    const id = this.#acks;
    this.#acks += 1;
    const isNative = this.dialect === "native";
    const ack = isNative ? `a${id}` : String(id);
    await this.frame(
      isNative ? JSON.stringify({ event, data, ackId: ack }) : packetOf(event, data, id),
    );
    return ack;
  }

  /** Sends an event, and waits for its answer. @returns undefined: there was none yet */
  async ask(event: string, data?: unknown): Promise<unknown> {
    return this.answersTo(await this.send(event, data))[0];
  }

  /** Sends a frame as it is. */
  async frame(text: string): Promise<void> {
    this.#at.hub.message(this.socket, text);
    await this.#at.time.quiet();
  }

  /** Answers a call. */
  async answer(id: string, result: unknown): Promise<void> {
    await this.frame(
      this.dialect === "native"
        ? JSON.stringify({ event: "rpc-response", ackId: id, ack: result })
        : `${SOCKET_IO_MARKS.call}${id}:${JSON.stringify([result])}`,
    );
  }

  /** Says goodbye, or is lost. */
  async leave(how: "goodbye" | "lost" | number = "goodbye"): Promise<void> {
    this.#at.hub.drop(this.socket, how === "goodbye" ? 1000 : how === "lost" ? 1006 : how);
    await this.#at.time.quiet();
  }

  get #heard(): Heard[] {
    return this.socket.sent.map(this.dialect === "native" ? readNative : readPacket);
  }

  /** Everything that it was sent of an event. */
  events(name: string): Members[] {
    return this.#heard.flatMap((one) =>
      one.what === "event" && one.event === name ? [one.data] : [],
    );
  }

  /** The names of all events that it was sent, in order. */
  get names(): string[] {
    return this.#heard.flatMap((one) => (one.what === "event" ? [one.event] : []));
  }

  /** Bodies of the updates that it was sent. */
  get updates(): Members[] {
    return this.events("update").map(({ body }) => body as Members);
  }

  /** What it was told that is not kept. @param type only of this type */
  ephemerals(type?: string): Members[] {
    const all = this.events("ephemeral");
    return type === undefined ? all : all.filter((one) => one["type"] === type);
  }

  answersTo(ack: string): unknown[] {
    return this.#heard.flatMap((one) =>
      one.what === "answer" && one.ack === ack ? [one.data] : [],
    );
  }

  /** The calls that it was asked. */
  get calls(): { readonly id: string; readonly method: unknown; readonly params: unknown }[] {
    return this.#heard.flatMap((one) =>
      one.what === "call"
        ? [{ id: one.id, method: one.data["method"], params: one.data["params"] }]
        : [],
    );
  }

  /** Forgets what it was sent so far. */
  forget(): void {
    this.socket.sent = [];
  }
}

function packetOf(event: string, data: unknown, id?: number): string {
  const list = data === undefined ? [event] : [event, data];
  return encodePacket({
    type: PacketType.EVENT,
    nsp: "/",
    data: list,
    ...(id === undefined ? {} : { id }),
  });
}

function readNative(text: string): Heard {
  const frame = JSON.parse(text) as {
    readonly event?: string;
    readonly type?: string;
    readonly data: Members;
    readonly ackId?: string;
    readonly ack?: unknown;
  };
  const { event = `plain ${frame.type}`, data, ackId, ack } = frame;
  if (event === "ack") return { what: "answer", ack: ackId ?? "", data: ack };
  if (event === "rpc-request") return { what: "call", id: ackId ?? "", data };
  return { what: "event", event, data: frame.event === undefined ? frame : data };
}

function readPacket(text: string): Heard {
  if (text.startsWith(SOCKET_IO_MARKS.opened)) {
    return { what: "event", event: "opened", data: JSON.parse(text.slice(1)) as Members };
  }
  if (text.startsWith(SOCKET_IO_MARKS.call)) {
    const colon = text.indexOf(":");
    const [, data] = JSON.parse(text.slice(colon + 1)) as [string, Members];
    return { what: "call", id: text.slice(1, colon), data };
  }
  const packet = decodePacket(text);
  if (packet === null) throw new Error(`the hub has sent ${text}`);
  const list = packet.data as readonly unknown[];
  if (packet.type === PacketType.ACK) {
    return { what: "answer", ack: String(packet.id), data: list[0] };
  }
  return { what: "event", event: String(list[0]), data: list[1] as Members };
}

/** Names of the clients that were sent something. @param event only this event */
export function whoHeard(clients: Readonly<Record<string, SyncClient>>, event?: string): string[] {
  return Object.entries(clients).flatMap(([name, { names }]) =>
    (event === undefined ? names.length > 0 : names.includes(event)) ? [name] : [],
  );
}

import { z } from "zod";
import { eventually } from "../../dev/testing/eventually.ts";
import { loadWithClients } from "./clients.ts";
import type { Cipher } from "./encryption.ts";
import { readUpdate, type Update } from "./wire.ts";

/** A call takes longer only if its answer was lost: the server gives up after 30 s (sync.md §0b.4). */
const CALL_DEADLINE_MS = 60_000;

/** A socket of `socket.io-client`. */
type Socket = {
  readonly connected: boolean;
  readonly on: (event: string, listener: (data: unknown) => void) => unknown;
  readonly emit: (event: string, data: unknown) => unknown;
  readonly timeout: (ms: number) => {
    readonly emitWithAck: (event: string, data: unknown) => Promise<unknown>;
  };
  readonly connect: () => unknown;
  readonly close: () => unknown;
};

type SocketIo = { readonly io: (url: string, options: object) => Socket };

const Ephemeral = z.looseObject({ type: z.string() });
/** What the server tells once, without storing it. */
export type Ephemeral = z.infer<typeof Ephemeral>;

const CallResult = z.discriminatedUnion("ok", [
  z.object({ ok: z.literal(true), result: z.string() }),
  z.object({ ok: z.literal(false), error: z.string() }),
]);
/** How a call ended. */
export type CallResult = z.infer<typeof CallResult>;

/** Whose socket it is, as Socket.IO's `auth` says it. */
export type SocketOwner = {
  readonly token: string;
  readonly clientType?: "user-scoped" | "session-scoped" | "machine-scoped";
  readonly sessionId?: string;
  readonly machineId?: string;
};

/** A socket of an app, by the clients' own `socket.io-client`. It comes back by itself. */
export class PhoneSocket {
  /** All that it was told, in order. */
  readonly updates: Update[] = [];
  readonly ephemerals: Ephemeral[] = [];
  /** What it was told that no client would understand, and updates in the wrong order. */
  readonly problems: string[] = [];
  /** Why the server refused it. */
  readonly refusals: string[] = [];
  /** How often it was let in, and how often it lost its connection. */
  connections = 0;
  losses = 0;
  readonly #socket: Socket;

  /** Opens a socket. Whether it is connected, the caller waits for. */
  constructor(url: string, owner: SocketOwner) {
    const { io } = loadWithClients("socket.io-client") as SocketIo;
    this.#socket = io(url, {
      auth: { clientType: "user-scoped", ...owner },
      path: "/v1/updates",
      transports: ["websocket"],
      // Without it, sockets of the same server share a connection, and with it their fate.
      forceNew: true,
    });
    this.#socket.on("connect", () => this.connections++);
    this.#socket.on("disconnect", () => {
      // It is also told of connections that were lost before it was let in.
      if (this.connections > this.losses) this.losses++;
    });
    this.#socket.on("connect_error", (error) => {
      this.refusals.push(error instanceof Error ? error.message : String(error));
    });
    this.#socket.on("update", (data) => this.#take(data));
    this.#socket.on("ephemeral", (data) => {
      const ephemeral = Ephemeral.safeParse(data);
      if (ephemeral.success) this.ephemerals.push(ephemeral.data);
      else this.problems.push(`ephemeral ${JSON.stringify(data)}: ${ephemeral.error.message}`);
    });
  }

  /** Opens a socket and waits until the server has let it in. */
  static async open(url: string, owner: SocketOwner): Promise<PhoneSocket> {
    const socket = new PhoneSocket(url, owner);
    await socket.isConnected();
    return socket;
  }

  /** Waits until it is connected. @throws after a deadline, with the refusals */
  async isConnected(): Promise<void> {
    await eventually("the phone is connected", () => {
      if (!this.#socket.connected) throw new Error(this.refusals.join("; "));
    });
  }

  /** Waits until it was told an update. @throws after a deadline, with what it was told */
  async hears<T>(what: string, find: (update: Update) => T | null): Promise<T> {
    return eventually(what, () => firstOf(this.updates, find));
  }

  /** Waits until it was told something that is not stored. @throws as {@link hears} */
  async notices<T>(what: string, find: (ephemeral: Ephemeral) => T | null): Promise<T> {
    return eventually(what, () => firstOf(this.ephemerals, find));
  }

  /** Sends an event that nobody answers. */
  say(event: string, data: unknown): void {
    this.#socket.emit(event, data);
  }

  /** Sends an event. @returns its acknowledgement @throws when the connection is lost */
  async ask(event: string, data: unknown): Promise<unknown> {
    return this.#socket.timeout(CALL_DEADLINE_MS).emitWithAck(event, data);
  }

  /** Calls a method of a session or machine. `result` is still encrypted. */
  async call(method: string, params: unknown, cipher: Cipher): Promise<CallResult> {
    return CallResult.parse(await this.ask("rpc-call", { method, params: cipher.seal(params) }));
  }

  /** Calls a method that has to answer. @returns the decrypted result */
  async result(method: string, params: unknown, cipher: Cipher): Promise<unknown> {
    const called = await this.call(method, params, cipher);
    if (!called.ok) throw new Error(`${method} failed: ${called.error}`);
    return cipher.open(called.result);
  }

  /** Leaves for good. */
  close(): void {
    this.#socket.close();
  }

  #take(data: unknown): void {
    try {
      const update = readUpdate(data);
      const last = this.updates.at(-1);
      if (last !== undefined && update.seq <= last.seq) {
        this.problems.push(`update ${update.seq} came after ${last.seq}`);
      }
      this.updates.push(update);
    } catch (error) {
      this.problems.push(`update ${JSON.stringify(data)}: ${String(error)}`);
    }
  }
}

function firstOf<In, Out>(all: readonly In[], find: (one: In) => Out | null): Out {
  for (const one of all) {
    const found = find(one);
    if (found !== null) return found;
  }
  throw new Error(JSON.stringify(all.slice(-20)));
}

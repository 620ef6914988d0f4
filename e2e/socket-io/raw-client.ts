import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { WebSocket } from "ws";
import { connectPacket, type DeskServer } from "./desk-server.ts";

/** How long a packet or a close may take, milliseconds. A heartbeat of a minute fits into it. */
const DEADLINE_MS = 120_000;

/** The query of a connection that the protocol allows. */
export const QUERY = { EIO: "4", transport: "websocket" } as const;

/** The address of a server's Socket.IO endpoint with this query. */
export function endpoint(url: string, query: Readonly<Record<string, string>>): string {
  return `${url}/socket.io/?${new URLSearchParams(query)}`;
}

/** A WebSocket that speaks Engine.IO's packets as text, so that a test decides about each of them. */
export class RawClient {
  /** Every packet that has arrived, heartbeats included. */
  readonly packets: string[] = [];
  readonly #socket: WebSocket;
  readonly #closed: Promise<number>;
  #taken = 0;
  #arrived = Promise.withResolvers<void>();

  private constructor(socket: WebSocket, answersPings: boolean) {
    this.#socket = socket;
    socket.on("message", (data: Buffer) => {
      const packet = data.toString();
      this.packets.push(packet);
      if (packet === "2" && answersPings) socket.send("3");
      this.#wake();
    });
    socket.on("error", () => {});
    this.#closed = new Promise((resolve) =>
      socket.once("close", (code) => {
        resolve(code);
        this.#wake();
      }),
    );
  }

  /**
   * Opens a WebSocket.
   * @param url the server's address
   * @param options `answersPings`: false for a client that stays silent
   */
  static async open(
    url: string,
    { answersPings = true }: { readonly answersPings?: boolean } = {},
  ): Promise<RawClient> {
    const socket = new WebSocket(endpoint(url, QUERY));
    const client = new RawClient(socket, answersPings);
    await once(socket, "open");
    return client;
  }

  /** Opens a WebSocket and joins the main namespace. */
  static async join(server: DeskServer): Promise<RawClient> {
    const client = await RawClient.open(server.url);
    client.send(connectPacket(server));
    await client.next(/^40/);
    return client;
  }

  send(packet: string | Buffer): void {
    this.#socket.send(packet);
  }

  /**
   * Waits for a packet. What comes before it counts as read.
   * @throws when the connection closes first, or after {@link DEADLINE_MS}
   */
  async next(pattern: RegExp): Promise<string> {
    for (;;) {
      while (this.#taken < this.packets.length) {
        const packet = this.packets[this.#taken++] ?? "";
        if (pattern.test(packet)) return packet;
      }
      if (this.#socket.readyState === WebSocket.CLOSED) {
        throw new Error(`closed before ${pattern} came: ${this.packets.join(" ")}`);
      }
      await this.#within(this.#arrived.promise, `${pattern}`);
    }
  }

  /** Sends an event and waits for its acknowledgement. @returns the arguments of the acknowledgement */
  async ask(id: number, event: string, ...args: readonly unknown[]): Promise<unknown[]> {
    this.send(`42${id}${JSON.stringify([event, ...args])}`);
    const prefix = `43${id}`;
    const answer = await this.next(new RegExp(`^${prefix}\\[`));
    return JSON.parse(answer.slice(prefix.length)) as unknown[];
  }

  /** Waits until the server has closed the connection. @returns the code of the close */
  closed(): Promise<number> {
    return this.#within(this.#closed, "the close");
  }

  /** Ends the connection without a close, as a lost network does. */
  vanish(): void {
    this.#socket.terminate();
  }

  #wake(): void {
    this.#arrived.resolve();
    this.#arrived = Promise.withResolvers();
  }

  async #within<T>(wanted: Promise<T>, what: string): Promise<T> {
    const abort = new AbortController();
    const late = delay(DEADLINE_MS, undefined, { signal: abort.signal }).then(
      () => {
        throw new Error(`${what} did not come; so far: ${this.packets.join(" ")}`);
      },
      () => new Promise<never>(() => {}),
    );
    try {
      return await Promise.race([wanted, late]);
    } finally {
      abort.abort();
    }
  }
}

/** What a server answers to an upgrade that it refuses; null: it upgrades, and breaks off without a packet. */
type Refusal = { readonly status: number; readonly body: string } | null;

/** Tries to open a WebSocket that the server refuses. @throws when the server speaks */
export function refusedUpgrade(
  url: string,
  query: Readonly<Record<string, string>>,
): Promise<Refusal> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(endpoint(url, query));
    socket.on("error", () => resolve(null));
    socket.once("message", (data: Buffer) => {
      socket.terminate();
      reject(new Error(`accepted with ${JSON.stringify(query)}: ${data.toString()}`));
    });
    socket.once("close", () => resolve(null));
    socket.once("unexpected-response", (request, response) => {
      let body = "";
      response.on("data", (chunk: Buffer) => (body += chunk.toString()));
      response.once("end", () => {
        resolve({ status: response.statusCode ?? 0, body });
        request.destroy();
      });
    });
  });
}

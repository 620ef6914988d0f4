import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import { type WebSocket, WebSocketServer } from "ws";
import { FakeHub } from "../../src/testing/fake-hub.ts";

/** The one token that it takes. */
const TOKEN = "t1";

/** A real server before the client's test double of a hub: tickets, WebSockets, and `/events`. */
export class HubServer {
  /** Whom the next client meets. */
  hub = new FakeHub();
  readonly #server: Server;
  readonly #upgrades = new WebSocketServer({ noServer: true });

  constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#server.on("upgrade", (request, tcp, head) => {
      if (!this.hub.websockets) tcp.destroy();
      else {
        this.#upgrades.handleUpgrade(request, tcp, head, (peer) => {
          this.#bridge(peer, request.url ?? "");
        });
      }
    });
  }

  /** Where it listens. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Listens on a free port of this machine. */
  async start(): Promise<void> {
    await once(this.#server.listen(0, "127.0.0.1"), "listening");
  }

  /** Ends it with all its connections. */
  async stop(): Promise<void> {
    for (const peer of this.#upgrades.clients) peer.terminate();
    this.#server.closeAllConnections();
    await once(this.#server.close(), "close");
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? "", this.url);
    if (request.headers.authorization !== `Bearer ${TOKEN}`) {
      response.writeHead(401).end();
      return;
    }
    if (pathname === "/ws/ticket") {
      const url = `${this.url.replace("http", "ws")}/ws?ticket=1`;
      response.writeHead(201, { "Content-Type": "application/json" }).end(JSON.stringify({ url }));
      return;
    }
    const gone = new AbortController();
    response.on("close", () => {
      gone.abort();
    });
    const stream = await this.hub.events(searchParams, gone.signal);
    if (!stream.ok) {
      response.writeHead(503).end();
      return;
    }
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    Readable.fromWeb(stream.value.body as ReadableStream)
      .on("error", () => response.destroy())
      .pipe(response);
  }

  #bridge(peer: WebSocket, path: string): void {
    const socket = this.hub.open(`ws://hub${path}`);
    socket.addEventListener("message", ({ data }) => {
      peer.send(String(data));
    });
    socket.addEventListener("close", ({ code }) => {
      peer.close(code);
    });
    peer.on("message", (data: Buffer) => {
      socket.send(data.toString());
    });
  }
}

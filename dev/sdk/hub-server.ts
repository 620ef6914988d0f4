import { type WebSocket, WebSocketServer } from "ws";
import { FakeHub } from "../../src/testing/fake-hub.ts";
import { answerBy, type RunningDouble, serveDouble } from "../doubles/server.ts";

/** The only token that it accepts. */
const TOKEN = "t1";

/** A real server in front of the client's fake hub, with tickets, WebSockets and `/events`. */
export class HubServer {
  /** The hub for the next client. */
  hub = new FakeHub();
  #double: RunningDouble | undefined;
  readonly #upgrades = new WebSocketServer({ noServer: true });

  get url(): string {
    return this.#double?.url ?? "";
  }

  /** Listens on a free port of this machine. */
  async start(): Promise<void> {
    this.#double = await serveDouble({ port: 0, host: "127.0.0.1" }, () => ({
      request: answerBy({ fetch: (request: Request) => this.#answer(request) }),
      upgrade: (request, tcp, head) => {
        if (!this.hub.websockets) return tcp.destroy();
        return this.#upgrades.handleUpgrade(request, tcp, head, (peer) =>
          this.#bridge(peer, request.url ?? ""),
        );
      },
    }));
  }

  /** Stops the server and closes all connections. */
  async stop(): Promise<void> {
    for (const peer of this.#upgrades.clients) peer.terminate();
    await this.#double?.close();
  }

  async #answer({ url, headers, signal }: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(url);
    if (headers.get("authorization") !== `Bearer ${TOKEN}`) {
      return new Response(null, { status: 401 });
    }
    if (pathname === "/ws/ticket") {
      const ticket = { url: `${this.url.replace("http", "ws")}/ws?ticket=1` };
      return Response.json(ticket, { status: 201 });
    }
    const stream = await this.hub.events(searchParams, signal);
    if (!stream.ok) return new Response(null, { status: 503 });
    return new Response(stream.value.body, { headers: { "Content-Type": "text/event-stream" } });
  }

  #bridge(peer: WebSocket, path: string): void {
    const socket = this.hub.open(`ws://hub${path}`);
    socket.addEventListener("message", ({ data }) => peer.send(String(data)));
    socket.addEventListener("close", ({ code }) => peer.close(code));
    peer.on("message", (data: Buffer) => socket.send(data.toString()));
  }
}

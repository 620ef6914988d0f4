import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Registry } from "prom-client";

/** Address and sources of the HTTP server. */
export type HttpServerParts = {
  readonly host: string;
  readonly port: number;
  readonly registry: Registry;
  /** The problem of the process itself; null: none. */
  readonly health: () => string | null;
  /** Whether the process works with Discord and the hub, with details for a person. */
  readonly readiness: () => { readonly ready: boolean } & Readonly<Record<string, unknown>>;
};

/** A listening server, or why it cannot listen. */
export type StartedHttpServer =
  | { readonly ok: true; readonly port: number; readonly close: () => Promise<void> }
  | { readonly ok: false; readonly message: string };

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, {
    "Content-Type": "application/json",
    "Cache-Control": "no-store",
  });
  response.end(`${JSON.stringify(body)}\n`);
}

async function answer(
  parts: HttpServerParts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = (request.url ?? "/").split("?", 1)[0];
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.setHeader("Allow", "GET, HEAD");
    json(response, 405, { message: "Only GET is answered here." });
    return;
  }
  switch (path) {
    case "/healthz": {
      const wrong = parts.health();
      if (wrong === null) json(response, 200, { status: "ok" });
      else json(response, 503, { status: "failing", message: wrong });
      return;
    }
    case "/readyz": {
      const readiness = parts.readiness();
      json(response, readiness.ready ? 200 : 503, readiness);
      return;
    }
    case "/metrics": {
      const text = await parts.registry.metrics();
      response.writeHead(200, { "Content-Type": parts.registry.contentType });
      response.end(text);
      return;
    }
    default:
      json(response, 404, { message: "Nothing here. See /healthz, /readyz and /metrics." });
  }
}

function listenFailure(error: NodeJS.ErrnoException, { host, port }: HttpServerParts): string {
  switch (error.code) {
    case "EADDRINUSE":
      return `PORT: ${port} is taken on ${host}. Stop what listens there, or set PORT to another one.`;
    case "EACCES":
      return `PORT: this user may not listen on ${port}. Set PORT to one above 1023.`;
    default:
      return `HOST: cannot listen on ${host}:${port} (${error.code ?? error.message}). Correct HOST or PORT.`;
  }
}

/** Starts `/healthz`, `/readyz` and `/metrics`. */
export async function startHttpServer(parts: HttpServerParts): Promise<StartedHttpServer> {
  const server: Server = createServer((request, response) => {
    answer(parts, request, response).catch(() => {
      if (!response.headersSent) json(response, 500, { message: "This could not be read." });
      else response.destroy();
    });
  });
  const failure = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
    server.once("error", resolve);
    server.listen(parts.port, parts.host, () => resolve(null));
  });
  if (failure !== null) return { ok: false, message: listenFailure(failure, parts) };
  const address = server.address();
  return {
    ok: true,
    port: typeof address === "object" && address !== null ? address.port : parts.port,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}

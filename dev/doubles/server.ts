import { type HttpBindings, getRequestListener } from "@hono/node-server";
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import { type AddressInfo, isIP } from "node:net";
import type { Duplex } from "node:stream";

/** A running double. */
export interface RunningDouble {
  /** Its address: `http://host:port`. */
  readonly url: string;
  readonly close: () => Promise<void>;
}

interface DoubleHandlers {
  readonly request: RequestListener;
  /** Handles WebSocket upgrades of allowed callers; absent: upgrades are not supported. */
  readonly upgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
}

/**
 * Starts a server for callers of this machine only.
 * @param handlersAt gets the address first, because some doubles need it in their answers
 * @throws when the port is in use
 */
export async function serveDouble(
  { port, host }: { readonly port: number; readonly host: string },
  handlersAt: (url: string) => DoubleHandlers,
): Promise<RunningDouble> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  const url = `http://${host}:${(server.address() as AddressInfo).port}`;
  const { request, upgrade } = handlersAt(url);
  server.on("request", onlyForThisMachine(request));
  if (upgrade !== undefined) {
    server.on("upgrade", (incoming, socket, head) => {
      const { origin } = incoming.headers;
      const isOwnPage = origin === undefined || isLocalOrigin(origin);
      if (isOwnPage && isForThisMachine(incoming)) upgrade(incoming, socket, head);
      else refuseUpgrade(socket, "403 Forbidden");
    });
  }
  return {
    url,
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Answers requests with a Hono application. */
export function answerBy(app: {
  readonly fetch: Parameters<typeof getRequestListener>[0];
}): RequestListener {
  const answer = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  return (incoming, outgoing) => void answer(incoming, outgoing);
}

/** Answers an upgrade with a status, for example `404 Not Found`. */
export function refuseUpgrade(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

/** Closes the connection without an answer. @returns a response for Hono's types; it is never sent */
export function cutConnection({ env }: { readonly env: HttpBindings }): Response {
  env.incoming.socket.destroy();
  return new Response(null, { status: 204 });
}

const LOCAL_ORIGIN = /^http:\/\/(?:127\.0\.0\.1|localhost)(?::\d+)?$/;

/** Whether this is the origin of a page of this machine. */
export function isLocalOrigin(origin: string): boolean {
  return LOCAL_ORIGIN.test(origin);
}

/**
 * Whether `Host` is an IP address or a name without a dot, which no site on the internet can have. The owner of an
 * internet name can point it at this machine (DNS rebinding). The browser then treats the double as that page's
 * own site, and the page may read and change everything.
 */
function isForThisMachine({ headers: { host } }: IncomingMessage): boolean {
  // Browsers always send `Host`.
  if (host === undefined) return true;
  const hostname = URL.parse(`http://${host}`)?.hostname;
  if (hostname === undefined) return false;
  return isIP(hostname.replace(/^\[|\]$/g, "")) !== 0 || !hostname.includes(".");
}

/** The outermost layer of each double: refuses requests with another `Host`. */
function onlyForThisMachine(listener: RequestListener): RequestListener {
  return (request, response) => {
    if (isForThisMachine(request)) {
      listener(request, response);
      return;
    }
    request.resume();
    response.writeHead(403, { "content-type": "application/json" });
    response.end(
      JSON.stringify({
        error: "this service of the local stack is not available at this host name",
      }),
    );
  };
}

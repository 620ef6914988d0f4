import { CLOSE_CODES } from "../protocol/close-codes.ts";
import { type HubSockets, type OpenSession, parseSessionRecord } from "./core/session.ts";
import type { HubRuntime, RuntimeSocket } from "./runtime.ts";

/** {@link HubSockets} over the hibernating WebSockets of an object (HUB-6). */
export class SocketSet implements HubSockets<RuntimeSocket> {
  readonly #runtime: HubRuntime;

  constructor(runtime: HubRuntime) {
    this.#runtime = runtime;
  }

  all(): RuntimeSocket[] {
    // Closed sockets are not filtered out: reading the state costs a third of what a send costs.
    return this.#runtime.sockets();
  }

  send(socket: RuntimeSocket, text: string): void {
    try {
      socket.send(text);
    } catch (error) {
      // A socket that is closing is not a failure: the client resumes.
      if (isOpen(socket)) throw error;
    }
  }

  close(socket: RuntimeSocket, code: number, reason: string): void {
    if (isOpen(socket)) socket.close(code, reason);
  }

  /** Answers a close of the peer, so that the socket does not stay in CLOSING. */
  reciprocateClose(socket: RuntimeSocket): void {
    if (socket.readyState === WebSocket.CLOSING) socket.close(CLOSE_CODES.normal.code);
  }

  load(socket: RuntimeSocket): OpenSession | null {
    return isOpen(socket) ? parseSessionRecord(socket.deserializeAttachment()) : null;
  }

  loadClosing(socket: RuntimeSocket): OpenSession | null {
    return parseSessionRecord(socket.deserializeAttachment());
  }

  clear(socket: RuntimeSocket): void {
    if (isOpen(socket)) socket.serializeAttachment(null);
  }

  save(socket: RuntimeSocket, record: OpenSession): void {
    if (isOpen(socket)) socket.serializeAttachment(record);
  }

  lastPingAt(socket: RuntimeSocket): number | null {
    return this.#runtime.autoRespondedAt(socket);
  }
}

function isOpen(socket: RuntimeSocket): boolean {
  return socket.readyState === WebSocket.OPEN;
}

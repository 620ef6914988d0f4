import { CLOSE_CODES, type CloseName } from "../protocol/close-codes.ts";
import { parseSessionRecord, type SessionRecord } from "./core/session.ts";
import type { HubSockets } from "./core/sockets.ts";

/** {@link HubSockets} over the hibernating WebSockets of a Durable Object (HUB-6). */
export class SocketSet implements HubSockets<WebSocket> {
  readonly #ctx: DurableObjectState;

  constructor(ctx: DurableObjectState) {
    this.#ctx = ctx;
  }

  all(): WebSocket[] {
    // Not asked for its state: that would cost a third of what sending to it does.
    return this.#ctx.getWebSockets();
  }

  send(socket: WebSocket, text: string): void {
    try {
      socket.send(text);
    } catch (error) {
      // A socket that is closing is not a failure: the client resumes.
      if (socket.readyState === WebSocket.OPEN) throw error;
    }
  }

  close(socket: WebSocket, why: CloseName): void {
    const { code, meaning } = CLOSE_CODES[why];
    if (socket.readyState === WebSocket.OPEN) socket.close(code, meaning);
  }

  /** Answers a close of the peer, so that the socket does not stay in CLOSING. */
  reciprocateClose(socket: WebSocket): void {
    if (socket.readyState === WebSocket.CLOSING) socket.close(CLOSE_CODES.normal.code);
  }

  load(socket: WebSocket): SessionRecord | null {
    if (socket.readyState !== WebSocket.OPEN) return null;
    return parseSessionRecord(socket.deserializeAttachment());
  }

  save(socket: WebSocket, record: SessionRecord): void {
    if (socket.readyState === WebSocket.OPEN) socket.serializeAttachment(record);
  }

  lastPingAt(socket: WebSocket): number | null {
    return this.#ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? null;
  }
}

import { CLOSE_CODES } from "../protocol/close-codes.ts";
import { type HubSockets, parseSessionRecord, type SessionRecord } from "./core/session.ts";
import { EventStream } from "./event-stream.ts";
import type { HubRuntime, RuntimeSocket } from "./runtime.ts";

/** A connection that the hub serves: a WebSocket, or a stream of `GET /events`. */
export type HubSocket = RuntimeSocket | EventStream;

/** {@link HubSockets} over the hibernating WebSockets of an object and its streams (HUB-6). */
export class SocketSet implements HubSockets<HubSocket> {
  readonly #runtime: HubRuntime;
  /** Streams do not hibernate: they end with the object. */
  readonly #streams = new Set<EventStream>();

  constructor(runtime: HubRuntime) {
    this.#runtime = runtime;
  }

  /** Number of open streams. */
  get streamCount(): number {
    return this.#streams.size;
  }

  /** Adds a stream, until {@link removeStream}. */
  addStream(stream: EventStream): void {
    this.#streams.add(stream);
  }

  removeStream(stream: EventStream): void {
    this.#streams.delete(stream);
  }

  all(): HubSocket[] {
    // Closed sockets are not filtered out: reading the state costs a third of what a send costs.
    const sockets = this.#runtime.sockets();
    return this.#streams.size === 0 ? sockets : [...sockets, ...this.#streams];
  }

  send(socket: HubSocket, text: string): void {
    try {
      socket.send(text);
    } catch (error) {
      // A socket that is closing is not a failure: the client resumes.
      if (isOpen(socket)) throw error;
    }
  }

  close(socket: HubSocket, code: number, reason: string): void {
    if (isOpen(socket)) socket.close(code, reason);
  }

  /** Answers a close of the peer, so that the socket does not stay in CLOSING. */
  reciprocateClose(socket: RuntimeSocket): void {
    if (socket.readyState === WebSocket.CLOSING) socket.close(CLOSE_CODES.normal.code);
  }

  /** Whether frames can still be sent. */
  isOpen(socket: HubSocket): boolean {
    return isOpen(socket);
  }

  load(socket: HubSocket): SessionRecord | null {
    if (!isOpen(socket)) return null;
    return parseSessionRecord(
      socket instanceof EventStream ? socket.attachment : socket.deserializeAttachment(),
    );
  }

  save(socket: HubSocket, record: SessionRecord): void {
    if (socket instanceof EventStream) socket.attachment = record;
    else if (isOpen(socket)) socket.serializeAttachment(record);
  }

  lastPingAt(socket: HubSocket): number | null {
    if (socket instanceof EventStream) return null;
    return this.#runtime.autoRespondedAt(socket);
  }
}

function isOpen(socket: HubSocket): boolean {
  return socket instanceof EventStream ? socket.isOpen : socket.readyState === WebSocket.OPEN;
}

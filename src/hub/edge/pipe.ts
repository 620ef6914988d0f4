import { isLongerThan } from "../../protocol/bytes.ts";
import { CLOSE_CODES } from "../../protocol/close-codes.ts";
import { PING_FRAME, PONG_FRAME } from "../../protocol/frames.ts";
import { type EdgeSocket, LOST, passedOn, type SocketEnd } from "./edge-socket.ts";

/** How a client is closed whose hub was lost: it comes back and resumes. */
const HUB_LOST: SocketEnd = {
  code: CLOSE_CODES.restart.code,
  reason: CLOSE_CODES.restart.meaning,
};

/** How a hub is told that a client was lost. */
const CLIENT_LOST: SocketEnd = {
  code: CLOSE_CODES.goingAway.code,
  reason: CLOSE_CODES.goingAway.meaning,
};

/**
 * Connects a client's socket with the one that the Worker has opened to a hub: when one is closed, so is the other.
 */
export class Pipe {
  readonly #client: EdgeSocket;
  readonly #hub: EdgeSocket;

  /**
   * Accepts the hub's socket. The client's one was accepted before.
   * @param fromHub a frame of the hub has arrived
   * @param hubEnded the hub has closed, or was lost. Says last words to the client, which is then closed
   */
  constructor(
    client: EdgeSocket,
    hub: EdgeSocket,
    fromHub: (frame: string) => void,
    hubEnded: (end: SocketEnd) => void = () => {},
  ) {
    this.#client = client;
    this.#hub = hub;
    hub.addEventListener("message", ({ data }) => fromHub(String(data)));
    const ended = (end: SocketEnd): void => {
      const passed = passedOn(end, HUB_LOST);
      if (client.readyState === WebSocket.OPEN) hubEnded(passed);
      close(client, passed);
    };
    hub.addEventListener("close", ended);
    hub.addEventListener("error", () => ended({ code: LOST, reason: "" }));
    hub.accept();
    if (client.readyState !== WebSocket.OPEN) this.clientEnded({ code: LOST, reason: "" });
  }

  /** Sends the hub a frame. */
  toHub(data: string | ArrayBuffer): void {
    send(this.#hub, data);
  }

  /** The client has closed, or was lost. */
  clientEnded(end: SocketEnd): void {
    close(this.#hub, passedOn(end, CLIENT_LOST));
  }

  /** Closes both ends. */
  end(end: SocketEnd): void {
    close(this.#client, end);
    close(this.#hub, end);
  }
}

/** Sends a frame, or does nothing when the socket is closing. */
export function send(socket: EdgeSocket, data: string | ArrayBuffer): void {
  if (socket.readyState === WebSocket.OPEN) socket.send(data);
}

/** Closes a socket that is not closed yet, or answers its close. */
export function close(socket: EdgeSocket, { code, reason }: SocketEnd): void {
  if (socket.readyState === WebSocket.OPEN || socket.readyState === WebSocket.CLOSING) {
    socket.close(code, reason);
  }
}

/** Whether a frame is longer than so many bytes. */
export function isLonger(data: string | ArrayBuffer, bytes: number): boolean {
  return typeof data === "string" ? isLongerThan(data, bytes) : data.byteLength > bytes;
}

/**
 * The answer to a client's ping; null: it is none. The Worker answers it: a ping does not show that the client has
 * taken what was sent before, and would look to the hub as if it did (HUB-10).
 */
export function pongFor(data: string | ArrayBuffer): string | null {
  return data === PING_FRAME ? PONG_FRAME : null;
}

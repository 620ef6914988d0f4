import { CLOSE_CODES } from "../../protocol/close-codes.ts";

/** One end of a WebSocket in the Worker: towards a client, or towards a hub. */
export type EdgeSocket = Pick<
  WebSocket,
  "readyState" | "binaryType" | "accept" | "send" | "close"
> & {
  addEventListener(type: "message", listen: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: "close", listen: (event: SocketEnd) => void): void;
  addEventListener(type: "error", listen: () => void): void;
};

/** How a socket was closed. */
export type SocketEnd = { readonly code: number; readonly reason: string };

/** The code of a connection that ended without a close frame (RFC 6455 §7.4.1). */
export const LOST = 1006;

/** How a client is closed whose hub was lost: it comes back and resumes. */
export const HUB_LOST: SocketEnd = {
  code: CLOSE_CODES.restart.code,
  reason: CLOSE_CODES.restart.meaning,
};

/** How a hub is told that a client was lost. */
export const CLIENT_LOST: SocketEnd = {
  code: CLOSE_CODES.goingAway.code,
  reason: CLOSE_CODES.goingAway.meaning,
};

/** The code of a close frame without a code (RFC 6455 §7.4.1). */
export const NO_STATUS = 1005;

/** The length of the reason of a close, in characters that are at most one byte each (RFC 6455 §5.5). */
const REASON_MAX = 123;

/**
 * How one end of a connection is closed when the other end was. Codes that only a runtime makes are never sent:
 * a close without a code is a normal one, and a connection that was lost becomes `lost`.
 */
export function passedOn({ code, reason }: SocketEnd, lost: SocketEnd): SocketEnd {
  if (code === NO_STATUS) return { code: 1000, reason: "" };
  const isSendable = code === 1000 || (code > 1000 && code < LOST && code !== 1004) || code > LOST;
  if (!isSendable || code === 1015 || code > 4999) return lost;
  // A reason of other letters could be too long in bytes. It says nothing that the code does not say.
  const fits = reason.length <= REASON_MAX && /^[\x20-\x7e]*$/.test(reason);
  return { code, reason: fits ? reason : "" };
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

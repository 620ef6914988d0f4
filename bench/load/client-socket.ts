import { randomBytes } from "node:crypto";
import net from "node:net";
import { DEADLINE_MS } from "../plan.ts";
import type { Entry, Send } from "./client.ts";
import { FrameReader, maskedText } from "./frame-reader.ts";

/** Who listens to a connection. */
export type SocketListener = {
  /** Every text frame, also the greeting; the payload is only valid during the call. */
  readonly text: (payload: Buffer, send: Send) => void;
  /** The server ended the served connection and we did not. Called once. */
  readonly lost: (why: string) => void;
};

/** One open connection. */
export type ClientSocket = { readonly send: Send; readonly close: () => Promise<void> };

const HEADERS_END = Buffer.from("\r\n\r\n");

/**
 * Opens a WebSocket by hand on a plain TCP socket.
 * @throws when the upgrade is refused, or the greeting does not come in time
 */
export async function openSocket(entry: Entry, listener: SocketListener): Promise<ClientSocket> {
  const socket = net.connect({ port: entry.port, host: "127.0.0.1", noDelay: true });
  const { promise: served, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(
    () => reject(new Error(`no ${entry.greeting ?? "upgrade"}`)),
    DEADLINE_MS,
  );
  const send: Send = (text) => void socket.write(maskedText(text));
  let stage: "opening" | "open" | "over" = "opening";
  const serve = (): void => {
    stage = "open";
    resolve();
  };
  const lose = (why: string): void => {
    reject(new Error(why));
    const wasOpen = stage === "open";
    stage = "over";
    if (wasOpen) listener.lost(why);
  };
  const greeting = entry.greeting === undefined ? null : Buffer.from(entry.greeting);
  const reader = new FrameReader(
    (payload) => {
      if (stage === "opening" && greeting !== null && payload.includes(greeting)) serve();
      listener.text(payload, send);
    },
    (code) => lose(`closed with ${code}`),
  );
  let head: Buffer | null = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    if (head === null) {
      reader.push(chunk);
      return;
    }
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf(HEADERS_END);
    if (end < 0) return;
    const status = head.subarray(9, 12).toString();
    const rest = head.subarray(end + HEADERS_END.length);
    head = null;
    if (status !== "101") {
      reject(new Error(`upgrade refused with ${status}: ${rest.toString()}`));
      return;
    }
    if (entry.hello !== undefined) send(entry.hello);
    if (greeting === null) serve();
    if (rest.length > 0) reader.push(rest);
  });
  socket.on("error", (error) => lose(error.message));
  socket.on("close", () => lose("connection lost"));
  socket.write(
    `GET ${entry.path} HTTP/1.1\r\nHost: 127.0.0.1:${entry.port}\r\nUpgrade: websocket\r\n` +
      `Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n` +
      ownAddress() +
      `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\n\r\n`,
  );
  const leave = (): void => {
    stage = "over";
    socket.destroy();
  };
  try {
    await served;
  } catch (error) {
    leave();
    throw error;
  } finally {
    clearTimeout(timer);
  }
  return {
    send,
    close: () =>
      new Promise((done) => {
        if (socket.closed) done();
        else socket.once("close", () => done());
        leave();
      }),
  };
}

/**
 * A header that gives a client an address of its own: what is bounded by address is not what is measured.
 * @returns one line, with its end
 */
export function ownAddress(): string {
  const network = randomBytes(4).toString("hex").replace(/.{4}/g, ":$&");
  return `CF-Connecting-IP: 2001:db8${network}::1\r\n`;
}

import { randomBytes } from "node:crypto";
import net from "node:net";
import { DEADLINE_MS } from "../plan.ts";
import { FrameReader, maskedText, type OnText } from "./frame-reader.ts";

/** How to open one connection of a subject. */
export type Entry = {
  readonly port: number;
  /** Path and query. */
  readonly path: string;
  /** First frame to send. */
  readonly hello?: string;
  /** Text that a frame contains once the connection is served; absent: the upgrade is enough. */
  readonly greeting?: string;
};

/** One open connection. */
export type ClientSocket = { readonly close: () => Promise<void> };

const HEADERS_END = Buffer.from("\r\n\r\n");

/**
 * Opens a WebSocket by hand on a plain TCP socket.
 * @param onText gets every text frame, also the greeting
 * @param onClosed is called when the server ended the connection and we did not
 * @throws when the upgrade is refused, or the greeting does not come in time
 */
export async function openSocket(
  entry: Entry,
  onText: OnText,
  onClosed: (why: string) => void,
): Promise<ClientSocket> {
  const socket = net.connect({ port: entry.port, host: "127.0.0.1", noDelay: true });
  const { promise: served, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(
    () => reject(new Error(`no ${entry.greeting ?? "upgrade"}`)),
    DEADLINE_MS,
  );
  const greeting = entry.greeting === undefined ? null : Buffer.from(entry.greeting);
  let greeted = false;
  let leaving = false;
  const reader = new FrameReader(
    (payload) => {
      if (!greeted && greeting !== null && payload.includes(greeting)) {
        greeted = true;
        resolve();
      }
      onText(payload);
    },
    (code) => {
      if (!leaving) onClosed(`closed with ${code}`);
    },
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
    if (entry.hello !== undefined) socket.write(maskedText(entry.hello));
    if (greeting === null) resolve();
    if (rest.length > 0) reader.push(rest);
  });
  socket.on("error", (error) => {
    reject(error);
    if (!leaving) onClosed(error.message);
  });
  socket.on("close", () => {
    reject(new Error("closed before it was served"));
    if (!leaving) onClosed("connection lost");
  });
  socket.write(
    `GET ${entry.path} HTTP/1.1\r\nHost: 127.0.0.1:${entry.port}\r\nUpgrade: websocket\r\n` +
      `Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n` +
      `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\n\r\n`,
  );
  try {
    await served;
  } catch (error) {
    leaving = true;
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
  return {
    close: () =>
      new Promise((done) => {
        leaving = true;
        socket.once("close", () => done());
        socket.destroy();
      }),
  };
}

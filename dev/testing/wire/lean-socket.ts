import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { LOST, type Entrance, type Wire, type WireEvents } from "./wire.ts";

/** A minimal WebSocket of our own. */
export type LeanSocket = Wire & {
  /** Its local port; 0: it has none yet. */
  readonly localPort: () => number;
  /** Resolves when the TCP connection has ended. */
  readonly closed: Promise<void>;
};

const HEADERS_END = Buffer.from("\r\n\r\n");

/** The answer to a close (RFC 6455 §5.5.1), masked with zeros, without a code. */
const EMPTY_CLOSE = Buffer.from([0x88, 0x80, 0, 0, 0, 0]);

/**
 * Opens a WebSocket on a plain TCP socket, for a fraction of the cost of a full client, so that thousands of
 * clients still measure the server.
 * @param events texts are valid only during the call; `onOpen` is called first, when the upgrade was accepted
 */
export function openLeanSocket(
  { url, headers, hello }: Omit<Entrance, "kind">,
  events: WireEvents<Buffer> & { readonly onOpen?: () => void },
): LeanSocket {
  const socket = connect({ port: Number(url.port), host: url.hostname, noDelay: true });
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  let isOver = false;
  const close = (code: number): void => {
    if (!isOver) events.onClose(code);
    isOver = true;
  };
  const send = (text: string): void => {
    if (socket.writable) socket.write(maskedText(text));
  };
  const reader = new FrameReader(
    (payload) => {
      if (!isOver) events.onText(payload);
    },
    (code) => {
      socket.end(EMPTY_CLOSE);
      close(code);
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
    const answer = head.toString("latin1", 0, end);
    const rest = head.subarray(end + HEADERS_END.length);
    head = null;
    const status = Number(answer.slice(9, 12));
    if (status !== 101) {
      isOver = true;
      socket.destroy();
      const [, seconds = "0"] = /^retry-after: {0,9}(\d{1,9})/im.exec(answer) ?? [];
      events.onRefused(status, Number(seconds) * 1000);
      return;
    }
    if (hello !== undefined) send(hello);
    events.onOpen?.();
    if (rest.length > 0) reader.push(rest);
  });
  // The kind of error does not matter: the connection is lost.
  socket.on("error", () => {});
  socket.on("close", () => {
    close(LOST);
    resolve();
  });
  const lines = Object.entries({
    Host: url.host,
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": randomBytes(16).toString("base64"),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`GET ${url.pathname}${url.search} HTTP/1.1\r\n${lines.join("")}\r\n`);
  return {
    send,
    terminate: () => {
      isOver = true;
      socket.destroy();
    },
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    localPort: () => socket.localPort ?? 0,
    closed,
  };
}

/** A header that gives a client an address of its own, because limits by address are not measured. */
export function ownAddress(): Readonly<Record<string, string>> {
  const network = randomBytes(4).toString("hex").replace(/.{4}/g, ":$&");
  return { "CF-Connecting-IP": `2001:db8${network}::1` };
}

/** Gets the payload of one text frame, which is valid only during the call. */
type OnText = (payload: Buffer) => void;

/**
 * Reads a server's WebSocket frames from TCP chunks. It supports only what the measured servers send (unmasked,
 * whole text frames, pings and closes), for a fraction of the cost of a full client.
 */
class FrameReader {
  readonly #onText: OnText;
  readonly #onClose: (code: number) => void;
  #rest: Buffer | null = null;

  constructor(onText: OnText, onClose: (code: number) => void) {
    this.#onText = onText;
    this.#onClose = onClose;
  }

  push(chunk: Buffer): void {
    const data = this.#rest === null ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    for (;;) {
      const frame = frameAt(data, at);
      if (frame === null) break;
      const payload = data.subarray(frame.start, frame.end);
      if (frame.opcode === 1) this.#onText(payload);
      else if (frame.opcode === 8) {
        this.#onClose(payload.length >= 2 ? payload.readUInt16BE(0) : 1005);
      }
      at = frame.end;
    }
    this.#rest = at === data.length ? null : data.subarray(at);
  }
}

/** The frame that starts at `at`; null: it is not complete yet. */
function frameAt(
  data: Buffer,
  at: number,
): { readonly opcode: number; readonly start: number; readonly end: number } | null {
  if (data.length < at + 2) return null;
  const opcode = (data[at] ?? 0) & 0x0f;
  const short = (data[at + 1] ?? 0) & 0x7f;
  const header = short === 127 ? 10 : short === 126 ? 4 : 2;
  if (data.length < at + header) return null;
  const length =
    short === 127
      ? Number(data.readBigUInt64BE(at + 2))
      : short === 126
        ? data.readUInt16BE(at + 2)
        : short;
  const start = at + header;
  const end = start + length;
  return data.length < end ? null : { opcode, start, end };
}

/** A client's text frame, masked as RFC 6455 §5.3 requires, for the few frames that a client sends. */
export function maskedText(text: string): Buffer {
  const payload = Buffer.from(text);
  const mask = Buffer.from([0x12, 0x34, 0x56, 0x78]);
  const header = Buffer.alloc(payload.length < 126 ? 2 : 4);
  header[0] = 0x81;
  if (payload.length < 126) header[1] = 0x80 | payload.length;
  else {
    header[1] = 0x80 | 126;
    header.writeUInt16BE(payload.length, 2);
  }
  const masked = payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0));
  return Buffer.concat([header, mask, masked]);
}

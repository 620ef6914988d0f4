import { request, type IncomingMessage } from "node:http";
import { WebSocket } from "ws";
import type { Entrance } from "./knock.ts";

/** A connection that texts of the server come over, whatever carries them. */
export type Wire = {
  /** Sends, or does nothing: over HTTP nothing can be sent, and a closing socket takes nothing. */
  readonly send: (text: string) => void;
  /** Breaks it without a word. */
  readonly terminate: () => void;
  /** Stops reading from the TCP connection, so that it fills up. */
  readonly pause: () => void;
  readonly resume: () => void;
};

/** What happens to a wire. `onClose` or `onRefused` comes once, and is the last. */
export type WireEvents = {
  readonly onText: (text: string) => void;
  readonly onClose: (code: number) => void;
  readonly onRefused: (status: number, retryAfterMs: number) => void;
};

/** Close code of a connection that was lost. */
const LOST = 1006;
const HANDSHAKE_TIMEOUT_MS = 12_000;

export function openWire(entrance: Entrance, events: WireEvents): Wire {
  return entrance.kind === "socket" ? openSocket(entrance, events) : openStream(entrance, events);
}

function openSocket(entrance: Entrance, events: WireEvents): Wire {
  const socket = new WebSocket(entrance.url, {
    perMessageDeflate: false,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    headers: { ...entrance.headers },
  });
  let isOver = false;
  socket.on("open", () => {
    if (entrance.hello !== undefined) socket.send(entrance.hello);
  });
  socket.on("message", (data: Buffer) => events.onText(data.toString()));
  socket.on("unexpected-response", (_request, response: IncomingMessage) => {
    isOver = true;
    response.destroy();
    socket.terminate();
    events.onRefused(response.statusCode ?? 0, retryAfterMs(response));
  });
  socket.on("error", () => {});
  socket.on("close", (code) => {
    if (!isOver) events.onClose(code);
  });
  return {
    send: (text) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(text);
    },
    terminate: () => socket.terminate(),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
  };
}

/** `GET /events` as Server-Sent Events. */
function openStream(entrance: Entrance, events: WireEvents): Wire {
  const outgoing = request(entrance.url, { headers: { ...entrance.headers }, agent: false });
  let body: IncomingMessage | null = null;
  let code = LOST;
  let isOver = false;
  const end = (): void => {
    if (!isOver) events.onClose(code);
    isOver = true;
  };
  outgoing.on("response", (response) => {
    if (response.statusCode !== 200) {
      isOver = true;
      response.destroy();
      events.onRefused(response.statusCode ?? 0, retryAfterMs(response));
      return;
    }
    body = response;
    let rest = "";
    response.setEncoding("utf8");
    response.on("data", (chunk: string) => {
      const messages = (rest + chunk).split("\n\n");
      rest = messages.pop() ?? "";
      for (const message of messages) {
        const read = readMessage(message);
        if (read.kind === "close") code = read.code;
        else if (read.kind === "text") events.onText(read.text);
      }
    });
    response.on("error", () => {});
    response.on("close", end);
  });
  outgoing.on("error", end);
  outgoing.on("close", () => {
    if (body === null) end();
  });
  outgoing.end();
  return {
    send: () => {},
    terminate: () => outgoing.destroy(),
    pause: () => body?.pause(),
    resume: () => body?.resume(),
  };
}

type Message =
  | { readonly kind: "nothing" }
  | { readonly kind: "close"; readonly code: number }
  | { readonly kind: "text"; readonly text: string };

function readMessage(message: string): Message {
  const fields = new Map<string, string>();
  for (const line of message.split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).trimStart());
  }
  const data = fields.get("data");
  if (data === undefined) return { kind: "nothing" };
  if (fields.get("event") === "close") {
    return { kind: "close", code: (JSON.parse(data) as { readonly code: number }).code };
  }
  return { kind: "text", text: isWhereItSays(data, fields.get("id")) ? data : "" };
}

/** Whether a message that moves the client's position names the position that its frame moves it to. */
function isWhereItSays(data: string, id: string | undefined): boolean {
  const frame = JSON.parse(data) as {
    readonly type: string;
    readonly seq?: number;
    readonly to?: number;
    readonly events?: readonly { readonly seq: number }[];
  };
  const moves = ["event", "batch", "snapshot", "resumed"].includes(frame.type);
  if (!moves) return id === undefined;
  const seq = frame.events?.at(-1)?.seq ?? frame.to ?? frame.seq;
  return id?.endsWith(`:${seq}`) === true;
}

function retryAfterMs({ headers }: IncomingMessage): number {
  return Number(headers["retry-after"] ?? 0) * 1000;
}

import { request, type IncomingMessage } from "node:http";
import { WebSocket } from "ws";

/** The parameters of a connection: a WebSocket, or a stream of Server-Sent Events. */
export type Entrance = {
  readonly kind: "socket" | "stream";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** First frame to send. */
  readonly hello?: string;
};

/** `status` 0: no answer. */
export type Refused = {
  readonly kind: "refused";
  readonly status: number;
  readonly retryAfterMs: number;
};

/** A connection over which the server sends texts, of either transport. */
export type Wire = {
  /** Sends a text. It does nothing over HTTP, where a client cannot send, and on a closing socket. */
  readonly send: (text: string) => void;
  /** Ends the connection without a close. */
  readonly terminate: () => void;
  /** Stops reading from the TCP connection, so that it fills up. */
  readonly pause: () => void;
  readonly resume: () => void;
};

/** Callbacks of a wire. `onClose` or `onRefused` is called once, as the last one. */
export type WireEvents<Text = string> = {
  /**
   * @param text of one frame or message; empty for a frame that is no text
   * @param id of the message; WebSockets have none
   */
  readonly onText: (text: Text, id?: string) => void;
  readonly onClose: (code: number) => void;
  readonly onRefused: (status: number, retryAfterMs: number) => void;
};

/** Close code of a connection that was lost. */
export const LOST = 1006;
const HANDSHAKE_TIMEOUT_MS = 12_000;
const TICKET_TIMEOUT_MS = 8_000;

/** Opens a connection with a full WebSocket or HTTP client, which rejects violations of the standards. */
export function openWire(entrance: Entrance, events: WireEvents): Wire {
  return entrance.kind === "socket" ? openSocket(entrance, events) : openStream(entrance, events);
}

/**
 * Gets a ticket (rooms.md §2).
 * @param guildId absent: the user's default guild
 * @returns the address that the ticket opens
 */
export async function askForTicket(
  origin: string,
  token: string,
  guildId?: string,
): Promise<URL | Refused> {
  let response: Response;
  try {
    response = await fetch(`${origin}/ws/ticket`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ guildId }),
      signal: AbortSignal.timeout(TICKET_TIMEOUT_MS),
    });
    if (response.status === 201) {
      return new URL(((await response.json()) as { readonly url: string }).url);
    }
    await response.body?.cancel();
  } catch {
    return { kind: "refused", status: 0, retryAfterMs: 0 };
  }
  const { status, headers } = response;
  return { kind: "refused", status, retryAfterMs: milliseconds(headers.get("retry-after")) };
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
  socket.on("message", (data: Buffer, isBinary) => events.onText(isBinary ? "" : data.toString()));
  socket.on("unexpected-response", (_request, response: IncomingMessage) => {
    isOver = true;
    response.destroy();
    socket.terminate();
    events.onRefused(response.statusCode ?? 0, milliseconds(response.headers["retry-after"]));
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
      events.onRefused(response.statusCode ?? 0, milliseconds(response.headers["retry-after"]));
      return;
    }
    body = response;
    let rest = "";
    response.setEncoding("utf8");
    response.on("data", (chunk: string) => {
      const messages = (rest + chunk).split("\n\n");
      rest = messages.pop() ?? "";
      for (const message of messages) {
        const { event, data, id } = readMessage(message);
        if (data === undefined) continue;
        if (event === "close") code = (JSON.parse(data) as { readonly code: number }).code;
        else events.onText(data, id);
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

/** The fields of a message; each is one line, as the Worker writes them. */
function readMessage(message: string): { event?: string; data?: string; id?: string } {
  const fields: Record<string, string> = {};
  for (const line of message.split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 1).trimStart();
  }
  return fields;
}

/** The milliseconds of a `Retry-After` in seconds; absent: 0. */
function milliseconds(retryAfter: string | null | undefined): number {
  return Number(retryAfter ?? 0) * 1000;
}

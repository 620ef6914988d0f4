import { z } from "zod";
import type { Channel, ChannelMessages } from "../../platform/asyncapi.ts";
import { CLOSE_CODES, type CloseCode } from "../../protocol/close-codes.ts";
import { SYNC_PING_INTERVAL_MS, SYNC_PING_TIMEOUT_MS } from "../../protocol/limits.ts";
import { HAPPY_MANNERS } from "./dialects/happy-socket-io.ts";
import { AckId, Introduction, SYNC_CLOSE_CODES, SYNC_CLOSES } from "./dialects/native.ts";
import { CLIENT_EVENTS } from "./events/from-client.ts";
import {
  ephemeralSchemas,
  eventSchemas,
  nativeEventSchemas,
  updateSchema,
  updateSchemas,
} from "./events/from-server.ts";
import { BroadcastMessage } from "./records.ts";
import { CLIENT_TYPES } from "./scope.ts";

/** Where clients connect: all are the same, and Socket.IO is known by the slash or by `EIO` (sync.md §6.1). */
export const SYNC_PATHS = {
  native: ["/v1/updates", "/v1/websocket"],
  slash: ["/v1/updates/", "/v1/websocket/"],
} as const;

/** The channels of sync: one for each dialect (sync.md §6, §7). */
export function syncChannels(): readonly Channel[] {
  return [nativeChannel(), socketIoChannel()];
}

/** An event with its data, as each dialect writes it in its own way. */
type Event = { readonly summary: string; readonly data: z.ZodType | null };
type Answering = Event & { readonly answer: (() => z.ZodType) | null };

/** What the server sends in both dialects, by label: the name of the event, and the kind of an update or ephemeral. */
function serverEvents(): Readonly<Record<string, Event & { readonly name?: string }>> {
  const updates = Object.entries(updateSchemas()).map(([t, { summary, body }]) => [
    `update ${t}`,
    { name: "update", summary, data: updateSchema().extend({ body }) },
  ]);
  const ephemerals = Object.entries(ephemeralSchemas()).map(([type, { summary, data }]) => [
    `ephemeral ${type}`,
    { name: "ephemeral", summary, data },
  ]);
  return { ...Object.fromEntries([...updates, ...ephemerals]), ...eventSchemas() };
}

function nativeChannel(): Channel {
  const sent = { ...nativeEventSchemas(), ...serverEvents() };
  const frame = (name: string, data: z.ZodType | null) =>
    z.object({ event: z.literal(name), ...(data === null ? {} : { data }) });
  const fromServer = Object.entries(sent).map(([label, event]) => {
    const { name = label, summary, data } = { name: undefined, ...event };
    const ackId = name === "rpc-request" ? { ackId: z.string() } : {};
    return [label, { name, summary, schema: frame(name, data).extend(ackId) }];
  });
  const fromClient = Object.entries<Answering>(CLIENT_EVENTS).map(
    ([name, { summary, data, answer }]) => [
      name,
      {
        summary,
        schema: frame(name, data).extend({ ackId: AckId }),
        ...(answer === null ? {} : { answer: answer() }),
      },
    ],
  );
  return {
    name: "sync",
    address: "/v1/updates",
    title: "Sync",
    description: `JSON frames \`{event, data}\`. \`/v1/websocket\` is the same. A client that has sent \`ackId\` gets the answer as \`ack\`. It may also write \`{type, payload, messageId}\`. Unknown and malformed events are dropped. Without ticket and header the first frame is \`auth\`. A client of an unknown type is user-scoped. One of a session or machine that the account does not have is told "Session ID required" or "Machine ID required", and closed.`,
    query: {
      type: "object",
      properties: {
        ...aboutAs({ clientType: "clientType", sessionId: "sessionId", machineId: "machineId" }),
        ticket: text("From `POST /v1/websocket/ticket`; works once, for 30 seconds"),
        token: {
          ...text("Use a ticket or the header instead: addresses are logged"),
          deprecated: true,
        },
      },
    },
    headers: {
      type: "object",
      properties: {
        ...aboutAs({
          clientType: "X-Client-Type",
          sessionId: "X-Session-Id",
          machineId: "X-Machine-Id",
        }),
        Authorization: text("`Bearer` and the token of an account"),
      },
    },
    fromServer: {
      ...(Object.fromEntries(fromServer) as ChannelMessages),
      "broadcast by POST": {
        name: "broadcast",
        summary: "The message of `POST /v1/websocket/broadcast`, exactly as it was posted",
        schema: BroadcastMessage,
      },
      ack: {
        summary: "The answer to an event that had this `ackId`",
        schema: z.object({ event: z.literal("ack"), ackId: z.string(), ack: z.unknown() }),
      },
    },
    fromClient: {
      auth: {
        summary: "The first frame of a client without ticket and header, within 5 seconds",
        schema: frame("auth", Introduction),
      },
      ...(Object.fromEntries(fromClient) as ChannelMessages),
      "rpc-response": {
        summary: "Answers an `rpc-request` with the `ackId` that came with it",
        schema: z.object({
          event: z.literal("rpc-response"),
          ackId: z.string(),
          ack: z.unknown().meta({ description: "The caller gets it as `result`" }),
        }),
      },
    },
    closeCodes: closeCodes(({ reconnect }) => reconnect),
  };
}

function socketIoChannel(): Channel {
  const argumentsOf = (data: z.ZodType | null) =>
    data === null ? z.array(z.unknown()).max(0) : z.tuple([data]);
  const fromServer = Object.entries(serverEvents()).map(
    ([label, { name = label, summary, data }]) => [
      label,
      {
        name,
        summary,
        schema: argumentsOf(data),
        ...(name === "rpc-request" ? { answer: z.unknown() } : {}),
      },
    ],
  );
  const fromClient = Object.entries<Answering>(CLIENT_EVENTS).map(
    ([name, { summary, data, answer }]) => [
      name,
      { summary, schema: argumentsOf(data), ...(answer === null ? {} : { answer: answer() }) },
    ],
  );
  return {
    name: "syncSocketIo",
    address: "/v1/updates/",
    title: "Sync for clients of Socket.IO",
    description: `Socket.IO v5 over Engine.IO v4, WebSocket only, namespace \`/\`: \`path: "/v1/updates"\` and \`transports: ["websocket"]\`. A message is an event of Socket.IO: its name, and its arguments as the payload. The client's acknowledgement gets the answer. The server pings every ${SYNC_PING_INTERVAL_MS / 1_000} s, and closes a client that has not answered after ${SYNC_PING_TIMEOUT_MS / 1_000} s more. A refused client gets CONNECT_ERROR with \`{message}\`.`,
    query: {
      type: "object",
      required: ["EIO", "transport"],
      properties: {
        EIO: { type: "string", enum: ["4"] },
        transport: { type: "string", enum: ["websocket"] },
      },
    },
    connect: Introduction,
    fromServer: {
      ...(Object.fromEntries(fromServer) as ChannelMessages),
      error: {
        summary: "An event of the client was not used",
        schema: z.tuple([z.object({ code: z.string(), message: z.string() })]),
      },
    },
    fromClient: Object.fromEntries(fromClient) as ChannelMessages,
    closeCodes: closeCodes(({ code }) => HAPPY_MANNERS.reconnect(code)),
  };
}

function text(description: string): object {
  return { type: "string", description };
}

/** What a client says of itself at the upgrade. @param names the parameters or fields */
function aboutAs(
  names: Readonly<Record<"clientType" | "sessionId" | "machineId", string>>,
): object {
  return {
    [names.clientType]: {
      type: "string",
      enum: CLIENT_TYPES,
      default: "user-scoped",
      description: "What the connection is for",
    },
    [names.sessionId]: text("The session of a session-scoped client"),
    [names.machineId]: text("The machine of a machine-scoped client"),
  };
}

/** Closes of sync in its own codes (sync.md §6.6). */
const OWN_CLOSES: Readonly<Record<keyof typeof SYNC_CLOSE_CODES, Omit<CloseCode, "code">>> = {
  authFailed: {
    reconnect: "after refresh",
    meaning: "the token is invalid, expired or revoked: sign in again",
  },
  sessionMissing: {
    reconnect: "no",
    meaning: "a session-scoped client named no session that its account has",
  },
  machineMissing: {
    reconnect: "no",
    meaning: "a machine-scoped client named no machine that its account has, or it was deleted",
  },
  connectionLimit: { reconnect: "no", meaning: "the account has too many connections" },
  authTimeout: { reconnect: "yes", meaning: "no token arrived in time" },
};

function closeCodes(reconnect: (close: CloseCode) => CloseCode["reconnect"]): CloseCode[] {
  const shared = Object.entries<CloseCode>(CLOSE_CODES).filter(([name]) => !(name in SYNC_CLOSES));
  const own = Object.entries(SYNC_CLOSE_CODES).map(([name, code]) => ({
    code,
    ...OWN_CLOSES[name as keyof typeof SYNC_CLOSE_CODES],
  }));
  return [...shared.map(([, close]) => close), ...own].map((close) => ({
    ...close,
    reconnect: reconnect(close),
  }));
}

import { z } from "zod";
import { CLOSE_CODES } from "../protocol/close-codes.ts";
import { DiscordId } from "../protocol/discord-id.ts";
import { FRAME_ERRORS } from "../protocol/error-codes.ts";
import type { EventDefinition } from "../protocol/events/define-event.ts";
import {
  AckFrame,
  AuthExpiringFrame,
  AuthFrame,
  AuthOkFrame,
  BatchFrame,
  ErrorFrame,
  EventFrame,
  PING_FRAME,
  PONG_FRAME,
  Presence,
  ReauthFrame,
  ReauthOkFrame,
  ResumedFrame,
  SignalFrame,
  SnapshotFrame,
  SubscribeFrame,
} from "../protocol/frames.ts";
import { VERSION } from "./openapi.ts";

type Message = { readonly summary: string; readonly schema: z.ZodType };

const FROM_CLIENT: Readonly<Record<string, Message>> = {
  auth: { summary: "First frame of a socket without ticket and header", schema: AuthFrame },
  ack: { summary: "Everything up to `seq` has arrived", schema: AckFrame },
  reauth: { summary: "A newer token of the same user", schema: ReauthFrame },
  subscribe: { summary: "Narrow the stream to some channels", schema: SubscribeFrame },
  ping: {
    summary: `Exactly \`${PING_FRAME}\`; answered without waking the hub`,
    schema: z.object({ type: z.literal("ping") }),
  },
};

const FROM_SERVER: Readonly<Record<string, Message>> = {
  authOk: { summary: "Always the first frame", schema: AuthOkFrame },
  snapshot: { summary: "The whole state at `seq`", schema: SnapshotFrame },
  resumed: { summary: "After the missed events: what follows is live", schema: ResumedFrame },
  batch: { summary: "Events that share a frame (only with `?batch=1`)", schema: BatchFrame },
  authExpiring: {
    summary: "The token expires in a minute: send `reauth`",
    schema: AuthExpiringFrame,
  },
  signal: {
    summary: "The newest value of what is not journaled (only with `?signals=1`)",
    schema: SignalFrame,
  },
  reauthOk: { summary: "The newer token counts", schema: ReauthOkFrame },
  error: { summary: "A frame of the client was not used", schema: ErrorFrame },
  pong: { summary: `Exactly \`${PONG_FRAME}\``, schema: z.object({ type: z.literal("pong") }) },
};

/** What clients of Socket.IO get beside an event's payload. The offset is the seq as text. */
const About = EventFrame.pick({ seq: true, id: true, ts: true, trace: true });
const Offset = z.string().regex(/^\d+$/);

/** The arguments of the events that a client of Socket.IO gets. */
const TO_SOCKET_IO: Readonly<Record<string, Message>> = {
  snapshot: {
    summary: "The whole state at `seq`",
    schema: z.tuple([SnapshotFrame.omit({ type: true }), Offset]),
  },
  resumed: {
    summary: "After the missed events: what follows is live",
    schema: z.tuple([ResumedFrame.pick({ from: true, to: true }), Offset]),
  },
  presence: {
    summary: "Who is connected (only with `signals: true`)",
    schema: z.tuple([
      Presence.extend({ guildId: DiscordId }),
      SignalFrame.pick({ key: true, ts: true }),
    ]),
  },
  "auth.expiring": {
    summary: "The token expires in a minute, emit `reauth`",
    schema: z.tuple([AuthExpiringFrame.pick({ exp: true })]),
  },
  "reauth.ok": {
    summary: "The newer token counts",
    schema: z.tuple([ReauthOkFrame.pick({ exp: true })]),
  },
  error: {
    summary: "An event of the client was not used",
    schema: z.tuple([ErrorFrame.pick({ code: true, message: true })]),
  },
  close: {
    summary: "Why the connection is closed now",
    schema: z.tuple([
      z.object({ code: z.number().int(), reason: z.string(), reconnect: z.string() }),
    ]),
  },
};

/** The arguments of the events that a client of Socket.IO may emit. */
const FROM_SOCKET_IO: Readonly<Record<string, Message>> = {
  reauth: {
    summary: "A newer token of the same user",
    schema: z.tuple([ReauthFrame.pick({ token: true })]),
  },
  subscribe: {
    summary: "Narrow the stream to some channels",
    schema: z.tuple([SubscribeFrame.shape.channelIds]),
  },
};

/** The AsyncAPI 3.0 document of the guild stream, a channel for each dialect, from the registry that validates it. */
export function asyncApiDocument(events: readonly EventDefinition[]): object {
  const schemas: Record<string, object> = {};
  const messagesOf = (messages: Readonly<Record<string, Message>>): Record<string, object> =>
    Object.fromEntries(
      Object.entries(messages).map(([name, message]) => [
        camelCase(name),
        messageOf(name, message, schemas),
      ]),
    );
  const ofEvents = (schemaOf: (event: EventDefinition) => z.ZodType): Record<string, Message> =>
    Object.fromEntries(
      events.map((event) => [
        event.name,
        { summary: event.summary, schema: schemaOf(event) } satisfies Message,
      ]),
    );
  const nativeEvents = ofEvents(({ name, payload }) =>
    EventFrame.extend({ event: z.literal(name), payload }),
  );
  const fromServer = messagesOf({ ...FROM_SERVER, ...nativeEvents });
  const fromClient = messagesOf(FROM_CLIENT);
  const toSocketIo = messagesOf({
    ...TO_SOCKET_IO,
    ...ofEvents(({ payload }) => z.tuple([payload, About, Offset])),
  });
  const fromSocketIo = messagesOf(FROM_SOCKET_IO);
  const operation = (
    action: "send" | "receive",
    channel: string,
    summary: string,
    messages: object,
  ): object => ({
    action,
    channel: { $ref: `#/channels/${channel}` },
    summary,
    messages: Object.keys(messages).map((name) => ({
      $ref: `#/channels/${channel}/messages/${name}`,
    })),
  });
  return {
    asyncapi: "3.0.0",
    info: {
      title: "GuildHub stream",
      version: VERSION,
      description:
        "One WebSocket per client carries the events of one guild: in order, without gaps, resumable for 24 hours.",
      license: { name: "MIT" },
    },
    defaultContentType: "application/json",
    servers: {
      worker: {
        host: "{host}",
        protocol: "wss",
        description: "The Worker that serves this document",
        variables: { host: { default: "localhost:8787" } },
      },
    },
    channels: {
      stream: {
        address: "/ws",
        title: "Guild stream",
        messages: { ...fromServer, ...fromClient },
        bindings: { ws: { method: "GET", query: QUERY } },
      },
      socketIo: {
        address: "/socket.io/",
        title: "Guild stream for clients of Socket.IO",
        description:
          "Socket.IO v5 over Engine.IO v4, WebSocket only, namespace `/`. A message is an event of Socket.IO: its name, and its arguments as the payload. The CONNECT packet carries `{ token, guildId?, signals? }`.",
        messages: { ...toSocketIo, ...fromSocketIo },
        bindings: { ws: { method: "GET", query: SOCKET_IO_QUERY } },
      },
    },
    operations: {
      toClient: operation("send", "stream", "Frames that the hub sends", fromServer),
      fromClient: operation("receive", "stream", "Frames that a client may send", fromClient),
      toSocketIo: operation("send", "socketIo", "Events that the hub emits", toSocketIo),
      fromSocketIo: operation("receive", "socketIo", "Events that a client may emit", fromSocketIo),
    },
    components: { schemas },
    "x-close-codes": Object.values(CLOSE_CODES),
    "x-frame-errors": FRAME_ERRORS,
  };
}

/** `servers` of the document for a request to `at`: the Worker that serves the document serves the stream. */
export function streamServers(at: URL): object {
  return {
    worker: {
      host: at.host,
      protocol: at.protocol === "https:" ? "wss" : "ws",
      description: "The Worker that serves this document",
    },
  };
}

const QUERY = {
  type: "object",
  properties: {
    ticket: { type: "string", description: "From `POST /ws/ticket`; works once, for 30 seconds" },
    guildId: {
      type: "string",
      description:
        "With a token in the header or in the first frame: one guild of its `guilds` claim. Absent: the primary guild",
    },
    epoch: { type: "string", description: "Resume: the epoch of the last frame" },
    seq: { type: "integer", minimum: 0, description: "Resume: the last seq that arrived" },
    batch: { type: "string", enum: ["1"], description: "Events of a burst may share a frame" },
    signals: { type: "string", enum: ["1"], description: "Last values as well, such as presence" },
  },
};

const SOCKET_IO_QUERY = {
  type: "object",
  required: ["EIO", "transport"],
  properties: {
    EIO: { type: "string", enum: ["4"] },
    transport: { type: "string", enum: ["websocket"] },
  },
};

function messageOf(
  name: string,
  { summary, schema }: Message,
  schemas: Record<string, object>,
): object {
  const payload = z.toJSONSchema(schema, {
    target: "draft-7",
    // The input form allows unknown members: readers must accept what later versions add.
    io: "input",
    override: ({ jsonSchema }) => dropSafeIntegers(jsonSchema),
  });
  return { name, title: name, summary, payload: hoist(payload, schemas) };
}

/** Drops bounds of JavaScript's safe integers: they are no part of the protocol. */
function dropSafeIntegers(schema: { minimum?: number; maximum?: number }): void {
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
}

/** Moves named schemas to `components`, where AsyncAPI's references look for them. */
function hoist(schema: object, schemas: Record<string, object>): unknown {
  const text = JSON.stringify(schema).replaceAll("#/definitions/", "#/components/schemas/");
  const {
    definitions,
    $schema: _,
    ...rest
  } = JSON.parse(text) as {
    definitions?: Record<string, object>;
    $schema?: string;
  };
  Object.assign(schemas, definitions);
  return rest;
}

function camelCase(name: string): string {
  return name.replaceAll(/\.(\w)/g, (_, letter: string) => letter.toUpperCase());
}

import { z } from "zod";
import { CLOSE_CODES } from "../protocol/close-codes.ts";
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

/** The AsyncAPI 3.0 document of the guild stream, from the registry that also validates it. */
export function asyncApiDocument(events: readonly EventDefinition[]): object {
  const schemas: Record<string, object> = {};
  const messagesOf = (messages: Readonly<Record<string, Message>>): Record<string, object> =>
    Object.fromEntries(
      Object.entries(messages).map(([name, message]) => [
        camelCase(name),
        messageOf(name, message, schemas),
      ]),
    );
  const ofEvents = events.map(({ name, payload, summary }) => {
    const schema = EventFrame.extend({ event: z.literal(name), payload });
    return [name, { summary, schema }] as const;
  });
  const fromServer = messagesOf({ ...FROM_SERVER, ...Object.fromEntries(ofEvents) });
  const fromClient = messagesOf(FROM_CLIENT);
  const refs = (messages: object): object[] =>
    Object.keys(messages).map((name) => ({ $ref: `#/channels/stream/messages/${name}` }));
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
    },
    operations: {
      toClient: {
        action: "send",
        channel: { $ref: "#/channels/stream" },
        summary: "Frames that the hub sends",
        messages: refs(fromServer),
      },
      fromClient: {
        action: "receive",
        channel: { $ref: "#/channels/stream" },
        summary: "Frames that a client may send",
        messages: refs(fromClient),
      },
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
        "With a token in the header: one guild of its `guilds` claim. Absent: the primary guild",
    },
    epoch: { type: "string", description: "Resume: the epoch of the last frame" },
    seq: { type: "integer", minimum: 0, description: "Resume: the last seq that arrived" },
    batch: { type: "string", enum: ["1"], description: "Events of a burst may share a frame" },
    signals: { type: "string", enum: ["1"], description: "Last values as well, such as presence" },
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

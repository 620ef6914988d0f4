import { z } from "zod";
import type { CloseCode } from "../protocol/close-codes.ts";
import { VERSION } from "./openapi.ts";

/** A message of a {@link Channel}. */
export type ChannelMessage = {
  /** The name on the wire, where several messages share one. Absent: the one in the list. */
  readonly name?: string;
  readonly summary: string;
  readonly schema: z.ZodType;
  /** What its sender gets for it, if it asks for an answer. Absent: nothing. */
  readonly answer?: z.ZodType;
};

/** Messages by their names, which are unique for one direction of a channel. */
export type ChannelMessages = Readonly<Record<string, ChannelMessage>>;

/** A place to connect to, in one dialect: a channel of the AsyncAPI document. */
export type Channel = {
  /** Unique among the channels of all areas. */
  readonly name: string;
  /** Path of the upgrade. */
  readonly address: string;
  readonly title: string;
  readonly description?: string;
  /** JSON Schemas of the upgrade's query and headers. */
  readonly query: object;
  readonly headers?: object;
  /** What a client of Socket.IO sends in its CONNECT packet. */
  readonly connect?: z.ZodType;
  readonly fromServer: ChannelMessages;
  readonly fromClient: ChannelMessages;
  readonly closeCodes: readonly CloseCode[];
  /** What the server tells of a frame that it does not use, by code. */
  readonly frameErrors?: Readonly<Record<string, string>>;
};

/** The AsyncAPI 3.0 document of these channels, from the schemas that check their messages. */
export function asyncApiDocument(channels: readonly Channel[]): object {
  const schemas: Record<string, object> = {};
  const written = channels.map((channel) => writtenChannel(channel, schemas));
  return {
    asyncapi: "3.0.0",
    info: {
      title: "GuildHub sockets",
      version: VERSION,
      description:
        "What WebSockets of this deployment carry, with a channel for each way to connect. Requests are described in `/openapi.json`.",
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
    channels: Object.fromEntries(written.map(({ name, channel }) => [name, channel])),
    operations: Object.assign({}, ...written.map(({ operations }) => operations)) as object,
    components: { schemas },
  };
}

/** `servers` of the document for a request to `at`: the Worker that serves the document serves the channels. */
export function streamServers(at: URL): object {
  return {
    worker: {
      host: at.host,
      protocol: at.protocol === "https:" ? "wss" : "ws",
      description: "The Worker that serves this document",
    },
  };
}

function writtenChannel(
  { name, fromServer, fromClient, query, headers, ...channel }: Channel,
  schemas: Record<string, object>,
) {
  const { address, title, description, connect, closeCodes, frameErrors } = channel;
  const written = (messages: ChannelMessages, isTaken: (key: string) => boolean) =>
    Object.fromEntries(
      Object.entries(messages).map(([label, message]) => {
        const key = camelCase(label);
        return [isTaken(key) ? `${key}FromClient` : key, writtenMessage(label, message, schemas)];
      }),
    );
  const sent = written(fromServer, () => false);
  const taken = written(fromClient, (key) => key in sent);
  const operation = (action: "send" | "receive", summary: string, messages: object): object => ({
    action,
    channel: { $ref: `#/channels/${name}` },
    summary,
    messages: Object.keys(messages).map((key) => ({ $ref: `#/channels/${name}/messages/${key}` })),
  });
  return {
    name,
    channel: {
      address,
      title,
      ...(description === undefined ? {} : { description }),
      messages: { ...sent, ...taken },
      bindings: { ws: { method: "GET", query, ...(headers === undefined ? {} : { headers }) } },
      ...(connect === undefined ? {} : { "x-connect": schemaOf(connect, schemas) }),
      "x-close-codes": closeCodes,
      ...(frameErrors === undefined ? {} : { "x-frame-errors": frameErrors }),
    },
    operations: {
      [`${name}ToClient`]: operation("send", `${title}: what the server sends`, sent),
      [`${name}FromClient`]: operation("receive", `${title}: what a client may send`, taken),
    },
  };
}

function writtenMessage(
  label: string,
  { name = label, summary, schema, answer }: ChannelMessage,
  schemas: Record<string, object>,
): object {
  return {
    name,
    title: label,
    summary,
    payload: schemaOf(schema, schemas),
    ...(answer === undefined ? {} : { "x-answer": schemaOf(answer, schemas) }),
  };
}

function schemaOf(schema: z.ZodType, schemas: Record<string, object>): unknown {
  const written = z.toJSONSchema(schema, {
    target: "draft-7",
    // The input form allows unknown members: readers must accept what later versions add.
    io: "input",
    override: ({ jsonSchema }) => dropSafeIntegers(jsonSchema),
  });
  return hoist(written, schemas);
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
  return name.replaceAll(/[ .-](\w)/g, (_, letter: string) => letter.toUpperCase());
}

import { lookupIn, notation, sample, type Schema } from "./schema.ts";

/** The part of an OpenAPI document that the page shows. */
export type OpenApi = {
  readonly info: { readonly version: string };
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, OpenApiOperation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
};

type Content = Readonly<Record<string, { readonly schema: Schema }>>;

type OpenApiOperation = {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description?: string;
  readonly security?: readonly Readonly<Record<string, unknown>>[];
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: "path" | "query" | "header";
    readonly required?: boolean;
    readonly schema: Schema;
    readonly description?: string;
  }[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly content?: Content }>
  >;
};

/** The part of an AsyncAPI document that the page shows. */
export type AsyncApi = {
  readonly channels: {
    readonly stream: { readonly messages: Readonly<Record<string, AsyncApiMessage>> };
  };
  readonly operations: Readonly<
    Record<
      string,
      { readonly action: string; readonly messages: readonly { readonly $ref: string }[] }
    >
  >;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
  readonly "x-close-codes": readonly CloseCode[];
};

type AsyncApiMessage = {
  readonly name: string;
  readonly summary: string;
  readonly payload: Schema;
};

/** A row of the close-code table. */
export type CloseCode = {
  readonly code: number;
  readonly reconnect: string;
  readonly meaning: string;
};

/** An input of an operation, beside its body. */
export type Parameter = {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required: boolean;
  readonly type: string;
  readonly about: string;
};

/** One operation, ready to show and to try. */
export type Operation = {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly summary: string;
  readonly description: string;
  readonly needsToken: boolean;
  /** Signed by the gateway-worker: nothing to try by hand. */
  readonly isSigned: boolean;
  readonly parameters: readonly Parameter[];
  readonly body: { readonly type: string; readonly sample: string } | null;
  readonly answers: readonly {
    readonly status: string;
    readonly text: string;
    /** Null for failures, which all have one shape, and for texts. */
    readonly type: string | null;
  }[];
};

/** Operations of one area. */
export type Area = {
  readonly name: string;
  readonly about: string;
  readonly operations: readonly Operation[];
};

/** One kind of frame. */
export type Frame = {
  readonly name: string;
  readonly summary: string;
  readonly type: string;
  /** As JSON on one line. */
  readonly sample: string;
};

/** The operations of an OpenAPI document, by area. */
export function areasOf(document: OpenApi): Area[] {
  const operations = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({
      tag: operation.tags[0],
      operation: toOperation(document, method, path, operation),
    })),
  );
  return document.tags.map(({ name, description }) => ({
    name,
    about: description,
    operations: operations.filter(({ tag }) => tag === name).map(({ operation }) => operation),
  }));
}

function toOperation(
  document: OpenApi,
  method: string,
  path: string,
  operation: OpenApiOperation,
): Operation {
  const lookup = lookupIn(document.components.schemas);
  const schemes = operation.security?.flatMap((one) => Object.keys(one)) ?? [];
  const body = operation.requestBody?.content["application/json"]?.schema;
  return {
    id: operation.operationId,
    method: method.toUpperCase(),
    path,
    summary: operation.summary,
    description: operation.description ?? "",
    needsToken: schemes.includes("bearer"),
    isSigned: schemes.includes("signature"),
    parameters: (operation.parameters ?? []).map((one) => ({
      name: one.name,
      in: one.in,
      required: one.required === true,
      type: notation(one.schema, lookup),
      about: one.description ?? one.schema.description ?? "",
    })),
    body:
      body === undefined
        ? null
        : {
            type: notation(body, lookup),
            sample: JSON.stringify(sample(body, lookup), null, 2),
          },
    answers: Object.entries(operation.responses).map(([status, { description, content }]) => {
      const schema = content?.["application/json"]?.schema;
      return {
        status,
        text: description,
        type: schema === undefined ? null : notation(schema, lookup),
      };
    }),
  };
}

/** Frames of an AsyncAPI document: `receive` are the client's, `send` the server's. */
export function framesOf(document: AsyncApi, action: "send" | "receive"): Frame[] {
  const lookup = lookupIn(document.components.schemas);
  return Object.values(document.operations)
    .filter((operation) => operation.action === action)
    .flatMap(({ messages }) => messages)
    .flatMap(({ $ref }) => document.channels.stream.messages[$ref.split("/").at(-1) ?? ""] ?? [])
    .map(({ name, summary, payload }) => ({
      name,
      summary,
      type: notation(payload, lookup),
      sample: JSON.stringify(sample(payload, lookup)),
    }));
}

/** A request as the form of an operation describes it. Empty inputs are left out. */
export function requestOf(
  operation: Pick<Operation, "method" | "path" | "parameters">,
  inputs: Readonly<Record<string, string>>,
  body: string,
  token: string,
): { readonly path: string; readonly init: RequestInit } {
  const given = operation.parameters.filter(({ name }) => (inputs[name] ?? "") !== "");
  const of = (place: Parameter["in"]): [string, string][] =>
    given
      .filter((parameter) => parameter.in === place)
      .map(({ name }) => [name, inputs[name] ?? ""]);
  const path = of("path").reduce(
    (text, [name, value]) => text.replace(`{${name}}`, encodeURIComponent(value)),
    operation.path,
  );
  const query = new URLSearchParams(of("query")).toString();
  return {
    path: query === "" ? path : `${path}?${query}`,
    init: {
      method: operation.method,
      headers: {
        Accept: "application/json",
        ...(token === "" ? {} : { Authorization: `Bearer ${token}` }),
        ...(body === "" ? {} : { "Content-Type": "application/json" }),
        ...Object.fromEntries(of("header")),
      },
      ...(body === "" ? {} : { body }),
    },
  };
}

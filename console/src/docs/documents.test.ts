import { readFile } from "node:fs/promises";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { areasOf, framesOf, requestOf, type AsyncApi, type OpenApi } from "./documents.ts";
import { lookupIn, notation, sample, type Schema } from "./schema.ts";

const SPEC = path.resolve(import.meta.dirname, "../../../docs/spec");
const nothing = lookupIn({});

let openApi: OpenApi;
let asyncApi: AsyncApi;

beforeAll(async () => {
  const read = async (name: string): Promise<unknown> =>
    JSON.parse(await readFile(path.join(SPEC, name), "utf8"));
  openApi = (await read("openapi.json")) as OpenApi;
  asyncApi = (await read("asyncapi.json")) as AsyncApi;
});

describe("the real documents", () => {
  it("have every operation in an area, with its answers", () => {
    const operations = areasOf(openApi).flatMap((area) => area.operations);
    const count = Object.values(openApi.paths).flatMap((item) => Object.keys(item)).length;
    expect(operations).toHaveLength(count);
    const create = operations.find(({ id }) => id === "rooms.create");
    expect(create).toMatchObject({ method: "POST", path: "/create-room", needsToken: true });
    expect(create?.body?.type).toMatch(/userLimit\?: number; \/\/ 0–99/);
    expect(create?.answers.map(({ status }) => status)).toContain("429");
    expect(operations.filter(({ isSigned }) => isSigned)).toHaveLength(1);
    // An event's payload is its name's to say; everything else has a type.
    const types = JSON.stringify(operations).replaceAll("payload?: unknown;", "");
    expect(types.match(/\w+\??: unknown;/g)).toBeNull();
  });

  it("have frames of both sides, with a sample that a client could send", () => {
    expect(framesOf(asyncApi, "receive").map(({ name }) => name)).toEqual([
      "auth",
      "ack",
      "reauth",
      "subscribe",
      "ping",
    ]);
    expect(framesOf(asyncApi, "receive").at(-1)?.sample).toBe('{"type":"ping"}');
    expect(framesOf(asyncApi, "send").map(({ name }) => name)).toContain("voice.joined");
    const snapshot = framesOf(asyncApi, "send").find(({ name }) => name === "snapshot");
    expect(snapshot?.type).toContain("channelId: string;");
  });
});

describe("a schema", () => {
  const schema: Schema = {
    type: "object",
    properties: {
      a: { type: "integer", minimum: 1, maximum: 9, default: 3 },
      b: { anyOf: [{ type: "string" }, { type: "null" }] },
      c: { type: "array", items: { enum: ["x", "y"] }, maxItems: 5 },
      d: { type: ["string", "null"], description: "who" },
      e: { $ref: "#/components/schemas/E" },
    },
    required: ["b", "e"],
  };
  const lookup = lookupIn({ E: { type: "object", properties: { f: { const: 1 } } } });

  it("reads like a type", () => {
    expect(notation(schema, lookup)).toBe(
      [
        "{",
        "  a?: number; // 1–9; default 3",
        "  b: string | null;",
        '  c?: ("x" | "y")[]; // at most 5',
        "  d?: string | null; // who",
        "  e: {",
        "    f?: 1;",
        "  };",
        "}",
      ].join("\n"),
    );
  });

  it.each<[Schema, string]>([
    [{ type: ["array", "null"], items: { type: "string" } }, "string[] | null"],
    [{ type: ["object", "null"], properties: {} }, "{} | null"],
    [{ allOf: [{ $ref: "#/x/E" }, { type: ["object", "null"] }] }, "{\n  f?: 1;\n} | null"],
    [{ type: "object", additionalProperties: { type: "integer" } }, "Record<string, number>"],
    [{ type: "object", additionalProperties: false }, "object"],
  ])("says when something may be null, and what a list by name holds: %j", (one, text) => {
    expect(notation(one, lookup)).toBe(text);
  });

  it("begins with what is required", () => {
    expect(sample(schema, lookup)).toEqual({ b: "", e: {} });
    expect(sample({ type: "integer", minimum: 2 }, nothing)).toBe(2);
  });
});

describe("a request", () => {
  const operation = {
    method: "GET",
    path: "/rooms/{channelId}",
    parameters: [
      { name: "channelId", in: "path", required: true, type: "string", about: "" },
      { name: "state", in: "query", required: false, type: "string", about: "" },
      { name: "limit", in: "query", required: false, type: "number", about: "" },
      { name: "Idempotency-Key", in: "header", required: false, type: "string", about: "" },
    ],
  } as const;

  it("has what was filled in, each in its place", () => {
    const inputs = { channelId: "a/b", state: "ended", limit: "", "Idempotency-Key": "k" };
    expect(requestOf(operation, inputs, "", "t")).toEqual({
      path: "/rooms/a%2Fb?state=ended",
      init: {
        method: "GET",
        headers: { Accept: "application/json", Authorization: "Bearer t", "Idempotency-Key": "k" },
      },
    });
  });

  it("has no header that nobody filled in, and a body as it was written", () => {
    const { init } = requestOf({ ...operation, method: "POST" }, {}, "{ broken", "");
    expect(init).toEqual({
      method: "POST",
      headers: { Accept: "application/json", "Content-Type": "application/json" },
      body: "{ broken",
    });
  });
});

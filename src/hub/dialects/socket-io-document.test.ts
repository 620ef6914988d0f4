import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { Entry } from "../core/journal.ts";
import { decodePacket, SOCKET_IO_DIALECT } from "./socket-io.ts";
import { serveSocketIo } from "../edge/socket-io.ts";
import { GUILD_STREAM } from "../guild-kind.ts";
import { guildChannels } from "../guild-channels.ts";
import { ok } from "../../platform/result.ts";
import { asyncApiDocument } from "../../platform/asyncapi.ts";
import { CLOSE_CODES } from "../../protocol/close-codes.ts";
import { MATCH_EVENTS } from "../../protocol/events/matches.ts";
import { GATEWAY_EVENTS, ROOM_EVENTS } from "../../protocol/events/rooms.ts";
import { FarEnd, VirtualTimers } from "../../testing/edge-ends.ts";
import { strictSchema } from "../../testing/documented.ts";
import { VirtualTime } from "../../testing/virtual-time.ts";

const REGISTERED = [...ROOM_EVENTS, ...GATEWAY_EVENTS, ...MATCH_EVENTS];

/** What of JSON Schema the document uses. */
type Schema = {
  readonly $ref?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly type?: string;
  readonly pattern?: string;
  readonly format?: string;
  readonly minimum?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema | readonly Schema[];
};

const document = asyncApiDocument(guildChannels(REGISTERED)) as {
  readonly channels: {
    readonly socketIo: {
      readonly messages: Readonly<
        Record<string, { readonly name: string; readonly payload: Schema }>
      >;
    };
  };
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
};
const MESSAGES = document.channels.socketIo.messages;

/** The schema of a message's arguments, in which every member must be in the document. */
const argumentsOf = (key: string): z.ZodType =>
  strictSchema(MESSAGES[key]?.payload ?? {}, document.components.schemas);

const TEXTS = ["a text", "157356480064913408", "2026-11-29T00:00:00.000Z", "https://page.test/"];

/** A value of this schema, with every member that it may have. */
function sampleOf(schema: Schema): unknown {
  const { $ref, anyOf, properties, items, minimum } = schema;
  if ($ref !== undefined) {
    return sampleOf(document.components.schemas[$ref.split("/").at(-1) ?? ""] ?? {});
  }
  if ("const" in schema) return schema.const;
  if (schema.enum !== undefined) return schema.enum[0];
  if (anyOf !== undefined) return sampleOf(anyOf[0] ?? {});
  switch (schema.type) {
    case "object":
      return Object.fromEntries(
        Object.entries(properties ?? {}).map(([name, one]) => [name, sampleOf(one)]),
      );
    case "array":
      return Array.isArray(items) ? items.map(sampleOf) : [sampleOf((items ?? {}) as Schema)];
    case "string": {
      const is = z.fromJSONSchema({ ...schema } as Parameters<typeof z.fromJSONSchema>[0]);
      return TEXTS.find((text) => is.safeParse(text).success);
    }
    case "integer":
    case "number":
      return Math.max(minimum ?? 0, 7);
    case "boolean":
      return true;
    default:
      return null;
  }
}

const EPOCH = "01JD2V8Q5W0Z7R3N4M6K8P9T1X";
const opened = {
  hub: "100000000000000001",
  connectionId: "c1",
  epoch: EPOCH,
  head: 7,
  base: 0,
  resumes: false,
  scope: null,
  now: 1_795_237_483_811,
  limits: GUILD_STREAM.limits,
  retryWindowMs: 700,
};

/** The first argument of an event, as its area publishes it. */
const payloadOf = (key: string): unknown => {
  const [payload] = sampleOf(MESSAGES[key]?.payload ?? {}) as unknown[];
  return payload;
};

function eventPacket(name: string, key: string): string {
  const entry: Entry = {
    seq: 8,
    id: "01JD2X00000000000000000008",
    event: name,
    payload: JSON.stringify(payloadOf(key)),
    ts: 1_795_237_483_811,
    at: 1_795_237_483_811,
    audience: null,
    except: null,
    topic: null,
    trace: "4bf92f3577b34da6a3ce929d0e0e4736",
  };
  return SOCKET_IO_DIALECT.event(entry, 0);
}

/** Members of a snapshot that are not the state of an area. */
const AROUND: ReadonlySet<string> = new Set(["v", "epoch", "seq", "reason", "oldest", "presence"]);

function snapshotPacket(): string | undefined {
  const members = Object.entries(payloadOf("snapshot") as Record<string, unknown>);
  return SOCKET_IO_DIALECT.snapshot?.(opened, {
    seq: 7,
    state: Object.fromEntries(members.filter(([name]) => !AROUND.has(name))),
    reason: "too_old",
    oldest: 1,
    presence: { count: 1, users: [{ userId: "u", since: 1_795_237_483_811 }] },
  });
}

/** What the Worker itself says when the hub has closed. */
async function closePacket(): Promise<string> {
  const [client, hub, time] = [new FarEnd(), new FarEnd(), new VirtualTime(0)];
  serveSocketIo(client.worker, {
    limits: GUILD_STREAM.limits,
    dialect: SOCKET_IO_DIALECT,
    timer: new VirtualTimers(time).timer,
    newId: () => "engine-1",
    leave: () => {},
    closing: () => {},
    keepAlive: () => {},
    enter: async () => ok(hub.worker),
  });
  client.say('40{"token":"t"}');
  await time.quiet();
  hub.say(`:${SOCKET_IO_DIALECT.opened(opened)}`).end(CLOSE_CODES.restart.code, "restart");
  await time.quiet();
  return client.heard.findLast((text) => text.startsWith("42"))?.slice(1) ?? "";
}

const { signal, resumed, renewed, expiring, refused } = SOCKET_IO_DIALECT;
const presence = {
  event: "presence",
  key: "presence",
  payload: JSON.stringify({ guildId: "100000000000000001", count: 1, users: null }),
  audience: null,
  topic: null,
  ts: 1_795_237_483_811,
};
const camelCase = (name: string): string =>
  name.replaceAll(/\.(\w)/g, (_, letter: string) => letter.toUpperCase());
const EVENTS = REGISTERED.map(({ name }) => name);

/** Every packet that a client may get, by its message in the document. */
const PACKETS: Readonly<Record<string, string | null | undefined>> = {
  snapshot: snapshotPacket(),
  resumed: resumed({ epoch: EPOCH, base: 0 }, 7, 9),
  presence: signal(presence),
  authExpiring: expiring(1_795_241_083),
  reauthOk: renewed(1_795_244_683),
  error: refused("invalid_frame"),
  close: await closePacket(),
  ...Object.fromEntries(
    EVENTS.map((name) => [camelCase(name), eventPacket(name, camelCase(name))]),
  ),
};
/** What a client may say, by its message in the document. */
const SAID: Readonly<Record<string, string>> = { reauth: "renew", subscribe: "subscribe" };

describe("HUB-23 the document of the stream and the dialect of Socket.IO", () => {
  test("know the same messages", () => {
    expect(Object.keys(MESSAGES).toSorted()).toEqual(
      [...Object.keys(PACKETS), ...Object.keys(SAID)].toSorted(),
    );
  });

  test.each(Object.entries(PACKETS))("agree on the packet of %s", (key, text) => {
    const packet = decodePacket(text ?? "");
    const [name, ...args] = (packet?.data ?? []) as readonly unknown[];
    expect(camelCase(String(name))).toBe(key);
    expect(argumentsOf(key).safeParse(args)).toEqual({ success: true, data: args });
  });

  test.each(Object.entries(SAID))("agree on what a client says by %s", (key, kind) => {
    const args = sampleOf(MESSAGES[key]?.payload ?? {}) as readonly unknown[];
    const read = SOCKET_IO_DIALECT.read(`2${JSON.stringify([key, ...args])}`);
    expect(read).toMatchObject({ ok: true, value: { kind } });
  });
});

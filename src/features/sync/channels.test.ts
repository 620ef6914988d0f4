import { Parser } from "@asyncapi/parser";
import { PacketType } from "socket.io-parser";
import { describe, expect, it } from "vitest";
import { decodePacket, SOCKET_IO_MARKS } from "../../hub/dialects/socket-io.ts";
import { asyncApiDocument } from "../../platform/asyncapi.ts";
import { SYNC_SOCKETS_PER_ACCOUNT } from "../../protocol/limits.ts";
import { strictSchema } from "../../testing/documented.ts";
import { SYNC_DIALECTS, SyncClient, type SyncDialect } from "../../testing/sync-client.ts";
import { SyncEdgeClient } from "../../testing/sync-edge.ts";
import { VirtualAccount } from "../../testing/virtual-account.ts";
import { syncChannels } from "./channels.ts";
import { NATIVE_DIALECT, NATIVE_PING, SYNC_CLOSE_CODES } from "./dialects/native.ts";
import { HAPPY_SOCKET_IO_DIALECT } from "./dialects/happy-socket-io.ts";
import type { ClientEventName } from "./events/from-client.ts";
import { SYNC_COMMANDS } from "./hub-commands.ts";

type Message = {
  readonly name: string;
  readonly title: string;
  readonly payload: object;
  readonly "x-answer"?: object;
};
type Operation = { readonly messages: readonly { readonly $ref: string }[] };

const document = asyncApiDocument(syncChannels()) as {
  readonly channels: Readonly<
    Record<
      string,
      {
        readonly messages: Readonly<Record<string, Message>>;
        readonly "x-close-codes": readonly { readonly code: number }[];
      }
    >
  >;
  readonly operations: Readonly<Record<string, Operation>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
};
const CHANNELS: Readonly<Record<SyncDialect, string>> = {
  native: "sync",
  "Socket.IO": "syncSocketIo",
};

/** The messages of a channel in one direction. */
function messagesOf(dialect: SyncDialect, to: "ToClient" | "FromClient"): readonly Message[] {
  const channel = CHANNELS[dialect];
  const { messages = [] } = document.operations[`${channel}${to}`] ?? {};
  return messages.flatMap(
    ({ $ref }) => document.channels[channel]?.messages[$ref.split("/").at(-1) ?? ""] ?? [],
  );
}

const fits = (schema: object, value: unknown): boolean =>
  strictSchema(schema, document.components.schemas).safeParse(value).success;

/** The described messages that something is which was sent. */
function labelsOf(dialect: SyncDialect, name: string, payload: unknown): string[] {
  const found = messagesOf(dialect, "ToClient").filter(
    (message) => message.name === name && fits(message.payload, payload),
  );
  return found.length === 0
    ? [`not described: ${name} ${JSON.stringify(payload)}`]
    : found.map(({ title }) => title);
}

/** What of a frame the document describes: the name and the payload. null: Socket.IO's own. */
function readFrame(dialect: SyncDialect, text: string): readonly [string, unknown] | null {
  if (dialect === "native") {
    const frame = JSON.parse(text) as { readonly event?: string };
    return [frame.event ?? "broadcast", frame];
  }
  if (text.startsWith(SOCKET_IO_MARKS.opened)) return null;
  const list = text.startsWith(SOCKET_IO_MARKS.call)
    ? (JSON.parse(text.slice(text.indexOf(":") + 1)) as unknown)
    : decodePacket(text);
  if (Array.isArray(list)) return [String(list[0]), list.slice(1)];
  const { type, data } = list as { readonly type: PacketType; readonly data: unknown[] };
  return type === PacketType.ACK ? null : [String(data[0]), data.slice(1)];
}

/** An account with a phone, an agent and a machine. */
async function household(dialect: SyncDialect) {
  const at = new VirtualAccount();
  const sessionId = await at.session();
  const machineId = await at.machine("machine-1");
  const connect = (about: object = {}) => SyncClient.connect(at, about, { dialect });
  return {
    at,
    sessionId,
    phone: await connect(),
    agent: await connect({ clientType: "session-scoped", sessionId }),
    machine: await connect({ clientType: "machine-scoped", machineId }),
  };
}
type Household = Awaited<ReturnType<typeof household>>;

const ARTIFACT = { id: "a1", header: "aA==", body: "Yg==", dataEncryptionKey: "aw==" };
const used = { total: 1 };
/** Who says each event, and what with it, in an order in which each has an effect. */
const SAID: Readonly<
  Record<ClientEventName, readonly ["phone" | "agent" | "machine", (at: Household) => unknown]>
> = {
  ping: ["phone", () => undefined],
  message: ["agent", ({ sessionId: sid }) => ({ sid, message: "bQ==", localId: "1" })],
  "update-metadata": [
    "agent",
    ({ sessionId: sid }) => ({ sid, metadata: "n", expectedVersion: 1 }),
  ],
  "update-state": [
    "agent",
    ({ sessionId: sid }) => ({ sid, agentState: null, expectedVersion: 0 }),
  ],
  "session-alive": [
    "agent",
    ({ sessionId: sid, at }) => ({ sid, time: at.time.now, thinking: true, mode: "local" }),
  ],
  "machine-alive": ["machine", ({ at }) => ({ machineId: "machine-1", time: at.time.now })],
  "machine-update-metadata": [
    "machine",
    () => ({ machineId: "machine-1", metadata: "n", expectedVersion: 1 }),
  ],
  "machine-update-state": [
    "machine",
    () => ({ machineId: "machine-1", daemonState: "on", expectedVersion: 0 }),
  ],
  "artifact-create": ["phone", () => ARTIFACT],
  "artifact-read": ["phone", () => ({ artifactId: ARTIFACT.id })],
  "artifact-update": [
    "phone",
    () => ({ artifactId: ARTIFACT.id, header: { data: "bmV3", expectedVersion: 1 } }),
  ],
  "artifact-delete": ["phone", () => ({ artifactId: ARTIFACT.id })],
  "access-key-get": ["machine", ({ sessionId }) => ({ sessionId, machineId: "machine-1" })],
  "usage-report": ["agent", ({ sessionId }) => ({ key: "k", sessionId, tokens: used, cost: used })],
  "update-usage-limits": ["phone", () => ({ daily: { used: 1 } })],
  "rpc-register": ["agent", ({ sessionId }) => ({ method: `${sessionId}:read` })],
  "rpc-call": ["phone", ({ sessionId }) => ({ method: `${sessionId}:read`, params: "p" })],
  "rpc-request": ["phone", ({ sessionId }) => ({ method: `${sessionId}:read` })],
  "rpc-unregister": ["agent", ({ sessionId }) => ({ method: `${sessionId}:read` })],
  broadcast: ["phone", () => ({ any: "thing" })],
  "session-end": ["agent", ({ sessionId: sid, at }) => ({ sid, time: at.time.now })],
};

const clientsOf = ({ phone, agent, machine }: Household) => [phone, agent, machine];
const heardBy = (at: Household): string[] =>
  clientsOf(at).flatMap(({ dialect, socket }) =>
    socket.sent.flatMap((text) => {
      const frame = readFrame(dialect, text);
      return frame === null ? [] : labelsOf(dialect, ...frame);
    }),
  );

/** What else makes the server speak, by REST and by what is refused. */
async function everythingElse(dialect: SyncDialect): Promise<string[]> {
  const one = await household(dialect);
  const { at, sessionId, phone } = one;
  await phone.send("rpc-register", { method: "not:mine" });
  const event = { kind: "done" as const, title: "t", body: "b" };
  await at.run(SYNC_COMMANDS.pushEvent, { sessionId, ...event });
  const message = { type: "hello", payload: {}, timestamp: 1 };
  await at.run(SYNC_COMMANDS.broadcast, { message, filter: { type: "all" } });
  const news = { kind: "relationship", uid: "u", action: "created", at: at.time.now } as const;
  const asked = { ...news, status: "pending", post: "friend_request" } as const;
  await at.run(SYNC_COMMANDS.hearOfOthers, { messages: [{ id: "1", news: asked }] });
  await at.run(SYNC_COMMANDS.changeSettings, { value: "s", expected: 0 });
  await at.session("another");
  const mutations = [{ key: "k", value: "YQ==", version: -1 }];
  await at.run(SYNC_COMMANDS.kvChange, { mutations });
  await at.machine("machine-2");
  await at.run(SYNC_COMMANDS.deleteMachine, { id: "machine-2" });
  await at.run(SYNC_COMMANDS.deleteSession, { id: sessionId });
  await at.time.quiet();
  const language = dialect === "native" ? NATIVE_DIALECT : HAPPY_SOCKET_IO_DIALECT;
  const refused = readFrame(dialect, language.refused("invalid_frame"));
  const texts = dialect === "native" ? [NATIVE_PING.answer, ...(await refusals())] : [];
  const others = [refused, ...texts.map((text) => readFrame(dialect, text))];
  return [
    ...heardBy(one),
    ...others.flatMap((frame) => (frame === null ? [] : labelsOf(dialect, ...frame))),
  ];
}

/** What native clients are told before and instead of being connected. */
async function refusals(): Promise<readonly string[]> {
  const at = new VirtualAccount();
  const stranger = await SyncEdgeClient.connect(at, { clientType: "session-scoped" }, "native");
  stranger.far.say("{");
  return [...stranger.far.heard, NATIVE_DIALECT.refused("not_authenticated")];
}

describe("the AsyncAPI document of sync", () => {
  it("is valid AsyncAPI 3.0 by its own parser, with a channel for each dialect", async () => {
    const { document: parsed, diagnostics } = await new Parser().parse(JSON.stringify(document));
    // 0 is an error; higher severities are hints.
    expect(diagnostics).not.toContainEqual(expect.objectContaining({ severity: 0 }));
    const addresses = parsed
      ?.channels()
      .all()
      .map((channel) => channel.address());
    expect(addresses).toEqual(["/v1/updates", "/v1/updates/"]);
  });

  it.each(SYNC_DIALECTS)("has the events that clients may send (%s)", async (dialect) => {
    const described = messagesOf(dialect, "FromClient");
    const own = dialect === "native" ? ["auth", "rpc-response"] : [];
    const names = described.map(({ name }) => name).filter((name) => !own.includes(name));
    expect(names.toSorted()).toEqual(Object.keys(SAID).toSorted());
    const at = await household(dialect);
    for (const [name, [who, dataOf]] of Object.entries(SAID)) {
      const message = described.find((one) => one.name === name);
      for (const client of clientsOf(at)) client.forget();
      const data = dataOf(at);
      const ack = await at[who].send(name, data);
      // Some things are done after the hub's turn.
      await at.at.time.pass(1);
      for (const { id } of at.agent.calls) await at.agent.answer(id, "r");
      const payload =
        dialect === "native"
          ? { event: name, ...(data === undefined ? {} : { data }), ackId: ack }
          : data === undefined
            ? []
            : [data];
      expect(fits(message?.payload ?? {}, payload), `what comes with ${name}`).toBe(true);
      const answers = at[who].answersTo(ack);
      const answer = message?.["x-answer"];
      expect(answers, name).toHaveLength(answer === undefined ? 0 : 1);
      expect(answer === undefined || fits(answer, answers[0]), `the answer to ${name}`).toBe(true);
      // A name that the hub does not know has no effect.
      expect([...answers, ...heardBy(at)], name).not.toEqual([]);
    }
  });

  it.each(SYNC_DIALECTS)(
    "has everything that clients are sent, and no more (%s)",
    async (dialect) => {
      const at = await household(dialect);
      for (const [name, [who, dataOf]] of Object.entries(SAID)) {
        await at[who].send(name, dataOf(at));
        await at.at.time.pass(1);
        for (const { id } of at.agent.calls) await at.agent.answer(id, "r");
      }
      const heard = new Set([...heardBy(at), ...(await everythingElse(dialect))]);
      const described = messagesOf(dialect, "ToClient").map(({ title }) => title);
      expect([...heard].toSorted()).toEqual(described.toSorted());
    },
  );

  it.each(SYNC_DIALECTS)("has the close of each refusal (%s)", async (dialect) => {
    const codes = document.channels[CHANNELS[dialect]]?.["x-close-codes"].map(({ code }) => code);
    expect(codes).toEqual(expect.arrayContaining(Object.values(SYNC_CLOSE_CODES)));
    const at = new VirtualAccount();
    const closedWith = async (about: object, epoch?: number) => {
      const options = epoch === undefined ? { dialect } : { dialect, epoch };
      const { socket } = await SyncClient.connect(at, about, options);
      return socket.closedWith;
    };
    expect(await closedWith({ clientType: "session-scoped", sessionId: "unknown" })).toBe(4003);
    expect(await closedWith({ clientType: "machine-scoped" })).toBe(4004);
    // A client of a type that nobody knows is one of the whole account.
    for (let i = 0; i < SYNC_SOCKETS_PER_ACCOUNT; i += 1) {
      expect(await closedWith({ clientType: "toaster" })).toBe(null);
    }
    expect(await closedWith({})).toBe(4005);
    expect(await closedWith({}, -1)).toBe(4001);
  });
});

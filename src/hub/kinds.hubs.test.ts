import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { env as testEnv, exports } from "cloudflare:workers";
import { beforeEach, describe, expect, test, vi } from "vitest";
import type { HubsEnv } from "../testing/hubs-worker.ts";
import { OPCODE_DIALECT } from "../testing/opcode-dialect.ts";
import { SOON } from "../testing/soon.ts";
import { GUILD_DIALECT } from "./dialects/guild.ts";
import { HANDOVER_HEADER, type Handover, writeHandover } from "./handover.ts";

const env = testEnv as unknown as HubsEnv;
const worker = (exports as unknown as { readonly default: Fetcher }).default;

type Frame = {
  readonly op?: number;
  readonly type?: string;
  readonly t?: string;
  readonly s?: number;
  readonly d?: Record<string, unknown>;
};

/** A client that keeps what it hears. */
class Client {
  readonly frames: Frame[] = [];
  closed: number | null = null;
  readonly #socket: WebSocket;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      this.frames.push(JSON.parse(String(data)) as Frame);
    });
    socket.addEventListener("close", ({ code }) => {
      this.closed = code;
    });
    socket.accept();
  }

  say(op: number, d: unknown): void {
    this.#socket.send(JSON.stringify({ op, d }));
  }

  send(text: string): void {
    this.#socket.send(text);
  }

  close(): void {
    this.#socket.close(1000);
  }

  async hears(is: (frame: Frame) => boolean): Promise<Frame> {
    return vi.waitUntil(() => this.frames.find(is), SOON);
  }

  async isClosed(): Promise<number> {
    await vi.waitUntil(() => this.closed !== null, SOON);
    return this.closed ?? 0;
  }

  get events(): string[] {
    return this.frames.flatMap(({ op, t = "" }) => (op === 0 ? [t] : []));
  }
}

let name: string;
let tests = 0;
beforeEach(() => {
  name = `hub-${++tests}`;
});

const user = () => env.USER_HUB.getByName(name);
const space = () => env.SPACE_HUB.getByName(name);

async function connect(
  hub: ReturnType<typeof user>,
  handover: Partial<Handover> & { readonly sub?: string },
): Promise<Client | number> {
  const { sub, ...rest } = handover;
  const exp = Math.floor(Date.now() / 1_000) + 3_600;
  const identity = sub === undefined ? {} : { identity: { sub, grants: [`sub:${sub}`], exp } };
  // Without an identity it is what a Worker of the version before sends.
  const text = writeHandover({ v: 1, hub: name, batch: false, ...identity, ...rest } as Handover);
  const headers = { Upgrade: "websocket", [HANDOVER_HEADER]: text };
  const { status, webSocket } = await hub.fetch("https://hub/ws", { headers });
  return webSocket === null ? status : new Client(webSocket);
}

async function open(hub: ReturnType<typeof user>, sub: string, dialect?: string): Promise<Client> {
  const client = await connect(hub, { sub, ...(dialect === undefined ? {} : { dialect }) });
  if (typeof client === "number") throw new Error(`refused with ${client}`);
  return client;
}

describe("hubs of other kinds, in real objects", () => {
  test("HUB-23 each connection speaks its own dialect, also after a sleep", async () => {
    const [opcode, native] = [await open(user(), "alice"), await open(user(), "bob", "guild")];
    await opcode.hears(({ t }) => t === "READY");
    await native.hears(({ type }) => type === "snapshot");
    await evictDurableObject(user(), { webSockets: "hibernate" });
    opcode.say(20, { name: "desk.shout", data: 1 });
    await opcode.hears(({ t }) => t === "desk.shouted");
    await native.hears(({ type }) => type === "event");
    // A frame of one dialect on a socket of the other.
    native.send('{"op":1,"d":null}');
    opcode.send('{"type":"ack","seq":1}');
    expect(await native.hears(({ type }) => type === "error")).toMatchObject({
      code: "unknown_type",
    });
    await opcode.hears(({ op, d }) => op === 9 && d?.["code"] === "invalid_frame");
    expect([opcode.closed, native.closed]).toEqual([null, null]);
  });

  test("a dialect that is not the kind's is refused", async () => {
    expect(await connect(space(), { sub: "alice", dialect: "guild" })).toBe(503);
    expect(await connect(user(), { sub: "alice", dialect: "nonsense" })).toBe(503);
    expect(await connect(user(), { sub: "alice", hub: "another" })).toBe(503);
  });

  test("a client that is not let in is told so in its own dialect", async () => {
    const identity = { sub: "alice", grants: [], exp: 9_999_999_999, scope: "x".repeat(300) };
    for (const [dialect, code] of [
      ["guild", GUILD_DIALECT.farewell("forbidden").code],
      ["opcode", OPCODE_DIALECT.farewell("forbidden").code],
    ] as const) {
      const client = await connect(user(), { dialect, identity });
      if (typeof client === "number") throw new Error(`refused with ${client}`);
      expect(await client.isClosed()).toBe(code);
      expect(client.frames).toEqual([]);
    }
  });

  test("HUB-12 nobody is let in who has not said who it is", async () => {
    expect(await connect(user(), {})).toBe(503);
  });

  test("a newer token is the kind's own as well", async () => {
    const [stays, foreign] = [await open(user(), "alice"), await open(user(), "bob")];
    stays.say(13, { token: "alice" });
    await stays.hears(({ op }) => op === 13);
    foreign.say(13, { token: "bob@another" });
    expect(await foreign.isClosed()).toBe(OPCODE_DIALECT.farewell("forbidden").code);
    expect(stays.closed).toBeNull();
  });

  test("a heartbeat is answered, whoever holds the client's socket", async () => {
    const own = await open(user(), "alice");
    await own.hears(({ t }) => t === "READY");
    own.say(1, null);
    await own.hears(({ op }) => op === 11);
    const answer = await worker.fetch("https://hubs.test/ws?v=1", {
      headers: { Upgrade: "websocket" },
    });
    if (answer.webSocket === null) throw new Error(`refused with ${answer.status}`);
    const held = new Client(answer.webSocket);
    held.say(2, { token: name });
    await held.hears(({ t }) => t === "READY");
    held.say(1, 1);
    await held.hears(({ op }) => op === 11);
  });

  test("the limits and the journal are the kind's own", async () => {
    const first = await open(user(), "alice");
    await first.hears(({ t }) => t === "READY");
    for (let i = 0; i < 3; i += 1) await open(user(), "alice");
    expect(await first.isClosed()).toBe(OPCODE_DIALECT.farewell("tooManySockets").code);
    const member = await open(space(), "alice");
    const { d } = await member.hears(({ t }) => t === "READY");
    for (let i = 0; i < 5; i += 1) member.say(20, { name: "desk.shout", data: i });
    await vi.waitUntil(() => member.events.length === 7, SOON);
    member.close();
    const [epoch = "", base = ""] = String(d?.["session"]).split(".");
    const at = { epoch, seq: Number(base) + 1, base: Number(base) };
    const back = await connect(space(), { sub: "alice", ...at });
    if (typeof back === "number") throw new Error(`refused with ${back}`);
    expect(await back.hears(({ t }) => t === "READY")).toMatchObject({ d: { reason: "too_old" } });
  });

  test("HUB-22 a call survives hibernation, and fails when its target leaves or by the alarm", async () => {
    const [target, caller] = [await open(user(), "worker"), await open(user(), "caller")];
    target.say(20, { name: "desk.register", data: { method: "add" }, ack: "r" });
    await target.hears(({ op }) => op === 21);
    const call = (ack: string, timeoutMs: number): void =>
      caller.say(20, { name: "desk.call", data: { method: "add", params: 1, timeoutMs }, ack });
    const answer = (ack: string): Promise<Frame> =>
      caller.hears(({ op, d }) => op === 21 && d?.["id"] === ack);
    call("a1", 600_000);
    const { d } = await target.hears(({ op }) => op === 22);
    await evictDurableObject(user(), { webSockets: "hibernate" });
    target.say(21, { id: d?.["id"], data: 2 });
    expect(await answer("a1")).toMatchObject({ d: { data: 2 } });
    call("a2", 0);
    await vi.waitUntil(() => target.frames.filter(({ op }) => op === 22).length === 2, SOON);
    await evictDurableObject(user(), { webSockets: "hibernate" });
    await runDurableObjectAlarm(user());
    expect(await answer("a2")).toMatchObject({ d: { data: { failed: "timed_out" } } });
    call("a3", 600_000);
    await vi.waitUntil(() => target.frames.filter(({ op }) => op === 22).length === 3, SOON);
    target.close();
    expect(await answer("a3")).toMatchObject({ d: { data: { failed: "target_gone" } } });
    await caller.hears(({ t, d: left }) => t === "desk.left" && left?.["sub"] === "worker");
  });

  test("HUB-6 a close that wakes the hub is told and counted, with its code", async () => {
    const [watcher, leaver] = [await open(user(), "watcher"), await open(user(), "leaver")];
    await leaver.hears(({ t }) => t === "READY");
    await evictDurableObject(user(), { webSockets: "hibernate" });
    leaver.close();
    const left = await watcher.hears(({ t }) => t === "desk.left");
    expect(left.d).toEqual({ sub: "leaver", code: 1000 });
    expect((await user().inspect()).closes).toEqual({ "1000": 1 });
  });

  test("HUB-21 a hub that loses its sockets tells its extension at the next wake", async () => {
    await open(user(), "alice");
    await evictDurableObject(user(), { webSockets: "close" });
    const watcher = await open(user(), "watcher");
    const { d } = await watcher.hears(({ t }) => t === "READY");
    expect(d?.["state"]).toEqual({ clients: 0 });
    await vi.waitUntil(() => watcher.events.includes("desk.left"), SOON);
    const { entries } = await user().pull(0);
    const left = entries.flatMap(({ event, payload }) => (event === "desk.left" ? [payload] : []));
    expect(left).toHaveLength(1);
  });
});

import { evictDurableObject } from "cloudflare:test";
import { env as testEnv, exports } from "cloudflare:workers";
import { afterEach, describe, expect, test, vi } from "vitest";
import { CONNECTIONS, takeOf } from "../../platform/http/limit-user.ts";
import { CLOSE_CODES } from "../../protocol/close-codes.ts";
import {
  CLIENT_FRAME_MAX_BYTES,
  HUB_NAME_MAX_LENGTH,
  SESSION_SCOPE_MAX_BYTES,
  TICKETS_PER_MINUTE,
} from "../../protocol/limits.ts";
import { FAULTY_TOKEN } from "../../testing/desk-extension.ts";
import type { HubsEnv } from "../../testing/hubs-worker.ts";
import { OPCODE_DIALECT } from "../../testing/opcode-dialect.ts";
import { SOON } from "../../testing/soon.ts";
import { TextClient } from "../../testing/text-client.ts";
import { Hub } from "../hub.ts";
import { CLIENT_LOST } from "./edge-socket.ts";
import { lookAgain } from "./hand-over.ts";

const env = testEnv as unknown as HubsEnv;
const worker = (exports as unknown as { readonly default: Fetcher }).default;

async function open(path: string, headers: Record<string, string> = {}): Promise<TextClient> {
  const answer = await worker.fetch(`https://hubs.test${path}`, {
    headers: { Upgrade: "websocket", ...headers },
  });
  if (answer.webSocket === null) throw new Error(`refused with ${answer.status}`);
  return new TextClient(answer.webSocket);
}

const SOCKET_IO = "/socket.io/?EIO=4&transport=websocket";

/** The number of the call "add" that a client has got; undefined: it has got none. */
function callIn({ texts }: TextClient): string | undefined {
  return texts.map((text) => /^42(\d+)\["add",\[1,2\]\]$/.exec(text)?.[1]).find(Boolean);
}

async function socketIo(token: string, more: object = {}): Promise<TextClient> {
  const client = await open(SOCKET_IO);
  await client.hears("0{");
  client.send(`40${JSON.stringify({ token, ...more })}`);
  return client;
}

/** The code with which a client is refused for good: one of Socket.IO is told so, and closes itself. */
async function refusalOf(client: TextClient): Promise<number> {
  const refused = (): string | undefined => client.texts.find((text) => text.startsWith("44"));
  await vi.waitUntil(() => client.closed !== null || refused() !== undefined, SOON);
  const told = JSON.parse(refused()?.slice(2) ?? "{}") as { data?: { code: number } };
  return told.data?.code ?? client.closed ?? 0;
}

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("clients that say who they are after the upgrade", () => {
  test("a native client is connected with its hub, which it calls, and which sleeps behind it", async () => {
    const client = await open("/ws");
    client.send('{"type":"ping"}');
    await client.hears('{"type":"pong"}');
    client.send('{"type":"auth","token":"native-1"}');
    await client.hears('{"v":1,"type":"snapshot"');
    await evictDurableObject(env.USER_HUB.getByName("native-1"), { webSockets: "hibernate" });
    client.send('{"type":"ack","seq":1}');
    client.send('{"type":"nonsense"}');
    await client.hears('{"v":1,"type":"error","code":"unknown_type"');
    client.close();
    const hub = env.USER_HUB.getByName("native-1");
    await vi.waitUntil(async () => (await hub.status()).sockets === 0, SOON);
  });

  test("where the server may speak first, a silent client is greeted, and the first frame decides", async () => {
    const silent = await open("/ws");
    await silent.hears('{"op":10');
    silent.send('{"op":2,"d":{"token":"space-1"}}');
    await silent.hears('{"op":0,"t":"READY"');
    const native = await open("/ws?encodings=json&version=1");
    native.send('{"type":"auth","token":"native-2"}');
    await native.hears('{"v":1,"type":"snapshot"');
    expect(native.texts.some((text) => text.startsWith('{"op"'))).toBe(false);
  });

  test.each(["v=1", "encoding=json", "v=1&encoding=json"])(
    "HUB-23 a client that asks by %s for a dialect is greeted at once, and no other one is understood",
    async (query) => {
      const client = await open(`/ws?${query}`);
      // A client that speaks is not greeted any more, so this greeting came before.
      client.send('{"type":"auth","token":"asked-1"}');
      client.send('{"op":2,"d":{"token":"asked-1"}}');
      await client.hears('{"op":0,"t":"READY"');
      expect(client.texts.slice(0, 2)).toEqual([
        OPCODE_DIALECT.hello?.(),
        OPCODE_DIALECT.refused("invalid_frame"),
      ]);
    },
  );

  test("HUB-22 HUB-25 a Socket.IO client calls another one, through a sleep of their hub", async () => {
    const caller = await socketIo("sio-1");
    const target = await socketIo("sio-1");
    await caller.hears('40{"sid"');
    await target.hears('42["snapshot"');
    target.send('420["desk.register",{"method":"add"}]');
    await target.hears("430[true]");
    caller.send('427["desk.call",{"method":"add","params":[1,2]}]');
    const id = await vi.waitUntil(() => callIn(target), SOON);
    await evictDurableObject(env.USER_HUB.getByName("sio-1"), { webSockets: "hibernate" });
    target.send(`43${id}[{"sum":3}]`);
    expect(await caller.hears("437[")).toBe('437[{"sum":3}]');
    caller.send('428["desk.call",{"method":"add","params":[1,2]}]');
    await target.hears(`42${Number(id) + 1}["add"`);
    target.close();
    expect(await caller.hears("438[")).toBe('438[{"failed":"target_gone"}]');
  });

  test("HUB-25 a Socket.IO client that comes back with its offset gets what it missed, and keeps its pid", async () => {
    const talker = await socketIo("sio-2");
    const reader = await socketIo("sio-2");
    const { pid } = JSON.parse((await reader.hears("40{")).slice(2)) as { pid: string };
    const snapshot = JSON.parse((await reader.hears('42["snapshot"')).slice(2)) as unknown[];
    reader.close(1001);
    talker.send('42["desk.shout",1]');
    talker.send('42["desk.shout",2]');
    await talker.hears('42["desk.shouted"', 2);
    const back = await socketIo("sio-2", { pid, offset: snapshot.at(-1) });
    expect(JSON.parse((await back.hears("40{")).slice(2))).toMatchObject({ pid });
    await back.hears('42["resumed"');
    const shouted = back.texts.filter((text) => text.startsWith('42["desk.shouted"'));
    expect(shouted.map((text) => (JSON.parse(text.slice(2)) as unknown[])[1])).toEqual([
      { data: 1 },
      { data: 2 },
    ]);
    expect(back.texts.some((text) => text.startsWith('42["snapshot"'))).toBe(false);
  });

  test("a binary frame is one, before a session and in it, and a long one closes", async () => {
    const bytes = (size: number): Uint8Array => new Uint8Array(size);
    const refused = '{"v":1,"type":"error","code":"binary"';
    const client = await open("/ws");
    client.send(bytes(3));
    await client.hears(refused);
    client.send('{"type":"auth","token":"binary-1"}');
    await client.hears('{"v":1,"type":"snapshot"');
    client.send(bytes(3));
    await client.hears(refused, 2);
    client.send(bytes(CLIENT_FRAME_MAX_BYTES + 1));
    expect(await client.isClosed()).toBe(CLOSE_CODES.frameTooBig.code);
    for (const [early, size, code] of [
      [await open("/ws"), CLIENT_FRAME_MAX_BYTES + 1, CLOSE_CODES.frameTooBig.code],
      [await open(SOCKET_IO), CLIENT_FRAME_MAX_BYTES + 1, CLOSE_CODES.frameTooBig.code],
      [await open(SOCKET_IO), 3, CLOSE_CODES.protocolError.code],
    ] as const) {
      early.send(bytes(size));
      expect(await early.isClosed()).toBe(code);
    }
  });

  test("bad clients are refused in the words of their protocol", async () => {
    const upgrade = { headers: { Upgrade: "websocket" } };
    for (const [path, init, body] of [
      ["/socket.io/?EIO=4&transport=polling", {}, { code: 0, message: "Transport unknown" }],
      [`${SOCKET_IO}&sid=x`, upgrade, { code: 1, message: "Session ID unknown" }],
      [SOCKET_IO, { method: "POST" }, { code: 2, message: "Bad handshake method" }],
      [SOCKET_IO, {}, { code: 3, message: "Bad request" }],
      [SOCKET_IO, { headers: { Upgrade: "h2c" } }, { code: 3, message: "Bad request" }],
      [
        "/socket.io/?EIO=3&transport=websocket",
        upgrade,
        { code: 5, message: "Unsupported protocol version" },
      ],
    ] as const) {
      const answer = await worker.fetch(`https://hubs.test${path}`, init);
      expect([answer.status, await answer.json()]).toEqual([400, body]);
    }
    const nobody = await open(SOCKET_IO);
    nobody.send('40{"token":""}');
    expect(await nobody.hears("44{")).toContain('"code":4401');
    nobody.close();
    const early = await open(SOCKET_IO);
    early.send('42["desk.echo",1]');
    expect(await early.isClosed()).toBe(4499);
    const elsewhere = await socketIo("sio-3");
    elsewhere.send("40/admin,");
    await elsewhere.hears('44/admin,{"message":"Invalid namespace"}');
    elsewhere.send("4abc");
    expect(await elsewhere.isClosed()).toBe(4499);
  });
});

/** Clients of both adapters, which bring a token after the upgrade. */
const ENTER = {
  native: async (token: string) => {
    const client = await open("/ws");
    client.send(JSON.stringify({ type: "auth", token }));
    return client;
  },
  "Socket.IO": (token: string) => socketIo(token),
};

describe.each(Object.entries(ENTER))("HUB-7 a %s client whose token", (_, enterWith) => {
  /** It may come back by itself: it hears nothing but the close. */
  const isSentAway = async (client: TextClient): Promise<void> => {
    expect(await client.isClosed()).toBe(CLOSE_CODES.overloaded.code);
    expect(client.texts.filter((text) => !text.startsWith("0{"))).toEqual([]);
  };

  test("was brought too often in a minute is sent away with 1013, and no other user is", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const sub = `busy-${crypto.randomUUID()}`;
    for (let i = 1; i < TICKETS_PER_MINUTE; i += 1) await takeOf(env, CONNECTIONS, sub);
    const last = await enterWith(sub);
    await vi.waitUntil(() => last.texts.length > 1, SOON);
    const attached = vi.spyOn(Hub.prototype, "fetch");
    await isSentAway(await enterWith(sub));
    expect(attached).not.toHaveBeenCalled();
    const other = await enterWith(`${sub}-2`);
    await vi.waitUntil(() => other.texts.length > 1, SOON);
    expect([last.closed, other.closed]).toEqual([null, null]);
  });

  test("leads to a hub that cannot be reached is sent away with 1013, and the log says why", async () => {
    vi.spyOn(Hub.prototype, "fetch").mockRejectedValueOnce(new Error("the hub restarts"));
    const logged = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const sub = `unreachable-${crypto.randomUUID()}`;
    await isSentAway(await enterWith(sub));
    expect(logged.mock.calls.flat().join()).toContain('"event":"hub.unreachable"');
    const back = await enterWith(sub);
    await vi.waitUntil(() => back.texts.length > 1, SOON);
    expect(back.closed).toBeNull();
  });

  test("cannot be checked is sent away with 1013, and the log says why, without the token", async () => {
    const logged = vi.spyOn(console, "error").mockImplementation(() => undefined);
    await isSentAway(await enterWith(FAULTY_TOKEN));
    const lines = logged.mock.calls.flat().join();
    expect(lines).toContain('"event":"hub.not_entered"');
    expect(lines).toContain("the check is broken");
    expect(lines).not.toContain(FAULTY_TOKEN);
  });

  test.each([
    ["is too long", "n".repeat(HUB_NAME_MAX_LENGTH + 1)],
    ["would be a relay's", "space:0"],
    ["is empty", ""],
    ["is no text that can be sent", "half of \ud83d"],
  ])(
    "HUB-9 leads to a hub whose name %s is refused for good, and no object is addressed",
    async (__, name) => {
      const attached = vi.spyOn(Hub.prototype, "fetch");
      const logged = vi.spyOn(console, "warn").mockImplementation(() => undefined);
      const client = await enterWith(`alice@${name}`);
      expect(await refusalOf(client)).toBe(CLOSE_CODES.forbidden.code);
      expect([attached.mock.calls, logged.mock.calls]).toEqual([[], []]);
    },
  );

  test("leads to a hub with the longest name is let in", async () => {
    const name = "é".repeat(HUB_NAME_MAX_LENGTH);
    const client = await enterWith(`alice@${name}`);
    await vi.waitUntil(() => client.texts.some((text) => text.includes("snapshot")), SOON);
    expect(client.closed).toBeNull();
  });
});

/** Clients that say what they are, and how they hear what the extension was told of them. */
const INTRODUCED = {
  "its first frame": {
    enter: async (sub: string, about: object) => {
      const client = await open("/ws?v=1");
      client.send(JSON.stringify({ op: 2, d: { token: sub, ...about } }));
      return client;
    },
    came: (texts: readonly string[]): unknown[] =>
      texts
        .map((text) => JSON.parse(text) as { t?: string; d?: object })
        .flatMap(({ t, d }) => (t === "desk.came" ? [d] : [])),
    forbidden: OPCODE_DIALECT.farewell("forbidden").code,
  },
  "the payload of its CONNECT": {
    enter: (sub: string, about: object) => socketIo(sub, about),
    came: (texts: readonly string[]): unknown[] =>
      texts
        .filter((text) => text.startsWith('42["desk.came"'))
        .map((text) => (JSON.parse(text.slice(2)) as unknown[])[1]),
    forbidden: CLOSE_CODES.forbidden.code,
  },
};

describe.each(Object.entries(INTRODUCED))(
  "HUB-21 a client that says by %s what it is",
  (_, { enter, came, forbidden }) => {
    const subOf = (): string => `introduced-${crypto.randomUUID()}`;
    /** The extension tells everybody who has come. */
    const isIntroduced = async (client: TextClient, sub: string): Promise<unknown> => {
      const own = (): unknown =>
        came(client.texts).find((one) => (one as { sub: string }).sub === sub);
      await vi.waitUntil(() => own() !== undefined, SOON);
      return own();
    };

    test("is known as that to the hub's extension, and as nothing if it says nothing", async () => {
      const machine = { type: "machine", id: "m1 – ü", list: [1, null, { deep: true }] };
      const [sub, silent] = [subOf(), subOf()];
      const client = await enter(sub, { client: machine, other: "is not for the extension" });
      expect(await isIntroduced(client, sub)).toEqual({ sub, scope: machine });
      expect(await isIntroduced(await enter(silent, {}), silent)).toEqual({
        sub: silent,
        scope: null,
      });
    });

    test("may say as much as a session can carry, in bytes, and is refused for good beyond it", async () => {
      const sub = subOf();
      // Two quotation marks, and two bytes for each letter.
      const most = "é".repeat((SESSION_SCOPE_MAX_BYTES - 2) / 2);
      const fits = await enter(sub, { client: most });
      expect(await isIntroduced(fits, sub)).toEqual({ sub, scope: most });
      for (const client of [`${most}e`, "é".repeat(CLIENT_FRAME_MAX_BYTES / 3)]) {
        const over = await enter(sub, { client });
        expect(await refusalOf(over)).toBe(forbidden);
        expect(came(over.texts)).toEqual([]);
      }
      expect(fits.closed).toBeNull();
      expect(came(fits.texts)).toHaveLength(1);
    });
  },
);

describe("HUB-30 the answer to an upgrade, as the Worker lets it go", () => {
  /** The hub's end of a socket whose other end is in an answer. */
  function handedOver(): { readonly hub: WebSocket; readonly answer: Response } {
    const { 0: client, 1: hub } = new WebSocketPair();
    hub.accept();
    return { hub, answer: new Response(null, { status: 101, webSocket: client }) };
  }

  test("closes the hub's socket if the client has left meanwhile", async () => {
    const { hub, answer } = handedOver();
    const code = new Promise<number>((resolve) => {
      hub.addEventListener("close", (event) => resolve(event.code));
    });
    const leaves = new AbortController();
    const looked = lookAgain(answer, leaves.signal);
    leaves.abort();
    await looked;
    expect(await code).toBe(CLIENT_LOST.code);
  });

  test("is passed on untouched if the client is there, and so is any other answer", async () => {
    const { hub, answer } = handedOver();
    const { signal } = new AbortController();
    const passed = await lookAgain(answer, signal);
    expect(passed).toBe(answer);
    if (passed.webSocket === null) throw new Error("the socket is missing");
    const client = new TextClient(passed.webSocket);
    hub.send("hello");
    await client.hears("hello");
    client.close();
    const other = Response.json({});
    expect(await lookAgain(other, AbortSignal.abort())).toBe(other);
  });
});

import {
  applyD1Migrations,
  createExecutionContext,
  env,
  runDurableObjectAlarm,
} from "cloudflare:test";
import { afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { z } from "zod";
import { createApp } from "../../app.ts";
import { openTicket, sealTicket } from "../../hub/ticket.ts";
import { countedAs, type UserLimit } from "../../platform/http/limit-user.ts";
import { takeToken } from "../../platform/rate-limit.ts";
import {
  AUTHENTICATION_DEADLINE_MS,
  SOCKET_IO_CONNECT_DEADLINE_MS,
  SYNC_CONNECTIONS_PER_MINUTE,
  SYNC_CONTENT_MAX_LENGTH,
  SYNC_FRAMES_BEFORE_AUTH,
  SYNC_FRAME_MAX_BYTES,
  SYNC_FRAMES_PER_WINDOW,
  SYNC_ID_MAX_LENGTH,
  SYNC_PING_INTERVAL_MS,
  SYNC_PING_TIMEOUT_MS,
  SYNC_SOCKETS_PER_ACCOUNT,
  SYNC_TOKEN_MAX_LENGTH,
  TICKET_TTL_MS,
  UNAUTHENTICATED_SOCKETS_PER_ADDRESS,
} from "../../protocol/limits.ts";
import { SOON } from "../../testing/soon.ts";
import {
  furnished,
  idOf,
  idsOf,
  kindsOf,
  newMachine,
  newMessage,
  newSession,
  OneMachine,
  refused,
  success,
} from "../../testing/sync-records.ts";
import {
  callSync,
  openIo,
  openNative,
  SyncAccount,
  SyncIoClient,
  SyncNativeClient,
  upgradeSync,
} from "../../testing/sync-worker.ts";
import { accountTokens } from "./auth/tokens.ts";
import { SYNC_CLOSE_CODES } from "./dialects/native.ts";
import { sync } from "./index.ts";
import { SYNC_CONNECTIONS } from "./user-kind.ts";

beforeAll(() => applyD1Migrations(env.DB, env.TEST_MIGRATIONS));
afterEach(() => {
  vi.useRealTimers();
});

const Ticket = z.strictObject({ ticket: z.string() });

/** Uses up a limit of an account for an hour, but for so many. The clock must not go on when some are left. */
async function useUp(limit: UserLimit, account: string, left = 0): Promise<void> {
  const { name, perMinute } = limit;
  const windowMs = left === 0 ? 60 * 60_000 : (60_000 * (perMinute - left)) / perMinute;
  await takeToken(env, { name, key: account, quota: 1, windowMs });
}

/** What a native client is told when it is connected. */
const Connected = z.strictObject({
  connectionId: z.string(),
  userId: z.string(),
  clientType: z.string(),
  sessionId: z.string().optional(),
  machineId: z.string().optional(),
  timestamp: z.number(),
});

/** The socket of a client that says nothing, with timers that the test moves. */
async function waitingSocket(path: string): Promise<WebSocket> {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  // The Worker runs in the test's own request, because there its timers can be faked.
  const request = new Request(`https://hub.test${path}`, { headers: { Upgrade: "websocket" } });
  const { webSocket } = await createApp([sync]).fetch(request, env, createExecutionContext());
  if (webSocket === null) throw new Error("the upgrade has no socket");
  return webSocket;
}

/** As whom a native client is connected: without what is of this connection only. */
async function scopeOf(client: SyncNativeClient): Promise<object> {
  const {
    connectionId: _,
    userId: __,
    timestamp: ___,
    ...scope
  } = Connected.parse(await client.hear("connected"));
  return scope;
}

const bearer = ({ token }: SyncAccount): Record<string, string> => ({
  Authorization: `Bearer ${token}`,
});

async function newTicket(account: SyncAccount): Promise<string> {
  return (await account.get(Ticket, "POST", "/v1/websocket/ticket")).ticket;
}

async function callStatus(method: string, path: string, token: string): Promise<number> {
  return (await callSync(method, path, { token })).status;
}

describe("upgrades (sync.md §6.1)", () => {
  const PATHS = ["/v1/updates", "/v1/websocket"] as const;

  it.each(PATHS)("of %s take a token in the header", async (path) => {
    const account = await SyncAccount.create();
    const client = await openNative(path, bearer(account));
    const { userId, clientType } = Connected.parse(await client.hear("connected"));
    expect([userId, clientType]).toEqual([await idOf(account), "user-scoped"]);
    client.close();
  });

  it.each(PATHS)("of %s take a token in the query, as older clients send it", async (path) => {
    const account = await SyncAccount.create();
    const client = await openNative(`${path}?token=${encodeURIComponent(account.token)}`);
    expect(await scopeOf(client)).toEqual({ clientType: "user-scoped" });
    client.close();
  });

  it("need WebSocket", async () => {
    const account = await SyncAccount.create();
    for (const path of PATHS) {
      for (const method of ["GET", "POST"]) {
        const answer = await account.call(method, path);
        expect([answer.status, answer.headers.get("Upgrade")]).toEqual([426, "websocket"]);
      }
      const other = await account.call("GET", path, undefined, { Upgrade: "h2c" });
      expect(other.status).toBe(426);
    }
  });

  it("are refused for a bad token, and a good one elsewhere does not help", async () => {
    const account = await SyncAccount.create();
    const other = await accountTokens("another-sync-secret-0123456789-0123456789", null).create(
      { account: await idOf(account), epoch: 0 },
      Date.now(),
    );
    const good = bearer(account);
    const token = encodeURIComponent(account.token);
    const refusals: (readonly [string, Record<string, string>])[] = [
      ["", { Authorization: "Bearer x" }],
      ["", { Authorization: `Bearer ${other}` }],
      ["", { Authorization: "Basic eDp5" }],
      ["", { Authorization: "Bearer" }],
      ["?token=x", {}],
      ["?token=", {}],
      ["?token=x", good],
      ["?ticket=x", {}],
      ["?ticket=", {}],
      ["?ticket=x", good],
      [`?ticket=x&token=${token}`, {}],
      [`?ticket=${token}`, good],
    ];
    for (const [query, headers] of refusals) {
      const answer = await upgradeSync(`/v1/updates${query}`, headers);
      expect([query, answer.status]).toEqual([query, 401]);
      expect(await answer.json()).toEqual({ error: "Unauthorized" });
    }
    expect(await account.get(z.unknown(), "GET", "/v1/websocket/stats")).toMatchObject({
      totalConnections: 0,
    });
  });

  it("say in headers what the client is for, and a query wins", async () => {
    const account = await furnished();
    const [sessionId, machineId] = [account.session.id, account.machine.id];
    const session = { "X-Client-Type": "session-scoped", "X-Session-Id": sessionId };
    const machine = { "X-Client-Type": "machine-scoped", "X-Machine-Id": machineId };
    const asSession = { clientType: "session-scoped", sessionId };
    const asMachine = { clientType: "machine-scoped", machineId };
    const asUser = { clientType: "user-scoped" };
    const cases: (readonly [string, Record<string, string>, object])[] = [
      ["", session, asSession],
      ["", { ...machine, "X-Correlation-Id": "c" }, asMachine],
      ["", {}, asUser],
      ["", { "X-Client-Type": "other" }, asUser],
      ["", { "X-Session-Id": sessionId }, asUser],
      [`?clientType=session-scoped&sessionId=${sessionId}`, {}, asSession],
      [`?clientType=machine-scoped&machineId=${machineId}`, session, asMachine],
      ["?clientType=user-scoped", session, asUser],
      ["?clientType=other", session, asUser],
      [`?sessionId=${sessionId}`, { ...session, "X-Session-Id": "none" }, asSession],
    ];
    for (const [query, headers, scope] of cases) {
      const client = await openNative(`/v1/updates${query}`, { ...bearer(account), ...headers });
      expect(await scopeOf(client)).toEqual(scope);
      client.close();
    }
  });

  it("are for what the account has, in both dialects", async () => {
    const account = await furnished();
    const other = await furnished();
    const gone = await newSession(account);
    await account.call("DELETE", `/v1/sessions/${gone.id}`);
    const { sessionMissing, machineMissing } = SYNC_CLOSE_CODES;
    const cases: (readonly [Record<string, string>, number, string])[] = [
      ...[
        {},
        { sessionId: "" },
        { sessionId: "none" },
        { sessionId: other.session.id },
        { sessionId: gone.id },
        { sessionId: account.machine.id },
        { sessionId: "x".repeat(SYNC_ID_MAX_LENGTH + 1) },
        { machineId: account.machine.id },
      ].map(
        (about) =>
          [{ clientType: "session-scoped", ...about }, sessionMissing, "Session ID"] as const,
      ),
      ...[
        {},
        { machineId: "" },
        { machineId: "none" },
        { machineId: other.machine.id },
        { sessionId: account.session.id },
      ].map(
        (about) =>
          [{ clientType: "machine-scoped", ...about }, machineMissing, "Machine ID"] as const,
      ),
    ];
    for (const [about, code, what] of cases) {
      const query = new URLSearchParams(about).toString();
      const native = await openNative(`/v1/updates?${query}`, bearer(account));
      expect([about, await native.isClosed()]).toEqual([about, code]);
      const told = { code, message: expect.stringContaining(what) as string };
      expect(native.texts.map((text) => JSON.parse(text) as unknown)).toEqual([
        { event: "error", data: told },
      ]);
      const late = await openNative();
      late.say("auth", { token: account.token, ...about });
      expect(await late.isClosed()).toBe(code);
      expect(late.of("error")).toEqual([told]);
      const io = await openIo();
      io.send(`40${JSON.stringify({ token: account.token, ...about })}`);
      const scoped = String(about["clientType"]);
      expect(await io.answer("44")).toEqual({ message: `${what} required for ${scoped} clients` });
      expect(await io.isClosed()).toBe(code);
    }
    expect(await account.get(z.unknown(), "GET", "/v1/websocket/stats")).toMatchObject({
      totalConnections: 0,
    });
  });

  it("are limited for an account, with tickets", async () => {
    const account = await SyncAccount.create();
    const id = countedAs({ sub: await idOf(account), epoch: 0 });
    expect(SYNC_CONNECTIONS.perMinute).toBe(SYNC_CONNECTIONS_PER_MINUTE);
    // A minute later nothing of the limit is used.
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 60_000 });
    await useUp(SYNC_CONNECTIONS, id, 1);
    const last = await upgradeSync("/v1/updates", bearer(account));
    expect(last.status).toBe(101);
    last.webSocket?.accept();
    expect((await upgradeSync("/v1/updates", bearer(account))).status).toBe(429);
    vi.useRealTimers();
    await useUp(SYNC_CONNECTIONS, id);
    for (const refusal of [
      await upgradeSync("/v1/updates", bearer(account)),
      await account.call("POST", "/v1/websocket/ticket"),
    ]) {
      expect(refusal.status).toBe(429);
      expect(Number(refusal.headers.get("Retry-After"))).toBeGreaterThan(0);
      expect(await refusal.json()).toEqual({ error: expect.any(String) });
    }
    const native = await openNative();
    native.say("auth", { token: account.token });
    expect(await native.isClosed()).toBe(1013);
    const io = await openIo();
    io.send(`40${JSON.stringify({ token: account.token })}`);
    expect(await io.isClosed()).toBe(1013);
    // Nobody else is.
    (await (await SyncAccount.create()).connect()).close();
    last.webSocket?.close();
  });

  it("end with their token, whichever way it came", async () => {
    const account = await SyncAccount.create();
    const id = await idOf(account);
    const owner = { account: id, epoch: 0 };
    const token = await accountTokens(env.HAPPY_MASTER_SECRET, 60).create(owner, Date.now());
    const ticket = await callSync("POST", "/v1/websocket/ticket", { token });
    const { ticket: text } = Ticket.parse(await ticket.json());
    const late = await openNative();
    late.say("auth", { token });
    await late.hear("connected");
    const io = await openIo();
    io.send(`40${JSON.stringify({ token })}`);
    await io.answer("40");
    const clients = [
      await openNative("/v1/updates", { Authorization: `Bearer ${token}` }),
      await openNative(`/v1/updates?token=${encodeURIComponent(token)}`),
      await openNative(`/v1/updates?ticket=${text}`),
      late,
      io,
    ];
    const forEver = await account.connect();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 61_000 });
    await runDurableObjectAlarm(env.USER_HUB.getByName(id));
    for (const client of clients) {
      expect(await client.isClosed()).toBe(SYNC_CLOSE_CODES.authFailed);
    }
    expect((await forEver.caughtUp()).closed).toBeNull();
    forEver.close();
  });

  it("that have not authenticated count for their address, over both dialects", async () => {
    expect(UNAUTHENTICATED_SOCKETS_PER_ADDRESS).toBe(50);
    const from = { "CF-Connecting-IP": "2001:db8:0:99::1" };
    const socketIo = "/v1/updates/?EIO=4&transport=websocket";
    const account = await SyncAccount.create();
    const waiting: Response[] = [];
    onTestFinished(() => {
      for (const { webSocket } of waiting) {
        webSocket?.accept();
        webSocket?.close(1000);
      }
    });
    for (let at = 0; at < UNAUTHENTICATED_SOCKETS_PER_ADDRESS; at += 1) {
      waiting.push(await upgradeSync(at % 2 === 0 ? "/v1/updates" : socketIo, from));
    }
    expect(new Set(waiting.map(({ status }) => status))).toEqual(new Set([101]));
    for (const path of ["/v1/updates", socketIo]) {
      const over = await upgradeSync(path, from);
      expect([over.status, await over.json()]).toEqual(refused(503));
      expect(over.headers.get("Retry-After")).toBe("5");
    }
    // Who authenticates with the upgrade needs no such place.
    (await account.connect("", from)).close();
  });

  it("are refused from the 101st connection on, over both dialects", async () => {
    const account = await SyncAccount.create();
    const clients: (SyncNativeClient | SyncIoClient)[] = [];
    for (let at = 0; at < SYNC_SOCKETS_PER_ACCOUNT; at += 2) {
      clients.push(await account.connect(), await account.connectSocketIo());
    }
    const { connectionLimit: code } = SYNC_CLOSE_CODES;
    const native = await openNative("/v1/updates", bearer(account));
    expect(await native.isClosed()).toBe(code);
    expect(native.of("error")).toEqual([{ code, message: "Connection limit exceeded" }]);
    const io = await openIo();
    io.send(`40${JSON.stringify({ token: account.token })}`);
    expect(await io.answer("44")).toEqual({ message: "Connection limit exceeded" });
    expect(await io.isClosed()).toBe(code);
    expect(clients.filter(({ closed }) => closed !== null)).toEqual([]);
    clients[0]?.close();
    await vi.waitUntil(async () => {
      const stats = await account.get(
        z.looseObject({ totalConnections: z.number() }),
        "GET",
        "/v1/websocket/stats",
      );
      return stats.totalConnections === SYNC_SOCKETS_PER_ACCOUNT - 1;
    }, SOON);
    clients.push(await account.connect());
    for (const client of clients) client.close();
  });
});

describe("tickets (sync.md §6.2)", () => {
  it("let one client in, once", async () => {
    const account = await furnished();
    const ticket = await newTicket(account);
    expect(ticket).not.toContain(account.token);
    const query = `?ticket=${ticket}&clientType=session-scoped&sessionId=${account.session.id}`;
    const client = await openNative(`/v1/updates${query}`);
    expect(await scopeOf(client)).toEqual({
      clientType: "session-scoped",
      sessionId: account.session.id,
    });
    expect((await upgradeSync(`/v1/updates${query}`)).status).toBe(401);
    const both = await newTicket(account);
    const answers = await Promise.all(
      ["/v1/updates", "/v1/websocket"].map((path) => upgradeSync(`${path}?ticket=${both}`)),
    );
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([101, 401]);
    for (const { webSocket } of answers) {
      webSocket?.accept();
      webSocket?.close();
    }
    client.close();
  });

  it("of a refused client are used up", async () => {
    const account = await SyncAccount.create();
    const ticket = await newTicket(account);
    const client = await openNative(`/v1/updates?ticket=${ticket}&clientType=machine-scoped`);
    expect(await client.isClosed()).toBe(SYNC_CLOSE_CODES.machineMissing);
    expect((await upgradeSync(`/v1/updates?ticket=${ticket}`)).status).toBe(401);
  });

  it("expire, and cannot be changed", async () => {
    const account = await SyncAccount.create();
    const ticket = await newTicket(account);
    const forged = `${ticket.slice(0, -4)}${ticket.endsWith("AAAA") ? "BBBB" : "AAAA"}`;
    expect((await upgradeSync(`/v1/updates?ticket=${forged}`)).status).toBe(401);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + TICKET_TTL_MS });
    expect((await upgradeSync(`/v1/updates?ticket=${ticket}`)).status).toBe(401);
  });

  it("of before the tokens were revoked let nobody in", async () => {
    const account = await SyncAccount.create();
    const ticket = await newTicket(account);
    expect(await account.ask("POST", "/v1/auth/revoke")).toEqual(success);
    const client = await openNative(`/v1/updates?ticket=${ticket}`);
    expect(await client.isClosed()).toBe(SYNC_CLOSE_CODES.authFailed);
    expect(client.of("connected")).toEqual([]);
  });

  it("of other hubs are refused, also where both have one secret", async () => {
    const account = await SyncAccount.create();
    const sub = await idOf(account);
    const identity = { sub, grants: [], exp: Math.ceil(Date.now() / 1000) + 60 };
    for (const scope of [undefined, { epoch: 0 }]) {
      const ticket = await sealTicket(
        { hubSecrets: [env.HAPPY_MASTER_SECRET] },
        {
          id: crypto.randomUUID(),
          hub: sub,
          origin: null,
          identity: scope === undefined ? identity : { ...identity, scope },
        },
        Date.now(),
      );
      expect((await upgradeSync(`/v1/updates?ticket=${ticket.text}`)).status).toBe(401);
    }
    const own = await openTicket(
      { hubSecrets: [env.HAPPY_MASTER_SECRET] },
      await newTicket(account),
      Date.now(),
    );
    expect(own).toEqual({ ok: false, error: "invalid_ticket" });
  });

  it("are no tokens, and tokens are no tickets", async () => {
    const account = await SyncAccount.create();
    const ticket = await newTicket(account);
    expect(await callStatus("GET", "/v1/sessions", ticket)).toBe(401);
    const client = await openNative();
    client.say("auth", { token: ticket });
    expect(await client.isClosed()).toBe(SYNC_CLOSE_CODES.authFailed);
  });
});

describe("a client that says after the upgrade who it is (sync.md §6.3)", () => {
  it("is connected as what it says", async () => {
    const account = await furnished();
    const [sessionId, machineId] = [account.session.id, account.machine.id];
    for (const [about, scope] of [
      [{}, { clientType: "user-scoped" }],
      [{ clientType: "other" }, { clientType: "user-scoped" }],
      [
        { clientType: "session-scoped", sessionId },
        { clientType: "session-scoped", sessionId },
      ],
      [
        { clientType: "machine-scoped", machineId, sessionId },
        { clientType: "machine-scoped", machineId },
      ],
    ]) {
      const client = await openNative();
      client.say("auth", { token: account.token, ...about });
      expect(await scopeOf(client)).toEqual(scope);
      expect(await client.ask("ping")).toEqual({});
      client.close();
    }
  });

  it("is none of its machine's connections until then, and is one from then on", async () => {
    const account = await furnished();
    const { id } = account.machine;
    const isActive = async (): Promise<boolean> =>
      (await account.get(OneMachine, "GET", `/v1/machines/${id}`)).machine.active;
    const person = await account.connect();
    const about = { clientType: "machine-scoped", machineId: id };
    const machine = await openNative(`/v1/updates?${new URLSearchParams(about).toString()}`);
    machine.say("machine-alive", { machineId: id, time: Date.now() });
    machine.say("rpc-register", { method: `${id}:bash` });
    await machine.hear("auth-error", 2);
    expect(await isActive()).toBe(false);
    const call = { method: `${id}:bash`, params: "p" };
    expect(await person.ask("rpc-call", call)).toMatchObject({ ok: false });
    expect((await person.caughtUp()).of("ephemeral")).toEqual([]);

    machine.say("auth", { token: account.token, ...about });
    await machine.hear("connected");
    expect(await isActive()).toBe(true);
    expect(await account.ask("GET", "/v1/websocket/stats")).toMatchObject([
      200,
      { totalConnections: 2, activeMachines: 1 },
    ]);
    await account.call("PUT", `/v1/machines/${id}/status`, { metadata: "newer" });
    expect((await machine.caughtUp()).updates.map(({ body }) => body.t)).toEqual([
      "update-machine",
    ]);
    machine.close();
    await vi.waitUntil(async () => !(await isActive()), SOON);
    const told = (await person.caughtUp()).of("ephemeral");
    expect(told).toMatchObject([
      { type: "machine-activity", id, active: true },
      { type: "machine-status", machineId: id, online: true },
      { type: "machine-activity", id, active: false },
      { type: "machine-status", machineId: id, online: false },
    ]);
    person.close();
  });

  it("may say it in the other envelope", async () => {
    const account = await SyncAccount.create();
    const client = await openNative();
    client.send(
      JSON.stringify({
        type: "auth",
        payload: { token: account.token },
        timestamp: 1,
        messageId: "m",
      }),
    );
    expect(await scopeOf(client)).toEqual({ clientType: "user-scoped" });
    client.close();
  });

  it.each([
    ["wrong", { token: "x" }],
    ["missing", {}],
    ["empty", { token: "" }],
    ["no text", { token: 1 }],
    ["too long", { token: "x".repeat(SYNC_TOKEN_MAX_LENGTH + 1) }],
    ["nowhere", undefined],
  ])("is refused when its token is %s", async (_, data) => {
    const client = await openNative();
    client.say("auth", data);
    const { authFailed: code } = SYNC_CLOSE_CODES;
    expect(await client.isClosed()).toBe(code);
    expect(client.of("auth-error")).toEqual([
      { code, message: expect.any(String), timestamp: expect.any(Number) },
    ]);
    expect(client.texts).toHaveLength(1);
  });

  it("is refused when its token was revoked", async () => {
    const account = await SyncAccount.create();
    await account.call("POST", "/v1/auth/revoke");
    const client = await openNative();
    client.say("auth", { token: account.token });
    expect(await client.isClosed()).toBe(SYNC_CLOSE_CODES.authFailed);
    expect(client.of("auth-error")).toHaveLength(1);
  });

  it("may err before, and hears nothing of the account until then", async () => {
    const account = await SyncAccount.create();
    const client = await openNative();
    client.send('{"event":"ping"}');
    await client.hear("pong");
    const wrong = SYNC_FRAMES_BEFORE_AUTH - 1;
    for (let at = 0; at < wrong; at += 1) client.say("rpc-call", { method: "m1:x" });
    await client.hear("auth-error", wrong);
    await newSession(account);
    const all = { type: "hello", timestamp: 1 };
    const sent = await account.ask("POST", "/v1/websocket/broadcast", { message: all });
    expect(sent).toEqual([200, { success: true, delivered: 0 }]);
    expect(await account.get(z.unknown(), "GET", "/v1/websocket/stats")).toMatchObject({
      totalConnections: 0,
      oldestConnection: null,
    });
    client.say("auth", { token: account.token });
    await client.hear("connected");
    expect((await client.caughtUp()).updates).toEqual([]);
    expect(client.texts.filter((text) => text.includes("hello"))).toEqual([]);
    client.close();

    const rude = await openNative();
    for (let at = 0; at <= SYNC_FRAMES_BEFORE_AUTH; at += 1) rude.send("nonsense");
    expect(await rude.isClosed()).toBe(4429);
  });

  it("is closed when it says nothing", async () => {
    const { authTimeout: code } = SYNC_CLOSE_CODES;
    const silent = new SyncNativeClient(await waitingSocket("/v1/updates"));
    await vi.advanceTimersByTimeAsync(AUTHENTICATION_DEADLINE_MS - 1);
    expect([silent.closed, silent.texts]).toEqual([null, []]);
    await vi.advanceTimersByTimeAsync(1);
    expect(await silent.isClosed()).toBe(code);
    expect(silent.of("auth-error")).toEqual([
      { code, message: expect.any(String), timestamp: expect.any(Number) },
    ]);
  });
});

describe("frames of the native dialect (sync.md §6.5)", () => {
  it("are answered in their envelope, and pings without waking anybody", async () => {
    const account = await SyncAccount.create();
    const client = await account.connect();
    client.send('{"event":"ping"}');
    await client.hear("pong");
    expect(client.texts.at(-1)).toBe('{"event":"pong"}');
    client.send('{ "event": "ping" }');
    expect(await client.hear("pong", 2)).toEqual({ timestamp: expect.any(Number) });
    client.send('{"type":"ping","messageId":"m1"}');
    expect(JSON.parse(await client.hears('{"event":"ack"'))).toEqual({
      event: "ack",
      ackId: "m1",
      ack: {},
    });
    client.close();
  });

  it("that cannot be read are answered, and the socket stays open", async () => {
    const account = await SyncAccount.create();
    const client = await account.connect();
    const errors = [
      ["nonsense", "Invalid JSON message"],
      ["", "Invalid JSON message"],
      ["[]", "Invalid message format"],
      ["1", "Invalid message format"],
      ["{}", "Invalid message format"],
      ['{"event":1}', "Invalid message format"],
    ] as const;
    for (const [frame] of errors) client.send(frame);
    client.send(new Uint8Array([1, 2, 3]));
    await client.caughtUp();
    expect(client.of("error")).toEqual(
      [...errors.map(([, message]) => message), "Invalid JSON message"].map((message) => ({
        code: 1002,
        message,
      })),
    );
    client.say("nobody-knows-this", { a: 1 });
    client.say("auth", { token: "x" });
    await client.caughtUp();
    expect(client.closed).toBeNull();
    client.close();
  });

  it("have a largest size", async () => {
    const account = await SyncAccount.create();
    const frame = (bytes: number) => {
      const empty = JSON.stringify({ event: "nobody-knows-this", data: "" });
      return JSON.stringify({ event: "nobody-knows-this", data: "x".repeat(bytes - empty.length) });
    };
    for (const connect of [
      () => account.connect(),
      async () => {
        const client = await openNative();
        client.say("auth", { token: account.token });
        await client.hear("connected");
        return client;
      },
    ]) {
      const client = await connect();
      client.send(frame(SYNC_FRAME_MAX_BYTES));
      await client.caughtUp();
      client.send(frame(SYNC_FRAME_MAX_BYTES + 1));
      expect(await client.isClosed()).toBe(1009);
    }
    const early = await openNative();
    early.send(frame(SYNC_FRAME_MAX_BYTES + 1));
    expect(await early.isClosed()).toBe(1009);
  });

  it("are limited in number", async () => {
    const account = await SyncAccount.create();
    const client = await account.connect();
    for (let at = 0; at < SYNC_FRAMES_PER_WINDOW; at += 1) client.send('{"event":"x"}');
    await client.hear("connected");
    for (let at = 0; at < SYNC_FRAMES_PER_WINDOW; at += 1) client.send('{"event":"x"}');
    expect(await client.isClosed()).toBe(4429);
  });
});

describe("Socket.IO (sync.md §7)", () => {
  const SLASH = "/v1/updates/?EIO=4&transport=websocket";

  it.each([
    SLASH,
    "/v1/updates?EIO=4&transport=websocket",
    "/v1/websocket/?EIO=4&transport=websocket",
    "/v1/websocket?EIO=4&transport=websocket",
  ])("is spoken at %s", async (path) => {
    const account = await SyncAccount.create();
    const client = await openIo(path);
    expect(JSON.parse((await client.hears("0{")).slice(1))).toEqual({
      sid: expect.any(String),
      upgrades: [],
      pingInterval: SYNC_PING_INTERVAL_MS,
      pingTimeout: SYNC_PING_TIMEOUT_MS,
      maxPayload: SYNC_FRAME_MAX_BYTES,
    });
    client.send(`40${JSON.stringify({ token: account.token, clientType: "user-scoped" })}`);
    expect(await client.answer("40")).toEqual({ sid: expect.any(String) });
    expect(await client.ask("ping")).toEqual({});
    const session = await newSession(account);
    expect((await client.caughtUp()).updates[0]?.body).toMatchObject({
      t: "new-session",
      id: session.id,
    });
    client.send("41");
    expect(await client.isClosed()).toBe(1000);
  });

  it("refuses other transports and versions in the words of its protocol", async () => {
    const upgrade = { Upgrade: "websocket" };
    const cases: (readonly [string, Record<string, string>, object])[] = [
      ["/v1/updates/?EIO=4&transport=polling", {}, { code: 0, message: "Transport unknown" }],
      ["/v1/updates?EIO=4&transport=polling&t=x", {}, { code: 0, message: "Transport unknown" }],
      ["/v1/updates/?EIO=4", upgrade, { code: 0, message: "Transport unknown" }],
      ["/v1/updates/", upgrade, { code: 5, message: "Unsupported protocol version" }],
      [
        "/v1/updates/?EIO=3&transport=websocket",
        upgrade,
        { code: 5, message: "Unsupported protocol version" },
      ],
      [SLASH, {}, { code: 3, message: "Bad request" }],
      [`${SLASH}&sid=x`, upgrade, { code: 1, message: "Session ID unknown" }],
    ];
    for (const [path, headers, body] of cases) {
      const answer = await callSync("GET", path, { headers });
      expect([path, answer.status, await answer.json()]).toEqual([path, 400, body]);
    }
    const post = await callSync("POST", SLASH);
    expect([post.status, await post.json()]).toEqual([
      400,
      { code: 2, message: "Bad handshake method" },
    ]);
  });

  it("refuses a CONNECT in the words of Happy's servers, and sends nothing else", async () => {
    const account = await SyncAccount.create();
    await account.call("POST", "/v1/auth/revoke");
    const invalid = "Invalid authentication token";
    const cases: (readonly [string, string])[] = [
      ["40", "Missing authentication token"],
      ["40{}", "Missing authentication token"],
      ['40{"token":""}', "Missing authentication token"],
      ['40{"token":null,"clientType":"user-scoped"}', "Missing authentication token"],
      ['40{"token":1}', invalid],
      ['40{"token":"x"}', invalid],
      [`40${JSON.stringify({ token: account.token })}`, invalid],
    ];
    for (const [frame, message] of cases) {
      const client = await openIo();
      client.send(frame);
      expect([frame, await client.answer("44")]).toEqual([frame, { message }]);
      expect(client.texts.filter((text) => !/^(?:0|44)\{/.test(text))).toEqual([]);
      client.close();
    }
  });

  it("has one namespace, no binary packets, and no event before CONNECT", async () => {
    const account = await SyncAccount.create();
    const early = await openIo();
    early.send('42["ping"]');
    expect(await early.isClosed()).toBe(4499);
    for (const frame of ['451-["x",{"_placeholder":true,"num":0}]', "4abc", "42{}", "9", "bAQID"]) {
      const client = await account.connectSocketIo();
      client.send(frame);
      expect([frame, await client.isClosed()]).toEqual([frame, 4499]);
    }
    const bytes = await account.connectSocketIo();
    bytes.send(new Uint8Array([1, 2, 3]));
    expect(await bytes.isClosed()).toBe(4499);
    const client = await account.connectSocketIo();
    client.send("40/admin,{}");
    expect(await client.hears("44/admin,")).toBe('44/admin,{"message":"Invalid namespace"}');
    client.send('42["nobody-knows-this",{"a":1}]');
    await client.caughtUp();
    client.close();
  });

  it("has a largest frame", async () => {
    const account = await SyncAccount.create();
    const frame = (bytes: number) => `42["x","${"x".repeat(bytes - '42["x",""]'.length)}"]`;
    const client = await account.connectSocketIo();
    client.send(frame(SYNC_FRAME_MAX_BYTES));
    await client.caughtUp();
    client.send(frame(SYNC_FRAME_MAX_BYTES + 1));
    expect(await client.isClosed()).toBe(1009);
  });

  it("closes a client that never says CONNECT", async () => {
    const silent = new SyncIoClient(await waitingSocket(SLASH));
    await vi.advanceTimersByTimeAsync(SOCKET_IO_CONNECT_DEADLINE_MS - 1);
    expect(silent.closed).toBeNull();
    await vi.advanceTimersByTimeAsync(1);
    expect(await silent.isClosed()).toBe(4007);
    expect(silent.texts).toHaveLength(1);
  });
});

describe("GET /v1/websocket/stats and POST /v1/websocket/broadcast (sync.md §6.7)", () => {
  it("count the connections of an account", async () => {
    const account = await furnished();
    const stats = () => account.ask("GET", "/v1/websocket/stats");
    const none = { "user-scoped": 0, "session-scoped": 0, "machine-scoped": 0 };
    expect(await stats()).toEqual([
      200,
      {
        totalConnections: 0,
        byType: none,
        activeSessions: 0,
        activeMachines: 0,
        oldestConnection: null,
      },
    ]);
    const session = `?clientType=session-scoped&sessionId=${account.session.id}`;
    const first = await account.connect();
    const { timestamp } = Connected.parse(first.of("connected")[0]);
    const clients = [
      first,
      await account.connectSocketIo(),
      await account.connect(session),
      await account.connect(session),
      await account.connectSocketIo({
        clientType: "machine-scoped",
        machineId: account.machine.id,
      }),
    ];
    const stranger = await (await SyncAccount.create()).connect();
    const [, said] = await stats();
    expect(said).toEqual({
      totalConnections: 5,
      byType: { "user-scoped": 2, "session-scoped": 2, "machine-scoped": 1 },
      activeSessions: 1,
      activeMachines: 1,
      oldestConnection: expect.any(Number),
    });
    const { oldestConnection } = z.looseObject({ oldestConnection: z.number() }).parse(said);
    expect(Math.abs(oldestConnection - timestamp)).toBeLessThan(60_000);
    for (const client of [...clients, stranger]) client.close();
  });

  it("send a message exactly as it is, to those that are meant", async () => {
    const account = await furnished();
    const other = await furnished();
    const [sessionId, machineId] = [account.session.id, account.machine.id];
    const native = await account.connect();
    const io = await account.connectSocketIo();
    const session = await account.connect(`?clientType=session-scoped&sessionId=${sessionId}`);
    const machine = await account.connectSocketIo({ clientType: "machine-scoped", machineId });
    const stranger = await other.connect(
      `?clientType=session-scoped&sessionId=${other.session.id}`,
    );
    const clients = { native, io, session, machine, stranger };
    const { connectionId } = Connected.parse(native.of("connected")[0]);
    const cases: (readonly [object | undefined, readonly string[]])[] = [
      [undefined, ["native", "io", "session", "machine"]],
      [{ type: "all" }, ["native", "io", "session", "machine"]],
      [{ type: "user-scoped-only" }, ["native", "io"]],
      [{ type: "session", sessionId }, ["session"]],
      [{ type: "session", sessionId: other.session.id }, []],
      [{ type: "machine", machineId }, ["machine"]],
      [{ type: "machine", machineId: sessionId }, []],
      [{ type: "exclude", connectionId }, ["io", "session", "machine"]],
      [{ type: "exclude", connectionId: "nobody" }, ["native", "io", "session", "machine"]],
      [{ type: "all-interested-in-session", sessionId }, ["native", "io", "session"]],
      [{ type: "machine-scoped-only", machineId }, ["native", "io", "machine"]],
    ];
    for (const [at, [filter, names]] of cases.entries()) {
      const message = { type: "hello", payload: { at, n: [null, 1.5] }, timestamp: 7, more: "x" };
      const body = { message, ...(filter === undefined ? {} : { filter }) };
      const said = await account.ask("POST", "/v1/websocket/broadcast", body);
      expect([filter, said]).toEqual([filter, [200, { success: true, delivered: names.length }]]);
      for (const [name, client] of Object.entries(clients)) {
        await client.caughtUp();
        const got =
          client instanceof SyncNativeClient
            ? client.texts.map((text) => JSON.parse(text) as unknown)
            : client.of("broadcast").flat();
        const times = got.filter((one) => JSON.stringify(one) === JSON.stringify(message)).length;
        expect([filter, name, times]).toEqual([filter, name, names.includes(name) ? 1 : 0]);
      }
    }
    for (const client of Object.values(clients)) client.close();
  });

  it("take no broadcast that is wrong, too long or too deep", async () => {
    const account = await SyncAccount.create();
    const client = await account.connect();
    const message = { type: "x", payload: "", timestamp: 1 };
    const path = "/v1/websocket/broadcast";
    const room = SYNC_CONTENT_MAX_LENGTH - JSON.stringify(message).length;
    for (const [body, why] of [
      [{}, "message"],
      [{ message: "x" }, "message"],
      [{ message: { type: "x" } }, "timestamp"],
      [{ message: { type: "", timestamp: 1 } }, "type"],
      [{ message: { type: "x", timestamp: "1" } }, "timestamp"],
      [{ message, filter: { type: "other" } }, "filter.type must be one of all, user-scoped-only,"],
      [{ message, filter: { type: "session" } }, "filter"],
      [{ message, filter: { type: "session", sessionId: "" } }, "filter"],
      [{ message, filter: "all" }, "filter"],
      [{ message: { ...message, payload: "x".repeat(room + 1) } }, "message"],
      [
        `{"message":{"type":"x","timestamp":1,"payload":${"[".repeat(9_999)}${"]".repeat(9_999)}}}`,
        "levels",
      ],
    ] as const) {
      expect(await account.ask("POST", path, body)).toEqual(refused(400, why));
    }
    expect((await client.caughtUp()).texts).toHaveLength(2);
    const longest = { ...message, payload: "x".repeat(room) };
    const said = await account.ask("POST", path, { message: longest });
    expect(said).toEqual([200, { success: true, delivered: 1 }]);
    expect((await client.caughtUp()).texts).toContain(JSON.stringify(longest));
    client.close();
  });
});

describe("POST /v1/auth/revoke (sync.md §0b.7)", () => {
  it("closes all connections of the account, and no others", async () => {
    const account = await furnished();
    const other = await SyncAccount.create();
    const bystander = await other.connect();
    const late = await openNative();
    late.say("auth", { token: account.token });
    await late.hear("connected");
    const clients = [
      await account.connect(),
      await account.connectSocketIo(),
      await account.connect(`?clientType=session-scoped&sessionId=${account.session.id}`),
      await account.connectSocketIo({
        clientType: "machine-scoped",
        machineId: account.machine.id,
      }),
      late,
    ];
    expect(await account.ask("POST", "/v1/auth/revoke")).toEqual(success);
    for (const client of clients) {
      expect(await client.isClosed()).toBe(SYNC_CLOSE_CODES.authFailed);
    }
    expect(late.of("auth-error")).toHaveLength(1);
    // So that it does not come back by itself.
    expect(clients[1]?.texts.at(-1)).toBe("41");
    const again = await SyncAccount.signIn(account.key);
    const client = await again.connect();
    await newSession(again);
    expect(kindsOf(await client.caughtUp())).toEqual(["new-session"]);
    expect((await bystander.caughtUp()).closed).toBeNull();
    client.close();
    bystander.close();
  });
});

describe("updates (sync.md §6.8, §0b.11)", () => {
  it("have a number each, and are there before the answer to their cause", async () => {
    const account = await SyncAccount.create();
    const client = await account.connect();
    const io = await account.connectSocketIo();
    const causes: (() => Promise<unknown>)[] = [];
    const session = await newSession(account);
    const path = `/v1/sessions/${session.id}`;
    const v3 = { messages: ["a", "b"].map((localId) => ({ localId, content: "aGk=" })) };
    causes.push(
      () => newMachine(account, { id: "m1" }),
      () => newMessage(account, session.id, "x"),
      () => account.call("POST", `/v3/sessions/${session.id}/messages`, v3),
      () => account.call("PUT", "/v1/machines/m1/status", { active: true }),
      () => account.call("DELETE", "/v1/machines/m1"),
      () => account.call("DELETE", path),
    );
    const told = [
      ["new-session"],
      ["new-machine"],
      ["new-message"],
      ["new-message", "new-message"],
      ["update-machine"],
      ["delete-machine"],
      ["delete-session"],
    ];
    for (const [at, cause] of causes.entries()) {
      await cause();
      // The hub answers this after everything of the turn before.
      await client.caughtUp();
      expect(kindsOf(client)).toEqual(told.slice(0, at + 2).flat());
    }
    await io.caughtUp();
    expect(io.updates).toEqual(client.updates);
    const seqs = client.updates.map(({ seq }) => seq);
    expect(seqs).toEqual(seqs.toSorted((a, b) => a - b));
    expect(new Set(seqs).size).toBe(seqs.length);
    expect(new Set(idsOf(client.updates)).size).toBe(seqs.length);
    client.close();
    io.close();
  });
});

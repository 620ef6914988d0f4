import {
  applyD1Migrations,
  createExecutionContext,
  env,
  runDurableObjectAlarm,
  runInDurableObject,
} from "cloudflare:test";
import { afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { z } from "zod";
import { createApp } from "../../app.ts";
import { openTicket, sealTicket } from "../../hub/ticket.ts";
import type { UserLimit } from "../../platform/http/limit-user.ts";
import { countedAs } from "../../platform/http/limit-user.ts";
import { takeToken } from "../../platform/rate-limit.ts";
import {
  AUTHENTICATION_DEADLINE_MS,
  FRAME_DEPTH_MAX,
  SOCKET_IO_CONNECT_DEADLINE_MS,
  SYNC_ACTIVE_SESSIONS_DEFAULT,
  SYNC_ACTIVE_SESSIONS_MAX,
  SYNC_BODY_MAX_BYTES,
  SYNC_CONNECTIONS_PER_MINUTE,
  SYNC_CONTENT_MAX_BYTES,
  SYNC_CONTENT_MAX_LENGTH,
  SYNC_DATA_KEY_MAX_LENGTH,
  SYNC_FRAMES_BEFORE_AUTH,
  SYNC_FRAME_MAX_BYTES,
  SYNC_FRAMES_PER_WINDOW,
  SYNC_ID_MAX_LENGTH,
  SYNC_INACTIVE_AFTER_MS,
  SYNC_JOURNAL_MAX_AGE_MS,
  SYNC_JOURNAL_MAX_BYTES,
  SYNC_JOURNAL_MAX_EVENTS,
  SYNC_LIST_MAX_LENGTH,
  SYNC_LISTED_ACTIVE_MS,
  SYNC_MESSAGES_ADDED_MAX,
  SYNC_MESSAGES_PAGE_DEFAULT,
  SYNC_MESSAGES_PAGE_MAX,
  SYNC_NEWEST_MAX,
  SYNC_PAGE_DEFAULT,
  SYNC_PAGE_MAX,
  SYNC_PING_INTERVAL_MS,
  SYNC_PING_TIMEOUT_MS,
  SYNC_PUSH_BODY_MAX_LENGTH,
  SYNC_PUSH_TITLE_MAX_LENGTH,
  SYNC_SOCKETS_PER_ACCOUNT,
  SYNC_STATE_MAX_BYTES,
  SYNC_STATE_MAX_LENGTH,
  SYNC_TOKEN_MAX_LENGTH,
  SYNC_UPDATE_MAX_BYTES,
  TICKET_TTL_MS,
  UNAUTHENTICATED_SOCKETS_PER_ADDRESS,
} from "../../protocol/limits.ts";
import { SOON } from "../../testing/soon.ts";
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
import { Machine, Message, Session } from "./records.ts";

const OneSession = z.strictObject({ session: z.strictObject(Session.shape) });
const Sessions = z.strictObject({ sessions: z.array(z.strictObject(Session.shape)) });
const Page = Sessions.extend({ nextCursor: z.string().nullable(), hasNext: z.boolean() });
const OneMessage = z.strictObject({ message: z.strictObject(Message.shape) });
const Listed = z.strictObject(Message.omit({ sessionId: true }).shape);
const Head = Listed.omit({ content: true });
const Messages = z.strictObject({ messages: z.array(Listed) });
const MessagePage = Messages.extend({ nextCursor: z.string().nullable() });
const MessageRange = Messages.extend({ hasMore: z.boolean() });
const Heads = z.strictObject({ messages: z.array(Head) });
const OneMachine = z.strictObject({ machine: z.strictObject(Machine.shape) });
const Machines = z.strictObject({ machines: z.array(z.strictObject(Machine.shape)) });
const Ticket = z.strictObject({ ticket: z.string() });

const success = [200, { success: true }];
const noSession = [404, { error: "Session not found" }];
const noMachine = [404, { error: "Machine not found" }];
/** A refusal, which has a sentence and nothing else. */
const refused = (status: number, text = "") => [
  status,
  { error: expect.stringContaining(text) as string },
];
const HAPPY = { "X-Happy-Client": "happy-cli/1.2.5" };

let tags = 0;

/** Creates a session with this body, and a tag of its own unless the body has one. */
async function newSession(account: SyncAccount, body: object = {}): Promise<Session> {
  tags += 1;
  const wanted = { tag: `tag-${tags}`, metadata: "m", ...body };
  return (await account.get(OneSession, "POST", "/v1/sessions", wanted)).session;
}

async function newMachine(account: SyncAccount, body: object = {}): Promise<Machine> {
  const wanted = { id: "laptop", metadata: "m", ...body };
  return (await account.get(OneMachine, "POST", "/v1/machines", wanted)).machine;
}

async function newMessage(
  account: SyncAccount,
  sessionId: string,
  content: unknown,
  more: object = {},
): Promise<Message> {
  const path = `/v1/sessions/${sessionId}/messages`;
  return (await account.get(OneMessage, "POST", path, { content, ...more })).message;
}

/** Ids of what a list has. */
const idsOf = (rows: readonly { readonly id: string }[]): string[] => rows.map(({ id }) => id);

/** What updates are about. */
const kindsOf = ({ updates }: SyncNativeClient | SyncIoClient): string[] =>
  updates.map(({ body }) => body.t);

/** Uses up a limit of an account for an hour, but for so many. The clock must not go on when some are left. */
async function useUp(limit: UserLimit, account: string, left = 0): Promise<void> {
  const { name, perMinute } = limit;
  const windowMs = left === 0 ? 60 * 60_000 : (60_000 * (perMinute - left)) / perMinute;
  await takeToken(env, { name, key: account, quota: 1, windowMs });
}

/** The id of an account, as its clients learn it. */
async function idOf(account: SyncAccount): Promise<string> {
  const client = await account.connect();
  const { userId } = z.looseObject({ userId: z.string() }).parse(client.of("connected")[0]);
  client.close();
  return userId;
}

beforeAll(() => applyD1Migrations(env.DB, env.TEST_MIGRATIONS));
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** What the document says of an operation. */
const Operation = z.looseObject({
  operationId: z.string(),
  security: z.array(z.record(z.string(), z.unknown())).optional(),
  requestBody: z
    .object({
      content: z.object({ "application/json": z.looseObject({ example: z.unknown() }) }),
    })
    .optional(),
  responses: z.record(z.string(), z.unknown()),
});
const Document = z.looseObject({
  openapi: z.string(),
  paths: z.record(z.string(), z.record(z.string(), Operation)),
});

type Described = {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  /** Whether it needs the token of an account. */
  readonly isGuarded: boolean;
  /** A body that it takes; undefined: it takes none. */
  readonly body: unknown;
  /** The statuses that it may answer with. */
  readonly statuses: readonly number[];
};

/** All operations of sync, as `/openapi.json` describes them. */
async function operations(): Promise<Described[]> {
  const answer = await callSync("GET", "/openapi.json?area=sync");
  const { paths } = Document.parse(await answer.json());
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(
      ([method, { operationId, security = [], requestBody, responses }]) => ({
        id: operationId,
        method: method.toUpperCase(),
        path,
        isGuarded: security.some((one) => "account" in one),
        body: requestBody?.content["application/json"].example,
        statuses: Object.keys(responses).map(Number),
      }),
    ),
  );
}

/** Something that an account has, for the parameters of paths. */
type Owned = { readonly session: Session; readonly machine: Machine };

/**
 * The path of an operation for what an account owns.
 * @throws for a parameter that this test does not know: say here what it names
 */
function pathFor(path: string, { session, machine }: Owned): string {
  return path.replaceAll(/(?<=\/([^/]+)\/)\{(\w+)\}/g, (_, before: string, name: string) => {
    if (name === "vendor") return "openai";
    if (name === "id" && before === "sessions") return session.id;
    if (name === "id" && before === "machines") return machine.id;
    throw new Error(`${path} has a parameter ${name} after /${before}/ that no account owns here`);
  });
}

/** An account with one of everything. */
async function furnished(): Promise<SyncAccount & Owned> {
  const account = await SyncAccount.create();
  const session = await newSession(account, { tag: "terminal-1", agentState: "a" });
  const machine = await newMachine(account, { id: `laptop-${session.id}`, daemonState: "d" });
  await newMessage(account, session.id, { t: "encrypted", c: "aGk=" }, { localId: "1" });
  await account.call("POST", "/v1/push-tokens", { token: "ExponentPushToken[a]" });
  await account.call("POST", "/v1/connect/openai/register", { token: "secret" });
  return Object.assign(account, { session, machine });
}

/** What an account sees of itself: the answers of all operations that only read. */
async function seenBy(account: SyncAccount & Owned): Promise<Record<string, unknown>> {
  const reads = (await operations()).filter(
    ({ method, isGuarded }) => method === "GET" && isGuarded,
  );
  const answers = reads.map(async ({ path }) => {
    const at = pathFor(path, account);
    return [at, await account.ask("GET", at)] as const;
  });
  return Object.fromEntries(await Promise.all(answers));
}

describe("every operation of sync", () => {
  it("needs a token, where it is for an account, and says so in one way", async () => {
    const account = await furnished();
    const guarded = (await operations()).filter(({ isGuarded }) => isGuarded);
    expect(guarded.length).toBeGreaterThan(25);
    for (const { method, path, body, statuses } of guarded) {
      expect(statuses, `${method} ${path}`).toEqual(expect.arrayContaining([200, 401, 429, 500]));
      for (const token of [undefined, "x", `${account.token}x`]) {
        const answer = await callSync(method, pathFor(path, account), {
          body,
          ...(token === undefined ? {} : { token }),
        });
        const said = [answer.status, await answer.json()];
        const isRefresh = path === "/v1/auth/refresh";
        const more = isRefresh ? { success: false, code: "TOKEN_INVALID" } : {};
        expect(said, `${method} ${path}`).toEqual([401, { ...more, error: "Unauthorized" }]);
        expect(answer.headers.get("WWW-Authenticate")).toBe("Bearer");
      }
    }
  });

  it("is open without a token only to sign in and to pair", async () => {
    const open = (await operations()).filter(({ isGuarded }) => !isGuarded);
    expect(open.map(({ path }) => path).toSorted()).toEqual([
      "/v1/auth",
      "/v1/auth/account/request",
      "/v1/auth/request",
      "/v1/auth/request/status",
    ]);
  });

  it("takes what the document gives as an example", async () => {
    const account = await furnished();
    for (const { id, method, path, body } of await operations()) {
      // Its example is for nobody's key, and it ends the token.
      if (id === "sync.approveTerminal" || id === "sync.approveAccount") continue;
      if (id === "sync.revoke" || method === "DELETE") continue;
      const at = pathFor(path, account);
      const answer = await account.call(method, at, body);
      expect([id, answer.status]).toEqual([id, 200]);
    }
  });

  it("refuses a body that is no JSON, or no object", async () => {
    const account = await furnished();
    const taking = (await operations()).filter(({ body }) => body !== undefined);
    expect(taking.length).toBeGreaterThan(10);
    for (const { id, method, path, statuses } of taking) {
      expect(statuses, id).toEqual(expect.arrayContaining([400, 413]));
      for (const body of ["{", "[]", "null", '"text"', "{'a':1}", "\u0000", "", undefined]) {
        const said = await account.ask(method, pathFor(path, account), body);
        // Everything in its body may be left out, and so the body.
        const isTaken = id === "sync.changeMachine" && (body === undefined || body === "");
        const expected = isTaken ? [200, expect.anything()] : refused(400);
        expect(said, `${method} ${path} ${JSON.stringify(body)}`).toEqual(expected);
      }
    }
  });

  it("refuses a revoked token at once", async () => {
    const account = await furnished();
    const [, document] = [await account.ask("POST", "/v1/auth/revoke"), await operations()];
    for (const { id, method, path, body } of document.filter(({ isGuarded }) => isGuarded)) {
      const [status] = await account.ask(method, pathFor(path, account), body);
      expect([id, status]).toEqual([id, 401]);
    }
    const again = await SyncAccount.signIn(account.key);
    expect(await again.ask("GET", `/v1/sessions/${account.session.id}`)).toMatchObject([200, {}]);
  });

  it("tells an account nothing of another one's, and changes nothing there", async () => {
    const owner = await furnished();
    const stranger = await furnished();
    const watching = await owner.connect();
    const before = await seenBy(owner);
    const withIds = (await operations()).filter(({ path }) => /\{(?!vendor)/.test(path));
    expect(withIds.length).toBeGreaterThan(10);
    for (const { method, path, body, statuses } of withIds) {
      expect(statuses, `${method} ${path}`).toEqual(expect.arrayContaining([400, 404]));
      const said = await stranger.ask(method, pathFor(path, owner), body);
      expect(said, `${method} ${path}`).toEqual(refused(404, "not found"));
      const nowhere = pathFor(path, {
        session: { ...owner.session, id: "01NOBODYS" },
        machine: { ...owner.machine, id: "nobodys" },
      });
      // Word for word what is said of something that nobody has.
      expect(said).toEqual(await stranger.ask(method, nowhere, body));
    }
    expect(await seenBy(owner)).toEqual(before);
    expect((await watching.caughtUp()).texts.map((text) => JSON.parse(text) as unknown)).toEqual([
      expect.objectContaining({ event: "connected" }),
      expect.objectContaining({ event: "ack" }),
    ]);
    watching.close();
  });

  it("takes ids and tags that another account has as its own", async () => {
    const [owner, other] = [await furnished(), await SyncAccount.create()];
    const before = await seenBy(owner);
    const session = await newSession(other, { tag: "terminal-1", metadata: "other" });
    expect(session).toMatchObject({ metadata: "other", agentState: null });
    expect(session.id).not.toBe(owner.session.id);
    const { id } = owner.machine;
    const machine = await newMachine(other, { id, metadata: "other" });
    expect(machine).toMatchObject({ id, metadata: "other", daemonState: null });
    expect(machine.accountId).not.toBe(owner.machine.accountId);
    await newMessage(other, session.id, "other", { localId: "1" });
    await other.call("POST", "/v1/push-tokens", { token: "ExponentPushToken[a]" });
    await other.call("POST", "/v1/connect/openai/register", { token: "other" });
    await other.call("DELETE", `/v1/machines/${id}`);
    await other.call("DELETE", `/v1/sessions/${session.id}`);
    expect(await seenBy(owner)).toEqual(before);
  });
});

describe("the HTTP side of sync (sync.md §1, §3.1)", () => {
  const only = createApp([sync]);
  const ask = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
    Promise.resolve(
      only.fetch(
        new Request(`https://hub.test${path}`, { headers }),
        env,
        createExecutionContext(),
      ),
    );

  it("greets with the text by which the app knows a server", async () => {
    for (const answer of [await ask("/"), await callSync("GET", "/")]) {
      expect(answer.status).toBe(200);
      const text = await answer.text();
      expect(text).toContain("Welcome to Happy Server!");
      expect(JSON.parse(text)).toMatchObject({
        message: "Welcome to Happy Server!",
        version: expect.any(String),
        environment: env.ENVIRONMENT ?? "production",
        timestamp: expect.any(String),
      });
    }
  });

  it("tells its health as JSON where nothing else runs, and otherwise when asked for it", async () => {
    const healthy = {
      status: "healthy",
      timestamp: expect.any(String),
      version: expect.any(String),
    };
    expect(await (await ask("/health")).json()).toEqual(healthy);
    expect(await (await callSync("GET", "/health")).text()).toBe("ok");
    const asked = await callSync("GET", "/health", { headers: { Accept: "application/json" } });
    expect(await asked.json()).toEqual(healthy);
  });

  it("is described by OpenAPI 3.1.0", async () => {
    const { openapi } = Document.parse(await (await ask("/openapi.json")).json());
    expect(openapi).toBe("3.1.0");
  });

  it.each([
    "/v1/nothing",
    "/v1/sessions/x/nothing",
    "/v1/sessions/x/attachments/request-upload",
    "/v1/artifacts",
    "/v2/machines",
    "/v3/sessions/x",
    "/v1/sessions/x%2Fy/z",
  ])("answers 404 at %s", async (path) => {
    const answer = await callSync("GET", path);
    expect([answer.status, await answer.json()]).toEqual([404, { error: `Not found: ${path}` }]);
  });

  it("names the methods that a path takes", async () => {
    const answer = await callSync("PATCH", "/v1/sessions/x");
    expect(answer.status).toBe(405);
    expect(answer.headers.get("Allow")).toBe("DELETE, GET, HEAD");
    expect(await answer.json()).toEqual({ error: expect.any(String) });
  });

  it("reads a body of JSON whatever its type is called", async () => {
    const account = await SyncAccount.create();
    for (const type of [
      "text/plain",
      "application/json; charset=utf-8",
      "application/x-www-form-urlencoded",
    ]) {
      tags += 1;
      const body = { tag: `tag-${tags}`, metadata: "m" };
      const [status] = await account.ask("POST", "/v1/sessions", body, { "Content-Type": type });
      expect([type, status]).toEqual([type, 200]);
    }
  });

  it("takes bodies up to its limit, declared or not", async () => {
    const account = await SyncAccount.create();
    const body = JSON.stringify({ tag: "t", metadata: "m" }).padEnd(SYNC_BODY_MAX_BYTES);
    expect((await account.ask("POST", "/v1/sessions", body))[0]).toBe(200);
    expect(await account.ask("POST", "/v1/sessions", `${body} `)).toEqual(refused(413));
    const undeclared = new Request("https://hub.test/v1/sessions", {
      method: "POST",
      headers: { Authorization: `Bearer ${account.token}` },
      body: new Blob([body, " "]).stream(),
    });
    const answer = await only.fetch(undeclared, env, createExecutionContext());
    expect([answer.status, await answer.json()]).toEqual(refused(413));
  });

  it("lets pages of every origin read its answers, without cookies", async () => {
    const account = await SyncAccount.create();
    const origin = { Origin: "https://elsewhere.test" };
    for (const answer of [
      await account.call("GET", "/v1/sessions", undefined, origin),
      await callSync("GET", "/v1/sessions", { headers: origin }),
      await callSync("GET", "/v1/nothing", { headers: origin }),
    ]) {
      expect(answer.headers.get("Access-Control-Allow-Origin")).toBe("https://elsewhere.test");
      expect(answer.headers.has("Access-Control-Allow-Credentials")).toBe(false);
      expect(answer.headers.get("Vary")).toContain("Origin");
    }
    const preflight = await callSync("OPTIONS", "/v1/machines/x/status", {
      headers: {
        ...origin,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization,content-type,x-happy-client",
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("Access-Control-Allow-Methods")?.split(",")).toEqual(
      expect.arrayContaining(["GET", "POST", "PUT", "DELETE", "PATCH"]),
    );
    expect(preflight.headers.get("Access-Control-Allow-Headers")?.split(",")).toEqual(
      expect.arrayContaining(["Authorization", "Content-Type", "X-Happy-Client"]),
    );
  });

  it("lets no cache keep an answer of an account", async () => {
    const account = await SyncAccount.create();
    const { headers } = await account.call("GET", "/v1/sessions");
    expect(headers.get("Cache-Control")).toContain("no-store");
    expect(headers.get("X-Content-Type-Options")).toBe("nosniff");
  });
});

describe("POST /v1/sessions (sync.md §3.3)", () => {
  it("creates a session with its first versions", async () => {
    const account = await SyncAccount.create();
    const before = Date.now();
    const session = await newSession(account, { metadata: "m", agentState: "a" });
    expect(session).toEqual({
      id: expect.any(String),
      seq: 0,
      createdAt: session.createdAt,
      updatedAt: session.createdAt,
      active: true,
      activeAt: session.createdAt,
      metadata: "m",
      metadataVersion: 1,
      agentState: "a",
      agentStateVersion: 1,
      dataEncryptionKey: null,
      lastMessage: null,
    });
    expect(session.createdAt).toBeGreaterThanOrEqual(before);
    expect(session.createdAt).toBeLessThanOrEqual(Date.now());
    const read = await account.get(OneSession, "GET", `/v1/sessions/${session.id}`);
    expect(read).toEqual({ session });
  });

  it.each([
    ["null", null, null],
    ["absent", undefined, null],
    ["a text", "YQ==", "YQ=="],
    ["empty", "", ""],
  ])("takes a state and a key that are %s", async (_, sent, kept) => {
    const account = await SyncAccount.create();
    const session = await newSession(account, { agentState: sent, dataEncryptionKey: sent });
    expect(session).toMatchObject({
      agentState: kept,
      agentStateVersion: kept === null ? 0 : 1,
      dataEncryptionKey: kept,
    });
  });

  it("keeps opaque texts as they came", async () => {
    const account = await SyncAccount.create();
    const text = " \u0000é\u{1F600}e\u0301\r\n\t{}\"'\\\u2028 ";
    const { id } = await newSession(account, { metadata: text, agentState: text });
    const { session } = await account.get(OneSession, "GET", `/v1/sessions/${id}`);
    expect(session).toMatchObject({ metadata: text, agentState: text });
  });

  it("returns the session of a tag unchanged, also to several requests at once", async () => {
    const account = await SyncAccount.create();
    const at = await account.connect();
    const bodies = ["a", "b", "c", "d"].map((metadata) => ({ tag: "same", metadata }));
    const all = await Promise.all(bodies.map((body) => newSession(account, body)));
    expect(new Set(idsOf(all)).size).toBe(1);
    const later = await newSession(account, { tag: "same", metadata: "z", agentState: "z" });
    expect(later).toEqual(all[0]);
    expect(kindsOf(await at.caughtUp())).toEqual(["new-session"]);
    at.close();
  });

  it.each([
    ["tag", undefined, "is missing"],
    ["tag", "", "at least 1"],
    ["tag", 1, "must be a text"],
    ["tag", "\ud83d", "well-formed"],
    ["metadata", undefined, "is missing"],
    ["metadata", null, "must be a text"],
    ["metadata", { a: 1 }, "must be a text"],
    ["metadata", "\udc00", "well-formed"],
    ["agentState", 1, "must be a text"],
    ["agentState", "\ud83d", "well-formed"],
    ["dataEncryptionKey", "a-_b", "base64"],
    ["dataEncryptionKey", "YQ", "base64"],
    ["dataEncryptionKey", "YR==", "base64"],
    ["dataEncryptionKey", 1, "must be a text"],
  ])("refuses a %s that is %j", async (name, value, why) => {
    const account = await SyncAccount.create();
    const body = { tag: "t", metadata: "m", [name]: value };
    expect(await account.ask("POST", "/v1/sessions", body)).toEqual(refused(400, why));
    expect(await account.get(Sessions, "GET", "/v1/sessions")).toEqual({ sessions: [] });
  });

  it.each([
    ["tag", "x", SYNC_ID_MAX_LENGTH],
    ["tag", "\u{1F600}", SYNC_ID_MAX_LENGTH],
    ["metadata", "x", SYNC_STATE_MAX_LENGTH],
    ["metadata", "é", SYNC_STATE_MAX_BYTES / 2 - 1],
    ["agentState", "x", SYNC_STATE_MAX_LENGTH],
    ["agentState", "\u4e00", SYNC_STATE_MAX_BYTES / 3 - 1],
    ["dataEncryptionKey", "xxxx", SYNC_DATA_KEY_MAX_LENGTH],
  ])("takes a %s of %j up to its limit, and no longer", async (name, unit, most) => {
    const account = await SyncAccount.create();
    const text = unit.repeat(Math.floor(most / unit.length));
    const session = await newSession(account, { [name]: text });
    const over = { tag: "over", metadata: "m", [name]: text + unit };
    expect(await account.ask("POST", "/v1/sessions", over)).toEqual(refused(400, name));
    const { session: read } = await account.get(OneSession, "GET", `/v1/sessions/${session.id}`);
    expect(read).toMatchObject(name === "tag" ? {} : { [name]: text });
  });

  it("tells of the largest session", async () => {
    const account = await SyncAccount.create();
    const at = await account.connect();
    // A text of JSON has two quotes.
    const text = "é".repeat(SYNC_STATE_MAX_BYTES / 2 - 1);
    const { id } = await newSession(account, { metadata: text, agentState: text });
    const [told] = (await at.caughtUp()).updates;
    expect(told?.body).toMatchObject({ id, metadata: text, agentState: text });
    const { byteLength } = new TextEncoder().encode(JSON.stringify(told?.body));
    expect(byteLength).toBeGreaterThan(2 * SYNC_STATE_MAX_BYTES);
    expect(byteLength).toBeLessThan(SYNC_UPDATE_MAX_BYTES);
    at.close();
  });
});

describe("reading and deleting one session", () => {
  it("hides it from the lists of current clients, and keeps it for who knows its id", async () => {
    const account = await SyncAccount.create();
    const at = await account.connect();
    const [gone, kept] = [await newSession(account), await newSession(account)];
    await newMessage(account, gone.id, "before");
    const path = `/v1/sessions/${gone.id}`;
    expect(await account.ask("DELETE", path)).toEqual(success);
    expect(await account.ask("DELETE", path)).toEqual(success);

    const { session } = await account.get(OneSession, "GET", path);
    expect(session).toMatchObject({ id: gone.id, active: false, seq: 1 });
    for (const list of ["/v1/sessions", "/v2/sessions"]) {
      const all = await account.get(z.looseObject({ sessions: z.array(Session) }), "GET", list);
      expect(new Set(idsOf(all.sessions))).toEqual(new Set([gone.id, kept.id]));
      const [, shown] = await account.ask("GET", list, undefined, HAPPY);
      expect(shown).toMatchObject({ sessions: [{ id: kept.id }] });
    }
    const active = await account.get(Sessions, "GET", "/v2/sessions/active");
    expect(idsOf(active.sessions)).toEqual([kept.id]);
    const { messages } = await account.get(Messages, "GET", `${path}/messages`);
    expect(messages.map(({ content }) => content)).toEqual(["before"]);

    // It is told once.
    expect(kindsOf(await at.caughtUp())).toEqual([
      "new-session",
      "new-session",
      "new-message",
      "delete-session",
    ]);
    expect(at.updates[3]?.body).toEqual({ t: "delete-session", id: gone.id, sid: gone.id });
    at.close();
  });

  it("takes nothing new, as if it were not there", async () => {
    const account = await SyncAccount.create();
    const { id } = await newSession(account);
    await account.call("DELETE", `/v1/sessions/${id}`);
    const at = await account.connect();
    const v3 = { messages: [{ localId: "1", content: "aGk=" }] };
    const push = { kind: "done", title: "t", body: "b" };
    for (const [path, body] of [
      [`/v1/sessions/${id}/messages`, { content: "x" }],
      [`/v3/sessions/${id}/messages`, v3],
      [`/v1/sessions/${id}/archive`, undefined],
      [`/v1/sessions/${id}/push-event`, push],
    ] as const) {
      expect(await account.ask("POST", path, body)).toEqual(noSession);
    }
    expect((await at.caughtUp()).texts).toHaveLength(2);
    at.close();
  });

  it("is there again when it is created with its tag", async () => {
    const account = await SyncAccount.create();
    const at = await account.connect();
    const session = await newSession(account, { tag: "again", metadata: "first" });
    await account.call("DELETE", `/v1/sessions/${session.id}`);
    const again = await newSession(account, { tag: "again", metadata: "second" });
    expect(again).toMatchObject({ id: session.id, metadata: "first", active: true });
    const { sessions } = await account.get(Sessions, "GET", "/v1/sessions", undefined, HAPPY);
    expect(idsOf(sessions)).toEqual([session.id]);
    await newMessage(account, session.id, "x");
    expect(kindsOf(await at.caughtUp())).toEqual([
      "new-session",
      "delete-session",
      "new-session",
      "new-message",
    ]);
    at.close();
  });

  it("is not found by an unknown id, and an id has a limit", async () => {
    const account = await SyncAccount.create();
    const known = "x".repeat(SYNC_ID_MAX_LENGTH);
    for (const method of ["GET", "DELETE"]) {
      expect(await account.ask(method, `/v1/sessions/${known}`)).toEqual(noSession);
      expect(await account.ask(method, `/v1/sessions/${known}x`)).toEqual(refused(400, "id"));
    }
  });
});

describe("POST /v1/sessions/:id/archive (sync.md §4)", () => {
  it("ends a session, and tells it with no update", async () => {
    const account = await SyncAccount.create();
    const { id, updatedAt } = await newSession(account);
    const at = await account.connect();
    expect(await account.ask("POST", `/v1/sessions/${id}/archive`)).toEqual(success);
    const { session } = await account.get(OneSession, "GET", `/v1/sessions/${id}`);
    expect(session.active).toBe(false);
    expect(session.updatedAt).toBeGreaterThanOrEqual(updatedAt);
    expect((await at.caughtUp()).of("ephemeral")).toEqual([
      { type: "activity", id, sid: id, active: false, activeAt: session.activeAt, thinking: false },
    ]);
    expect(at.updates).toEqual([]);
    // Bodies that some clients send are not read.
    const reason = { reason: "user_requested" };
    expect(await account.ask("POST", `/v1/sessions/${id}/archive`, reason)).toEqual(success);
    expect(await account.ask("POST", "/v1/sessions/none/archive")).toEqual(noSession);
    at.close();
  });
});

describe("lists of sessions (sync.md §3.3)", () => {
  it("have at most 150, the last change first", async () => {
    const account = await SyncAccount.create();
    const made: Session[] = [];
    for (let at = 0; at < SYNC_NEWEST_MAX + 2; at += 1) made.push(await newSession(account));
    const first = made[0];
    if (first === undefined) throw new Error("there are sessions");
    // A message moves its session to the front.
    await newMessage(account, first.id, "x");
    const { sessions } = await account.get(Sessions, "GET", "/v1/sessions");
    expect(SYNC_NEWEST_MAX).toBe(150);
    expect(sessions).toHaveLength(SYNC_NEWEST_MAX);
    expect(sessions[0]?.id).toBe(first.id);
    const changes = sessions.map(({ updatedAt }) => updatedAt);
    expect(changes).toEqual(changes.toSorted((a, b) => b - a));
    const { sessions: active } = await account.get(Sessions, "GET", "/v2/sessions/active");
    expect(active).toHaveLength(SYNC_ACTIVE_SESSIONS_DEFAULT);
  });

  it("come in pages, newest first, without a gap and twice nothing", async () => {
    const account = await SyncAccount.create();
    const made: string[] = [];
    for (let at = 0; at < 7; at += 1) made.push((await newSession(account)).id);
    const seen: string[] = [];
    const sizes: number[] = [];
    let cursor: string | null = null;
    do {
      const query: string = cursor === null ? "" : `&cursor=${cursor}`;
      const page: z.infer<typeof Page> = await account.get(
        Page,
        "GET",
        `/v2/sessions?limit=3${query}`,
      );
      seen.push(...idsOf(page.sessions));
      sizes.push(page.sessions.length);
      cursor = page.nextCursor;
      expect(page.hasNext).toBe(cursor !== null);
      // What is new does not move later pages.
      await newSession(account);
    } while (cursor !== null);
    expect(seen).toEqual(made.toReversed());
    expect(sizes).toEqual([3, 3, 1]);
  });

  it("end exactly at a full page", async () => {
    const account = await SyncAccount.create();
    const ids = [(await newSession(account)).id, (await newSession(account)).id];
    const page = await account.get(Page, "GET", "/v2/sessions?limit=2");
    expect([idsOf(page.sessions), page.nextCursor, page.hasNext]).toEqual([
      ids.toReversed(),
      null,
      false,
    ]);
  });

  it("compare a cursor, and look nothing up", async () => {
    const account = await SyncAccount.create();
    const other = await furnished();
    const ids: string[] = [];
    for (let at = 0; at < 3; at += 1) ids.push((await newSession(account)).id);
    const after = async (cursor: string): Promise<string[]> => {
      const path = `/v2/sessions?cursor=${encodeURIComponent(cursor)}`;
      return idsOf((await account.get(Page, "GET", path)).sessions);
    };
    expect(await after("cursor_v1_zzz")).toEqual(ids.toReversed());
    expect(await after("cursor_v1_0")).toEqual([]);
    // Another account's is older than all of these.
    expect(await after(`cursor_v1_${other.session.id}`)).toEqual([]);
    const message = await newMessage(account, ids[0] ?? "", "x");
    expect(await after(`cursor_v1_${message.id}`)).toEqual(ids.toReversed());
    expect(await after(`cursor_v1_${"z".repeat(SYNC_ID_MAX_LENGTH)}`)).toEqual(ids.toReversed());
  });

  it.each([
    "",
    "x",
    "cursor_v1_",
    "cursor_v2_01ABC",
    "cursor_1",
    " cursor_v1_01ABC",
    `cursor_v1_${"z".repeat(SYNC_ID_MAX_LENGTH + 1)}`,
  ])("refuse the cursor %j", async (cursor) => {
    const account = await furnished();
    const query = `?cursor=${encodeURIComponent(cursor)}`;
    const invalid = [400, { error: "Invalid cursor format" }];
    expect(await account.ask("GET", `/v2/sessions${query}`)).toEqual(invalid);
    const messages = `/v2/sessions/${account.session.id}/messages${query}`;
    expect(await account.ask("GET", messages)).toEqual(invalid);
  });

  it("have only what changed after a time, in milliseconds or ISO 8601", async () => {
    const account = await SyncAccount.create();
    const ids = [(await newSession(account)).id, (await newSession(account)).id];
    const since = async (time: string): Promise<string[]> => {
      const path = `/v2/sessions?changedSince=${encodeURIComponent(time)}`;
      return idsOf((await account.get(Page, "GET", path)).sessions);
    };
    await vi.waitUntil(async () => Date.now() > (await newestChange(account)), SOON);
    await newMessage(account, ids[0] ?? "", "x");
    const [{ updatedAt }] = z
      .tuple([Session])
      .parse([(await account.get(OneSession, "GET", `/v1/sessions/${ids[0]}`)).session]);
    expect(await since(String(updatedAt - 1))).toEqual([ids[0]]);
    expect(await since(String(updatedAt))).toEqual([]);
    expect(await since(new Date(updatedAt - 1).toISOString())).toEqual([ids[0]]);
    expect(await since("2020-01-01T01:00:00+01:00")).toEqual(ids.toReversed());
    expect(await since("1")).toEqual(ids.toReversed());
    for (const wrong of ["", "0", "-1", "1.5", "x", "2020-13-01T00:00:00Z", "1e3"]) {
      const path = `/v2/sessions?changedSince=${encodeURIComponent(wrong)}`;
      expect(await account.ask("GET", path)).toEqual(refused(400, "changedSince"));
    }
  });

  it.each([
    ["/v2/sessions", SYNC_PAGE_MAX, 200],
    ["/v2/sessions/active", SYNC_ACTIVE_SESSIONS_MAX, 500],
    ["/v1/machines", SYNC_PAGE_MAX, 200],
    ["/v2/sessions/{id}/messages", SYNC_PAGE_MAX, 200],
    ["/v3/sessions/{id}/messages", SYNC_MESSAGES_PAGE_MAX, 500],
  ])(
    "of %s have up to %d entries, and no other number is taken",
    async (path, most, inContract) => {
      expect(most).toBe(inContract);
      const account = await furnished();
      const at = pathFor(path, account);
      for (const limit of ["1", String(most)]) {
        const [status] = await account.ask("GET", `${at}?limit=${limit}`);
        expect([limit, status]).toEqual([limit, 200]);
      }
      for (const limit of [
        "0",
        "-1",
        String(most + 1),
        "1.5",
        "1e1",
        "0x1",
        "x",
        "",
        "1&limit=2",
      ]) {
        const said = await account.ask("GET", `${at}?limit=${limit}`);
        expect(said, limit).toEqual(refused(400, "limit"));
      }
    },
  );

  it("have 50 entries, and messages of v3 100, where no number is asked for", async () => {
    expect([SYNC_PAGE_DEFAULT, SYNC_MESSAGES_PAGE_DEFAULT]).toEqual([50, 100]);
    const account = await SyncAccount.create();
    const { id } = await newSession(account);
    for (let at = 0; at < SYNC_PAGE_DEFAULT; at += 1) {
      await newSession(account);
      await newMachine(account, { id: `m${at}` });
    }
    await newMachine(account, { id: "one-more" });
    const v3 = `/v3/sessions/${id}/messages`;
    for (const half of ["a", "b"]) {
      const messages = Array.from({ length: SYNC_MESSAGES_ADDED_MAX }, (_, at) => ({
        localId: `${half}${at}`,
        content: "aGk=",
      }));
      await account.get(Heads, "POST", v3, { messages });
    }
    const sessions = await account.get(Page, "GET", "/v2/sessions");
    expect([sessions.sessions.length, sessions.hasNext]).toEqual([SYNC_PAGE_DEFAULT, true]);
    const { machines } = await account.get(Machines, "GET", "/v1/machines");
    expect(machines).toHaveLength(SYNC_PAGE_DEFAULT);
    const page = await account.get(MessagePage, "GET", `/v2/sessions/${id}/messages`);
    expect(page.messages).toHaveLength(SYNC_PAGE_DEFAULT);
    const range = await account.get(MessageRange, "GET", v3);
    expect([range.messages.length, range.hasMore]).toEqual([SYNC_MESSAGES_PAGE_DEFAULT, true]);
  });

  it("of active ones have those of the last 15 minutes, the last heard of first", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    const account = await SyncAccount.create();
    const [old, newer] = [await newSession(account), await newSession(account)];
    const ended = await newSession(account);
    await account.call("POST", `/v1/sessions/${ended.id}/archive`);
    const active = async () =>
      idsOf((await account.get(Sessions, "GET", "/v2/sessions/active")).sessions);
    expect(await active()).toEqual([newer.id, old.id]);
    vi.setSystemTime(old.activeAt + SYNC_INACTIVE_AFTER_MS - 1);
    const at = await account.connect();
    at.say("session-alive", { sid: old.id, time: Date.now(), thinking: false });
    await at.caughtUp();
    expect(await active()).toEqual([old.id, newer.id]);
    vi.setSystemTime(newer.activeAt + SYNC_LISTED_ACTIVE_MS);
    expect(await active()).toEqual([old.id]);
    at.close();
  });
});

/** When a session of an account has changed last. */
async function newestChange(account: SyncAccount): Promise<number> {
  const { sessions } = await account.get(Sessions, "GET", "/v1/sessions");
  return Math.max(...sessions.map(({ updatedAt }) => updatedAt));
}

describe("messages of a session (sync.md §3.3, §4)", () => {
  it("are numbered, and returned exactly as they were sent", async () => {
    const account = await SyncAccount.create();
    const { id } = await newSession(account);
    const contents = [
      { t: "encrypted", c: "aGk=" },
      "text",
      null,
      0,
      false,
      [],
      {},
      { b: [1, { a: null }], a: "\u0000\ud83d\u2028" },
      ["x".repeat(10)],
    ];
    const made: Message[] = [];
    for (const content of contents) made.push(await newMessage(account, id, content));
    expect(made.map(({ content }) => content)).toEqual(contents);
    expect(made.map(({ seq }) => seq)).toEqual(contents.map((_, at) => at + 1));
    expect(made[0]).toEqual({
      id: expect.any(String),
      sessionId: id,
      localId: null,
      seq: 1,
      content: contents[0],
      createdAt: made[0]?.createdAt,
      updatedAt: made[0]?.createdAt,
    });
    const { messages } = await account.get(Messages, "GET", `/v1/sessions/${id}/messages`);
    expect(messages.map(({ content }) => content)).toEqual(contents.toReversed());
    const { session } = await account.get(OneSession, "GET", `/v1/sessions/${id}`);
    expect(session.seq).toBe(contents.length);
  });

  it("keep a member that JavaScript takes for a prototype", async () => {
    const account = await SyncAccount.create();
    const { id } = await newSession(account);
    const content = '{"__proto__":{"a":1},"constructor":"c","toString":1}';
    const path = `/v1/sessions/${id}/messages`;
    const added = await account.call("POST", path, `{"content":${content}}`);
    expect(await added.text()).toContain(`"content":${content}`);
    expect(await (await account.call("GET", path)).text()).toContain(`"content":${content}`);
  });

  it("are stored once by their localId, also by both versions and at once", async () => {
    const account = await SyncAccount.create();
    const { id } = await newSession(account);
    const other = await newSession(account);
    const at = await account.connect();
    const first = await newMessage(account, id, { t: "encrypted", c: "a" }, { localId: "1" });
    const again = await Promise.all(
      ["b", "c"].map((content) => newMessage(account, id, content, { localId: "1" })),
    );
    expect(again).toEqual([first, first]);
    const batch = { messages: [{ localId: "1", content: "d" }] };
    const v3 = await account.get(Heads, "POST", `/v3/sessions/${id}/messages`, batch);
    const { sessionId: _, content: __, ...head } = first;
    expect(v3).toEqual({ messages: [head] });
    // Another session has localIds of its own, and messages without one are never the same.
    expect((await newMessage(account, other.id, "x", { localId: "1" })).seq).toBe(1);
    for (const localId of [null, undefined]) {
      await newMessage(account, id, "same", { localId });
      await newMessage(account, id, "same", { localId });
    }
    const { messages } = await account.get(Messages, "GET", `/v1/sessions/${id}/messages`);
    expect(messages.map(({ seq }) => seq)).toEqual([5, 4, 3, 2, 1]);
    expect(kindsOf(await at.caughtUp())).toHaveLength(6);
    at.close();
  });

  it("are told to the account's people and to their session, and to nobody else", async () => {
    const account = await furnished();
    const { id } = account.session;
    const other = await newSession(account);
    const person = await account.connect();
    const io = await account.connectSocketIo({ clientType: "user-scoped" });
    const agent = await account.connect(`?clientType=session-scoped&sessionId=${id}`);
    const otherAgent = await account.connect(`?clientType=session-scoped&sessionId=${other.id}`);
    const machine = await account.connectSocketIo({
      clientType: "machine-scoped",
      machineId: account.machine.id,
    });
    const clients = [person, io, agent, otherAgent, machine];
    // REST skips nobody.
    const message = await newMessage(account, id, { t: "encrypted", c: "aGk=" });
    for (const client of clients) await client.caughtUp();
    expect(clients.map((client) => kindsOf(client))).toEqual([
      ["new-message"],
      ["new-message"],
      ["new-message"],
      [],
      [],
    ]);
    const { sessionId: _, ...told } = message;
    const [update] = person.updates;
    expect(update).toEqual({
      id: expect.any(String),
      seq: expect.any(Number),
      body: { t: "new-message", sid: id, message: told },
      createdAt: expect.any(Number),
    });
    expect([io.updates, agent.updates]).toEqual([[update], [update]]);
    for (const client of clients) client.close();
  });

  it.each([
    ["content", undefined, "content is missing"],
    ["localId", "", "localId"],
    ["localId", 1, "localId"],
    ["localId", "\ud83d", "localId"],
    ["localId", "x".repeat(SYNC_ID_MAX_LENGTH + 1), "localId"],
    ["content", "x".repeat(SYNC_CONTENT_MAX_LENGTH - 1), "content"],
    ["content", "\n".repeat(SYNC_CONTENT_MAX_LENGTH / 2), "content"],
    ["content", "\u4e00".repeat(SYNC_CONTENT_MAX_BYTES / 3), "content"],
  ])("are refused with a %s that is wrong", async (name, value, why) => {
    const account = await SyncAccount.create();
    const { id } = await newSession(account);
    const body = { content: "x", localId: "1", [name]: value };
    const path = `/v1/sessions/${id}/messages`;
    expect(await account.ask("POST", path, body)).toEqual(refused(400, why));
    expect(await account.get(Messages, "GET", path)).toEqual({ messages: [] });
  });

  it.each([
    ["content", "x".repeat(SYNC_CONTENT_MAX_LENGTH - 2)],
    ["content", "\u4e00".repeat(SYNC_CONTENT_MAX_BYTES / 3 - 1)],
    ["localId", "\u{1F600}".repeat(SYNC_ID_MAX_LENGTH / 2)],
  ])("have a %s up to its limit, and clients get them", async (name, value) => {
    const account = await SyncAccount.create();
    const { id } = await newSession(account);
    const [native, io] = [await account.connect(), await account.connectSocketIo()];
    const body = { content: "x", localId: "1", [name]: value };
    const message = await newMessage(account, id, body.content, { localId: body.localId });
    expect(message).toMatchObject(body);
    for (const client of [native, io]) {
      expect((await client.caughtUp()).updates[0]?.body).toMatchObject({ message: body });
      client.close();
    }
  });

  it("have a content of limited depth", async () => {
    const account = await SyncAccount.create();
    const { id } = await newSession(account);
    const path = `/v1/sessions/${id}/messages`;
    const nested = (open: string, close: string, depth: number) =>
      `{"content":${open.repeat(depth)}0${close.repeat(depth)}}`;
    for (const [open, close] of [
      ["[", "]"],
      ['{"a":', "}"],
    ] as const) {
      const fits = nested(open, close, FRAME_DEPTH_MAX);
      expect((await account.ask("POST", path, fits))[0]).toBe(200);
      for (const depth of [FRAME_DEPTH_MAX + 1, 5_000, 150_000]) {
        const said = await account.ask("POST", path, nested(open, close, depth));
        expect(said, String(depth)).toEqual(refused(400, "levels"));
      }
    }
  });

  it("are listed newest first, at most 150", async () => {
    const account = await SyncAccount.create();
    const { id } = await newSession(account);
    for (const first of [1, 101]) {
      const messages = Array.from({ length: first === 1 ? 100 : 60 }, (_, at) => ({
        localId: String(first + at),
        content: "aGk=",
      }));
      await account.get(Heads, "POST", `/v3/sessions/${id}/messages`, { messages });
    }
    const { messages } = await account.get(Messages, "GET", `/v1/sessions/${id}/messages`);
    expect(messages.map(({ seq }) => seq)).toEqual(
      Array.from({ length: SYNC_NEWEST_MAX }, (_, at) => 160 - at),
    );
  });

  it("come in pages, newest first (v2)", async () => {
    const account = await SyncAccount.create();
    const { id } = await newSession(account);
    for (let at = 0; at < 5; at += 1) await newMessage(account, id, at);
    const page = (query: string) =>
      account.get(MessagePage, "GET", `/v2/sessions/${id}/messages${query}`);
    const first = await page("?limit=2");
    expect(first.messages.map(({ content }) => content)).toEqual([4, 3]);
    expect(first.nextCursor).toBe(`cursor_v1_${first.messages[1]?.id}`);
    await newMessage(account, id, 5);
    const second = await page(`?limit=2&cursor=${first.nextCursor}`);
    expect(second.messages.map(({ content }) => content)).toEqual([2, 1]);
    const last = await page(`?limit=2&cursor=${second.nextCursor}`);
    expect([last.messages.map(({ content }) => content), last.nextCursor]).toEqual([[0], null]);
    const all = await page("");
    expect(all.messages.map(({ seq }) => seq)).toEqual([6, 5, 4, 3, 2, 1]);
    // A cursor is compared with ids and not looked up.
    expect((await page("?cursor=cursor_v1_zzz")).messages).toEqual(all.messages);
    expect(await page(`?cursor=cursor_v1_${id}`)).toEqual({ messages: [], nextCursor: null });
  });

  it("are read after or before a number (v3)", async () => {
    const account = await SyncAccount.create();
    const { id } = await newSession(account);
    for (let at = 1; at <= 5; at += 1) await newMessage(account, id, at);
    const path = `/v3/sessions/${id}/messages`;
    const range = async (query: string) => {
      const { messages, hasMore } = await account.get(MessageRange, "GET", `${path}${query}`);
      return [messages.map(({ seq }) => seq), hasMore];
    };
    expect(await range("")).toEqual([[1, 2, 3, 4, 5], false]);
    expect(await range("?after_seq=0&limit=2")).toEqual([[1, 2], true]);
    expect(await range("?after_seq=2&limit=3")).toEqual([[3, 4, 5], false]);
    expect(await range("?after_seq=5")).toEqual([[], false]);
    expect(await range("?after_seq=999999999999999")).toEqual([[], false]);
    expect(await range("?before_seq=5&limit=2")).toEqual([[4, 3], true]);
    expect(await range("?before_seq=3")).toEqual([[2, 1], false]);
    expect(await range("?before_seq=1")).toEqual([[], false]);
    for (const [query, why] of [
      ["?after_seq=0&before_seq=1", "not both"],
      ["?after_seq=-1", "after_seq"],
      ["?after_seq=1.5", "after_seq"],
      ["?after_seq=", "after_seq"],
      ["?after_seq=x", "after_seq"],
      ["?before_seq=0", "before_seq"],
      ["?before_seq=1e3", "before_seq"],
      ["?after_seq=9999999999999999", "after_seq"],
    ] as const) {
      expect(await account.ask("GET", `${path}${query}`)).toEqual(refused(400, why));
    }
  });

  it("are added by the hundred, and answered by number without contents (v3)", async () => {
    const account = await SyncAccount.create();
    const { id } = await newSession(account);
    await newMessage(account, id, "known", { localId: "b" });
    const [native, io] = [await account.connect(), await account.connectSocketIo()];
    const path = `/v3/sessions/${id}/messages`;
    const wanted = ["c", "b", "a", "c"].map((localId) => ({ localId, content: `of ${localId}` }));
    const { messages } = await account.get(Heads, "POST", path, { messages: wanted });
    expect(messages.map(({ localId, seq }) => [localId, seq])).toEqual([
      ["b", 1],
      ["c", 2],
      ["a", 3],
    ]);
    const read = await account.get(MessageRange, "GET", `${path}?after_seq=1`);
    expect(read.messages.map(({ content }) => content)).toEqual([
      { t: "encrypted", c: "of c" },
      { t: "encrypted", c: "of a" },
    ]);
    // Only what is new is told.
    for (const client of [native, io]) {
      const told = (await client.caughtUp()).updates.map(({ body }) => body);
      expect(told).toMatchObject([{ message: { seq: 2 } }, { message: { seq: 3 } }]);
      client.close();
    }
    expect(await account.ask("POST", "/v3/sessions/none/messages", { messages: wanted })).toEqual(
      noSession,
    );
    expect(await account.ask("GET", "/v3/sessions/none/messages")).toEqual(noSession);
    expect(await account.ask("GET", "/v2/sessions/none/messages")).toEqual(noSession);
    expect(await account.ask("GET", "/v1/sessions/none/messages")).toEqual(noSession);
  });

  it("are refused together if one of them is wrong (v3)", async () => {
    const account = await SyncAccount.create();
    const { id } = await newSession(account);
    const path = `/v3/sessions/${id}/messages`;
    const good = { localId: "good", content: "aGk=" };
    const wide = "\u4e00".repeat(SYNC_CONTENT_MAX_BYTES / 3);
    for (const messages of [
      undefined,
      [],
      {},
      Array.from({ length: SYNC_MESSAGES_ADDED_MAX + 1 }, (_, at) => ({
        localId: String(at),
        content: "x",
      })),
      [good, { localId: "x" }],
      [good, { content: "x" }],
      [good, { localId: null, content: "x" }],
      [good, { localId: "x", content: "" }],
      [good, { localId: "x", content: { t: "encrypted", c: "x" } }],
      [good, { localId: "x".repeat(SYNC_ID_MAX_LENGTH + 1), content: "x" }],
      [good, { localId: "x", content: "x".repeat(SYNC_CONTENT_MAX_LENGTH + 1) }],
      [good, { localId: "x", content: wide }],
      [good, { localId: "x", content: "\u0001".repeat(SYNC_CONTENT_MAX_LENGTH) }],
      [good, { localId: "x", content: "\ud83d" }],
    ]) {
      expect(await account.ask("POST", path, { messages })).toEqual(refused(400, "messages"));
    }
    expect(await account.get(MessageRange, "GET", path)).toEqual({ messages: [], hasMore: false });
  });

  it("of the largest size are read in as many parts as it takes", async () => {
    const account = await SyncAccount.create();
    const { id } = await newSession(account);
    const most = { messages: [{ localId: "0", content: "x".repeat(SYNC_CONTENT_MAX_LENGTH) }] };
    const path = `/v3/sessions/${id}/messages`;
    await account.get(Heads, "POST", path, most);
    const count = Math.ceil((2 * SYNC_LIST_MAX_LENGTH) / SYNC_CONTENT_MAX_LENGTH);
    const content = "x".repeat(SYNC_CONTENT_MAX_LENGTH - 2);
    for (let at = 1; at < count; at += 1) {
      await newMessage(account, id, content, { localId: String(at) });
    }
    const fits = Math.floor(SYNC_LIST_MAX_LENGTH / SYNC_CONTENT_MAX_LENGTH);
    const newest = await account.get(Messages, "GET", `/v1/sessions/${id}/messages`);
    expect(newest.messages.map(({ seq }) => seq)).toEqual(
      Array.from({ length: fits }, (_, at) => count - at),
    );
    const seen: number[] = [];
    for (let cursor: string | null = ""; cursor !== null;) {
      const query: string = cursor === "" ? "" : `?cursor=${cursor}`;
      const page: z.infer<typeof MessagePage> = await account.get(
        MessagePage,
        "GET",
        `/v2/sessions/${id}/messages${query}`,
      );
      seen.push(...page.messages.map(({ seq }) => seq));
      cursor = page.nextCursor;
    }
    expect(seen).toEqual(Array.from({ length: count }, (_, at) => count - at));
    const after: number[] = [];
    for (let isOver = false; !isOver;) {
      const query = `?after_seq=${after.at(-1) ?? 0}&limit=500`;
      const { messages, hasMore } = await account.get(MessageRange, "GET", `${path}${query}`);
      after.push(...messages.map(({ seq }) => seq));
      isOver = !hasMore;
    }
    expect(after).toEqual(seen.toReversed());
    // What is known already does not come back.
    const again = Array.from({ length: count }, (_, at) => ({ localId: String(at), content: "x" }));
    const heads = await account.get(Heads, "POST", path, { messages: again });
    expect(heads.messages.map(({ seq }) => seq)).toEqual(after);
  });
});

describe("lists of large sessions, machines and tokens", () => {
  it("have as many as one answer holds", async () => {
    const account = await SyncAccount.create();
    const text = "x".repeat(SYNC_STATE_MAX_LENGTH);
    const count = Math.ceil((4.5 * SYNC_LIST_MAX_LENGTH) / (2 * SYNC_STATE_MAX_LENGTH));
    for (let at = 0; at < count; at += 1) {
      await newSession(account, { metadata: text, agentState: text });
      await newMachine(account, { id: `m${at}`, metadata: text, daemonState: text });
    }
    const fits = Math.floor(SYNC_LIST_MAX_LENGTH / (2 * SYNC_STATE_MAX_LENGTH));
    for (const path of ["/v1/sessions", "/v2/sessions/active"]) {
      expect((await account.get(Sessions, "GET", path)).sessions).toHaveLength(fits);
    }
    expect((await account.get(Machines, "GET", "/v1/machines")).machines).toHaveLength(fits);
    const seen: string[] = [];
    for (let cursor: string | null = ""; cursor !== null;) {
      const query: string = cursor === "" ? "" : `&cursor=${cursor}`;
      const page: z.infer<typeof Page> = await account.get(
        Page,
        "GET",
        `/v2/sessions?limit=200${query}`,
      );
      seen.push(...idsOf(page.sessions));
      cursor = page.nextCursor;
    }
    expect(new Set(seen).size).toBe(count);
    expect(seen).toHaveLength(count);
  });
});

describe("machines (sync.md §3.4)", () => {
  it("are registered once, inactive, with their first versions", async () => {
    const account = await SyncAccount.create();
    const at = await account.connect();
    const machine = await newMachine(account, { id: "laptop-1", dataEncryptionKey: "YQ==" });
    expect(machine).toEqual({
      id: "laptop-1",
      accountId: await idOf(account),
      metadata: "m",
      metadataVersion: 1,
      daemonState: null,
      daemonStateVersion: 0,
      dataEncryptionKey: "YQ==",
      seq: 0,
      active: false,
      lastActiveAt: machine.createdAt,
      activeAt: machine.createdAt,
      createdAt: machine.createdAt,
      updatedAt: machine.createdAt,
    });
    const again = await Promise.all(
      ["x", "y"].map((metadata) => newMachine(account, { id: "laptop-1", metadata })),
    );
    expect(again).toEqual([machine, machine]);
    const read = await account.get(OneMachine, "GET", "/v1/machines/laptop-1");
    expect(read).toEqual({ machine });
    // It is told to people, and to itself.
    const { id: machineId, accountId: _, lastActiveAt: __, ...rest } = machine;
    const told = (await at.caughtUp()).updates.map(({ body }) => body);
    expect(told).toEqual([{ t: "new-machine", machineId, ...rest }]);
    at.close();
  });

  it.each([
    ["null", null, null],
    ["absent", undefined, null],
    ["a text", "YQ==", "YQ=="],
    ["empty", "", ""],
  ])("take a state and a key that are %s", async (_, sent, kept) => {
    const account = await SyncAccount.create();
    const machine = await newMachine(account, { daemonState: sent, dataEncryptionKey: sent });
    expect(machine).toMatchObject({
      daemonState: kept,
      daemonStateVersion: kept === null ? 0 : 1,
      dataEncryptionKey: kept,
    });
  });

  it.each([
    ["id", undefined],
    ["id", ""],
    ["id", 1],
    ["id", "with space"],
    ["id", "é"],
    ["id", "x".repeat(SYNC_ID_MAX_LENGTH + 1)],
    ["metadata", undefined],
    ["metadata", null],
    ["metadata", "x".repeat(SYNC_STATE_MAX_LENGTH + 1)],
    ["metadata", "é".repeat(SYNC_STATE_MAX_BYTES / 2)],
    ["daemonState", 1],
    ["daemonState", "x".repeat(SYNC_STATE_MAX_LENGTH + 1)],
    ["dataEncryptionKey", "a-_b"],
    ["dataEncryptionKey", "x".repeat(SYNC_DATA_KEY_MAX_LENGTH + 4)],
  ])("are refused with a %s that is wrong", async (name, value) => {
    const account = await SyncAccount.create();
    const body = { id: "m1", metadata: "m", [name]: value };
    expect(await account.ask("POST", "/v1/machines", body)).toEqual(refused(400, name));
    expect(await account.get(Machines, "GET", "/v1/machines")).toEqual({ machines: [] });
  });

  it("have fields up to their limits", async () => {
    const account = await SyncAccount.create();
    const body = {
      id: "x".repeat(SYNC_ID_MAX_LENGTH),
      metadata: "x".repeat(SYNC_STATE_MAX_LENGTH),
      daemonState: "é".repeat(SYNC_STATE_MAX_BYTES / 2 - 1),
      dataEncryptionKey: "x".repeat(SYNC_DATA_KEY_MAX_LENGTH),
    };
    expect(await newMachine(account, body)).toMatchObject(body);
    const { id, metadata, daemonState } = body;
    const path = `/v1/machines/${id}`;
    expect(await account.ask("GET", `${path}x`)).toEqual(refused(400, "id"));
    const change = { metadata: daemonState, daemonState: metadata };
    const changed = await account.get(OneMachine, "PUT", `${path}/status`, change);
    expect(changed.machine).toMatchObject(change);
    for (const over of [
      { metadata: `${metadata}x` },
      { daemonState: `${daemonState}é` },
      { metadata: null },
      { daemonState: null },
      { active: "true" },
    ]) {
      expect(await account.ask("PUT", `${path}/status`, over)).toEqual(refused(400));
    }
    expect((await account.get(OneMachine, "GET", path)).machine).toEqual(changed.machine);
    const connected = await account.connectSocketIo({
      clientType: "machine-scoped",
      machineId: id,
    });
    connected.close();
  });

  it("are listed, the last heard of first, bare for current clients", async () => {
    const account = await SyncAccount.create();
    for (const id of ["a", "b", "c"]) await newMachine(account, { id });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 10 });
    await account.call("PUT", "/v1/machines/b/status", { active: true });
    const { machines } = await account.get(Machines, "GET", "/v1/machines");
    expect(machines[0]?.id).toBe("b");
    expect(new Set(idsOf(machines))).toEqual(new Set(["a", "b", "c"]));
    expect(await account.ask("GET", "/v1/machines", undefined, HAPPY)).toEqual([200, machines]);
    const few = await account.get(Machines, "GET", "/v1/machines?limit=1");
    expect(idsOf(few.machines)).toEqual(["b"]);
    const active = await account.get(Machines, "GET", "/v1/machines?activeOnly=true");
    expect(idsOf(active.machines)).toEqual(["b"]);
    const all = await account.get(Machines, "GET", "/v1/machines?activeOnly=false");
    expect(all.machines).toHaveLength(3);
    const wrong = await account.ask("GET", "/v1/machines?activeOnly=1");
    expect(wrong).toEqual(refused(400, "activeOnly"));
    // One machine is wrapped for everybody.
    const one = await account.ask("GET", "/v1/machines/b", undefined, HAPPY);
    expect(one).toEqual([200, { machine: machines[0] }]);
  });

  it("are changed without a version, and tell it", async () => {
    const account = await SyncAccount.create();
    const before = await newMachine(account, { id: "m1", daemonState: "d" });
    await newMachine(account, { id: "m2" });
    const person = await account.connect();
    const itself = await account.connect("?clientType=machine-scoped&machineId=m1");
    const other = await account.connectSocketIo({ clientType: "machine-scoped", machineId: "m2" });
    for (const client of [person, itself, other]) await client.caughtUp();
    const heard = person.of("ephemeral").length;
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 1_000 });
    const put = async (body: object) =>
      (await account.get(OneMachine, "PUT", "/v1/machines/m1/status", body)).machine;
    const now = Date.now();
    const changed = await put({ metadata: "m2", daemonState: "d2", active: false });
    expect(changed).toEqual({
      ...before,
      metadata: "m2",
      metadataVersion: 2,
      daemonState: "d2",
      daemonStateVersion: 2,
      active: false,
      seq: changed.seq,
      lastActiveAt: now,
      activeAt: now,
      updatedAt: now,
    });
    expect(changed.seq).toBeGreaterThan(before.seq);
    for (const client of [person, itself, other]) await client.caughtUp();
    const body = {
      t: "update-machine",
      machineId: "m1",
      metadata: { value: "m2", version: 2 },
      daemonState: { value: "d2", version: 2 },
      active: false,
      activeAt: now,
    };
    expect(person.updates.map((update) => update.body)).toEqual([body]);
    expect(itself.updates.map((update) => update.body)).toEqual([body]);
    expect(other.updates).toEqual([]);
    expect(person.of("ephemeral").slice(heard)).toEqual([
      { type: "machine-activity", id: "m1", machineId: "m1", active: false, activeAt: now },
    ]);
    // A sign of life alone.
    vi.setSystemTime(now + 60_000);
    expect(await put({})).toMatchObject({
      metadataVersion: 2,
      daemonStateVersion: 2,
      active: false,
      lastActiveAt: now + 60_000,
    });
    expect(await put({ active: true })).toMatchObject({ active: true });
    expect(await account.ask("PUT", "/v1/machines/none/status", {})).toEqual(noMachine);
    for (const client of [person, itself, other]) client.close();
  });

  it("are deleted with their connections, and their sessions stay", async () => {
    const account = await furnished();
    const { id } = account.machine;
    const person = await account.connect();
    const about = { clientType: "machine-scoped", machineId: id };
    const native = await account.connect(`?clientType=machine-scoped&machineId=${id}`);
    const io = await account.connectSocketIo(about);
    expect(await account.ask("DELETE", `/v1/machines/${id}`)).toEqual(success);
    expect(await native.isClosed()).toBe(SYNC_CLOSE_CODES.machineMissing);
    expect(await io.isClosed()).toBe(SYNC_CLOSE_CODES.machineMissing);
    expect((await person.caughtUp()).updates.map(({ body }) => body)).toEqual([
      { t: "delete-machine", machineId: id },
    ]);
    for (const [method, path] of [
      ["GET", `/v1/machines/${id}`],
      ["DELETE", `/v1/machines/${id}`],
      ["PUT", `/v1/machines/${id}/status`],
    ] as const) {
      expect(await account.ask(method, path, method === "PUT" ? {} : undefined)).toEqual(noMachine);
    }
    expect(await account.ask("GET", `/v1/sessions/${account.session.id}`)).toMatchObject([200, {}]);
    // Who comes back finds nothing, until it is registered anew.
    const late = await openNative(`/v1/updates?clientType=machine-scoped&machineId=${id}`, {
      Authorization: `Bearer ${account.token}`,
    });
    expect(await late.isClosed()).toBe(SYNC_CLOSE_CODES.machineMissing);
    expect(await newMachine(account, { id })).toMatchObject({ metadataVersion: 1, seq: 0 });
    (await account.connectSocketIo(about)).close();
    person.close();
  });
});

describe("push tokens, and tokens of vendors (sync.md §3.7, §3.12)", () => {
  const Tokens = z.strictObject({
    tokens: z.array(
      z.strictObject({
        id: z.string(),
        token: z.string(),
        createdAt: z.number(),
        updatedAt: z.number(),
      }),
    ),
  });
  const pushTokens = async (account: SyncAccount) =>
    (await account.get(Tokens, "GET", "/v1/push-tokens")).tokens;

  it("are kept once each, the newest first", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    const account = await SyncAccount.create();
    expect(await pushTokens(account)).toEqual([]);
    const add = (token: string) => account.ask("POST", "/v1/push-tokens", { token });
    expect(await add("ExponentPushToken[a]")).toEqual(success);
    const [first] = await pushTokens(account);
    vi.setSystemTime(Date.now() + 5);
    await add("ExponentPushToken[b]");
    vi.setSystemTime(Date.now() + 5);
    expect(await add("ExponentPushToken[a]")).toEqual(success);
    const tokens = await pushTokens(account);
    expect(tokens.map(({ token }) => token)).toEqual([
      "ExponentPushToken[b]",
      "ExponentPushToken[a]",
    ]);
    expect(tokens[1]).toEqual({ ...first, updatedAt: Date.now() });
  });

  it.each(["openai", "anthropic", "gemini"])("of %s are stored encrypted", async (vendor) => {
    const account = await furnished();
    const other = await furnished();
    const path = `/v1/connect/${vendor}/token`;
    const token = JSON.stringify({ access_token: "secret-\u{1F600}", id: vendor });
    await account.call("DELETE", path);
    const keep = (text: string) =>
      account.ask("POST", `/v1/connect/${vendor}/register`, { token: text });
    const before = await other.ask("GET", path);
    expect(await keep(token)).toEqual(success);
    expect(await account.ask("GET", path)).toEqual([200, { token }]);
    expect(await other.ask("GET", path)).toEqual(before);
    const stored = await runInDurableObject(
      env.USER_HUB.getByName(account.machine.accountId),
      (_, { storage }) =>
        JSON.stringify(storage.sql.exec("SELECT * FROM sync_vendor_tokens").toArray()),
    );
    expect(stored).toContain(vendor);
    expect(stored).not.toContain("secret-");
    expect(await keep("newer")).toEqual(success);
    expect(await account.ask("GET", path)).toEqual([200, { token: "newer" }]);
  });

  it("of vendors are of no use in another account, or for another vendor", async () => {
    const [account, other] = [await furnished(), await furnished()];
    const rowsOf = ({ machine }: Owned) =>
      runInDurableObject(env.USER_HUB.getByName(machine.accountId), (_, { storage }) =>
        storage.sql.exec<{ token: string }>("SELECT token FROM sync_vendor_tokens").toArray(),
      );
    const [{ token }] = z.tuple([z.object({ token: z.string() })]).parse(await rowsOf(account));
    for (const [whose, vendor] of [
      [other, "openai"],
      [account, "gemini"],
      [account, "openai"],
    ] as const) {
      await runInDurableObject(
        env.USER_HUB.getByName(whose.machine.accountId),
        (_, { storage }) => {
          const insert = "INSERT OR REPLACE INTO sync_vendor_tokens VALUES (?, ?, 0)";
          storage.sql.exec(insert, vendor, token);
        },
      );
      const isInPlace = whose === account && vendor === "openai";
      expect(await whose.ask("GET", `/v1/connect/${vendor}/token`)).toEqual([
        200,
        { token: isInPlace ? "secret" : null },
      ]);
    }
  });

  it("are null where there is none", async () => {
    const account = await SyncAccount.create();
    expect(await account.ask("GET", "/v1/connect/gemini/token")).toEqual([200, { token: null }]);
  });

  it("are refused when they are wrong", async () => {
    const account = await SyncAccount.create();
    const longest = "x".repeat(SYNC_TOKEN_MAX_LENGTH);
    for (const path of ["/v1/push-tokens", "/v1/connect/openai/register"]) {
      for (const token of [undefined, null, "", 1, {}, "\ud83d", `${longest}x`]) {
        expect(await account.ask("POST", path, { token })).toEqual(refused(400, "token"));
      }
      expect(await account.ask("POST", path, { token: longest })).toEqual(success);
    }
    expect((await pushTokens(account)).map(({ token }) => token)).toEqual([longest]);
    const kept = await account.ask("GET", "/v1/connect/openai/token");
    expect(kept).toEqual([200, { token: longest }]);
    for (const vendor of ["nobody", "OPENAI", "openai%20"]) {
      const unknown = `/v1/connect/${vendor}`;
      const body = { token: "x" };
      expect(await account.ask("POST", `${unknown}/register`, body)).toEqual(
        refused(400, "vendor"),
      );
      expect(await account.ask("GET", `${unknown}/token`)).toEqual(refused(400, "vendor"));
    }
  });
});

describe("POST /v1/sessions/:id/push-event (sync.md §4)", () => {
  it("tells the account's people and the session, and keeps nothing", async () => {
    const account = await furnished();
    const { id } = account.session;
    const person = await account.connect();
    const agent = await account.connect(`?clientType=session-scoped&sessionId=${id}`);
    const machine = await account.connect(
      `?clientType=machine-scoped&machineId=${account.machine.id}`,
    );
    const heard = (await person.caughtUp()).of("ephemeral").length;
    const body = {
      kind: "permission",
      title: "t".repeat(SYNC_PUSH_TITLE_MAX_LENGTH),
      body: "b".repeat(SYNC_PUSH_BODY_MAX_LENGTH),
    };
    const path = `/v1/sessions/${id}/push-event`;
    expect(await account.ask("POST", path, { ...body, data: { any: [1] } })).toEqual([
      200,
      { success: true, result: "no_tokens" },
    ]);
    const told = { type: "session-event", sessionId: id, ...body, timestamp: expect.any(Number) };
    expect((await person.caughtUp()).of("ephemeral").slice(heard)).toEqual([told]);
    expect((await agent.caughtUp()).of("ephemeral")).toEqual([told]);
    expect((await machine.caughtUp()).of("ephemeral")).toEqual([]);
    for (const wrong of [
      { kind: "other" },
      { kind: undefined },
      { title: "" },
      { title: `${body.title}t` },
      { body: "" },
      { body: `${body.body}b` },
      { body: 1 },
    ]) {
      const [name = ""] = Object.keys(wrong);
      expect(await account.ask("POST", path, { ...body, ...wrong })).toEqual(refused(400, name));
    }
    expect(await account.ask("POST", "/v1/sessions/none/push-event", body)).toEqual(noSession);
    expect((await agent.caughtUp()).of("ephemeral")).toHaveLength(1);
    for (const client of [person, agent, machine]) client.close();
  });
});

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

async function callStatus(method: string, path: string, token: string): Promise<number> {
  return (await callSync(method, path, { token })).status;
}

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
      [{ message, filter: { type: "other" } }, "filter"],
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
    const v3 = { messages: ["a", "b"].map((localId) => ({ localId, content: "x" })) };
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

describe("the journal of an account (sync.md §0a)", () => {
  it("keeps so many updates, so many bytes, and for an hour", async () => {
    const account = await furnished();
    const { id } = account.session;
    const journal = async () =>
      (await env.USER_HUB.getByName(account.machine.accountId).inspect()).journal;
    const batch = (at: number) => ({
      messages: Array.from({ length: 100 }, (_, n) => ({ localId: `${at}-${n}`, content: "x" })),
    });
    for (let at = 0; at < SYNC_JOURNAL_MAX_EVENTS / 100 + 1; at += 1) {
      await account.get(Heads, "POST", `/v3/sessions/${id}/messages`, batch(at));
    }
    expect((await journal()).events).toBe(SYNC_JOURNAL_MAX_EVENTS);
    const content = "x".repeat(SYNC_CONTENT_MAX_LENGTH - 2);
    for (let bytes = 0; bytes <= SYNC_JOURNAL_MAX_BYTES; bytes += content.length) {
      await newMessage(account, id, content);
    }
    const { bytes, events } = await journal();
    expect(bytes).toBeLessThanOrEqual(SYNC_JOURNAL_MAX_BYTES);
    expect(events).toBe(Math.floor(SYNC_JOURNAL_MAX_BYTES / SYNC_CONTENT_MAX_LENGTH));
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + SYNC_JOURNAL_MAX_AGE_MS + 1 });
    await newMessage(account, id, "an hour later");
    expect((await journal()).events).toBe(1);
    // The messages themselves are all there.
    const path = `/v3/sessions/${id}/messages?after_seq=0&limit=1`;
    expect((await account.get(MessageRange, "GET", path)).messages[0]?.seq).toBe(1);
  });
});

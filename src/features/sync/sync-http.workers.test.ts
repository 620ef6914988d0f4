import { applyD1Migrations, createExecutionContext, env } from "cloudflare:test";
import { beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { createApp } from "../../app.ts";
import { SYNC_BODY_MAX_BYTES } from "../../protocol/limits.ts";
import {
  furnished,
  newMachine,
  newMessage,
  newSession,
  type Owned,
  pathFor,
  refused,
} from "../../testing/sync-records.ts";
import { callSync, SyncAccount } from "../../testing/sync-worker.ts";
import { LOG_PATH } from "./http-dialect.ts";
import { sync } from "./index.ts";

beforeAll(() => applyD1Migrations(env.DB, env.TEST_MIGRATIONS));

/** Operations in whose body everything may be left out, and so the body. */
const OPTIONAL_BODIES: ReadonlySet<string> = new Set([
  "sync.changeAccount",
  "sync.changeMachine",
  "sync.changeArtifact",
  "sync.queryUsage",
]);

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
  parameters: z
    .array(
      z.looseObject({
        name: z.string(),
        in: z.enum(["path", "query", "header"]),
        required: z.boolean().optional(),
        schema: z.looseObject({ example: z.string().optional() }),
      }),
    )
    .default([]),
});
const Document = z.looseObject({
  openapi: z.string(),
  paths: z.record(z.string(), z.record(z.string(), Operation)),
});

type Described = {
  readonly id: string;
  readonly method: string;
  /** With the query that it must have. */
  readonly path: string;
  /** Whether it needs the token of an account. */
  readonly isGuarded: boolean;
  /** A body that it takes; undefined: it takes none. */
  readonly body: unknown;
  /** The statuses that it may answer with. */
  readonly statuses: readonly number[];
};

/** All operations of sync but upgrades, as `/openapi.json` describes them. */
async function operations(): Promise<Described[]> {
  const answer = await callSync("GET", "/openapi.json?area=sync");
  const { paths } = Document.parse(await answer.json());
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, { responses }]) => !("101" in responses))
      .map(([method, { operationId, security = [], requestBody, responses, parameters }]) => ({
        id: operationId,
        method: method.toUpperCase(),
        path: `${path}${requiredQuery(parameters)}`,
        isGuarded: security.some((one) => "account" in one),
        body: requestBody?.content["application/json"].example,
        statuses: Object.keys(responses).map(Number),
      })),
  );
}

/** The query that an operation must have, with the examples of the document. */
function requiredQuery(parameters: z.infer<typeof Operation>["parameters"]): string {
  const needed = parameters.filter((one) => one.in === "query" && one.required === true);
  const pairs = needed.flatMap(({ name, schema: { example } }) =>
    example === undefined ? [] : [`${name}=${encodeURIComponent(example)}`],
  );
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}

/** What an account sees of itself: the answers of all operations that only read. */
async function seenBy(account: SyncAccount & Owned): Promise<Record<string, unknown>> {
  const reads = (await operations()).filter(
    ({ method, isGuarded }) => method === "GET" && isGuarded,
  );
  const answers = reads.map(async ({ path }) => {
    const at = pathFor(path, account);
    const [status, body] = await account.ask("GET", at);
    // The time of the answer is no fact of the account.
    return [at, [status, { ...(body as object), timestamp: undefined }]] as const;
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

  it("is open without a token only to sign in, to pair, and for apps that know nobody yet", async () => {
    const open = (await operations()).filter(({ isGuarded }) => !isGuarded);
    expect(open.map(({ path }) => path).toSorted()).toEqual([
      LOG_PATH,
      "/v1/auth",
      "/v1/auth/account/request",
      "/v1/auth/request",
      "/v1/auth/request/status",
      "/v1/version",
    ]);
  });

  it("takes what the document gives as an example", async () => {
    const account = await furnished();
    for (const { id, method, path, body } of await operations()) {
      // Its example is for nobody's key, and it ends the token.
      if (id === "sync.approveTerminal" || id === "sync.approveAccount") continue;
      if (id === "sync.revoke" || method === "DELETE") continue;
      // Both are off here, and have tests of their own.
      if (id === "sync.debugLog" || id === "sync.voiceToken") continue;
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
      // It is off here, and reads nothing.
      if (id === "sync.debugLog") continue;
      expect(statuses, id).toEqual(expect.arrayContaining([400, 413]));
      for (const body of ["{", "[]", "null", '"text"', "{'a':1}", "\u0000", "", undefined]) {
        const said = await account.ask(method, pathFor(path, account), body);
        const isTaken = OPTIONAL_BODIES.has(id) && (body === undefined || body === "");
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
    const keyPath = `/v1/access-keys/${owner.session.id}/${owner.machine.id}`;
    await owner.call("POST", keyPath, { data: "key" });
    const watching = await owner.connect();
    const before = await seenBy(owner);
    // What everybody may know of a user is no account's own.
    const withIds = (await operations()).filter(
      ({ id, path }) => /\{(?!vendor)/.test(path) && !id.startsWith("sync.user"),
    );
    expect(withIds.length).toBeGreaterThan(10);
    for (const { method, path, body, statuses } of withIds) {
      expect(statuses, `${method} ${path}`).toEqual(expect.arrayContaining([400, 404]));
      const said = await stranger.ask(method, pathFor(path, owner), body);
      expect(said, `${method} ${path}`).toEqual(refused(404, "not found"));
      const nowhere = pathFor(path, {
        session: { ...owner.session, id: "01NOBODYS" },
        machine: { ...owner.machine, id: "nobodys" },
        artifact: { id: "nobodys" },
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
    await other.call("POST", "/v1/kv", {
      mutations: [{ key: `kv:${owner.session.id}`, value: "Yg==", version: -1 }],
    });
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

  it("says in OpenAPI what each parameter of a query or header is for", async () => {
    const Described = z.object({
      paths: z.record(
        z.string(),
        z.record(
          z.string(),
          z.object({
            parameters: z
              .array(
                z.object({
                  name: z.string(),
                  in: z.string(),
                  description: z.string().optional(),
                  schema: z.looseObject({ description: z.string().optional() }),
                }),
              )
              .optional(),
          }),
        ),
      ),
    });
    const { paths } = Described.parse(await (await ask("/openapi.json?area=sync")).json());
    const parameters = Object.values(paths)
      .flatMap((path) => Object.values(path))
      .flatMap((operation) => operation.parameters ?? []);
    const asked = parameters.filter((parameter) => parameter.in !== "path");
    expect(new Set(asked.map(({ name }) => name))).toContain("X-Happy-Client");
    for (const { name, description, schema } of asked) {
      expect(description ?? schema.description, name).toBeTypeOf("string");
    }
  });

  it("is described by OpenAPI 3.1.0", async () => {
    const { openapi } = Document.parse(await (await ask("/openapi.json")).json());
    expect(openapi).toBe("3.1.0");
  });

  it.each([
    "/v1/nothing",
    "/v1/sessions/x/nothing",
    "/v1/sessions/x/attachments/request-upload",
    "/v1/artifacts/x/nothing",
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
      const body = { tag: type, metadata: "m" };
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

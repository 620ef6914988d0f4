import { applyD1Migrations, createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { OpenAPIHono } from "@hono/zod-openapi";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { AppEnv } from "../platform/http/app-env.ts";
import { inItsArea } from "../platform/http/areas.ts";
import { invalidRequest, unexpected } from "../platform/http/failures.ts";
import { requestLog } from "../platform/http/headers.ts";
import { Problem } from "../platform/http/problem.ts";
import type {
  Explanation,
  HubConnection,
  HubReport,
  RevocationTarget,
} from "../protocol/hub-report.ts";
import { testProvider, type TestProvider } from "../testing/tokens.ts";
import { mockOutside } from "../testing/worker.ts";
import type { HubRpc } from "./env.ts";
import { stream } from "./index.ts";

const GUILD = env.PRIMARY_GUILD_ID;
const OTHER = "200000000000000002";

const CONNECTION: HubConnection = {
  connectionId: "01JD2W",
  sub: "alice",
  transport: "websocket",
  relay: null,
  since: 1_795_237_483_000,
  expiresAt: 1_795_241_083_000,
  grants: ["sub:alice"],
  topics: null,
  from: 800,
  sent: 813,
  acked: 812,
  lagging: false,
};
const EXPLANATION: Explanation = {
  code: "not_in_audience",
  seq: 813,
  connection: CONNECTION,
  event: {
    id: "01JD2X",
    event: "room.created",
    ts: 1_795_237_483_811,
    audience: ["sub:bob", "scope:rooms:manage"],
    topic: "c1",
    trace: "4bf92f3577b34da6a3ce929d0e0e4736",
  },
};
const REPORT: HubReport = {
  guildId: GUILD,
  at: 1_795_237_490_000,
  epoch: "01JD2V",
  seq: 813,
  sockets: 3,
  users: 2,
  streams: 1,
  journal: { events: 13, bytes: 4_096, oldestSeq: 801, oldestAt: 1_795_237_000_000 },
  lag: { sockets: 1, events: 40 },
  countedSince: 1_795_000_000_000,
  closes: { "1013": 2, "4401": 17 },
  wakes: 9,
  relays: [{ index: 0, state: "open", sockets: 2, acked: 813, behind: 0 }],
  limits: {
    sockets: 30_000,
    socketsPerUser: 20,
    journalEvents: 10_000,
    journalBytes: 33_554_432,
    journalAgeMs: 86_400_000,
    windowEvents: 1_024,
    windowBytes: 262_144,
  },
};

/** A method of a guild's hub, with the guild's id as an additional first parameter. */
type Question<Name extends keyof HubRpc> = HubRpc[Name] extends (
  ...given: infer Given
) => infer Answer
  ? (guildId: string, ...given: Given) => Promise<Awaited<Answer>>
  : never;

const hub = {
  report: vi.fn<Question<"inspect">>(),
  connections: vi.fn<Question<"connections">>(),
  explain: vi.fn<Question<"explain">>(),
  revoke: vi.fn<Question<"revoke">>(),
  publisher: vi.fn<Question<"publisher">>(),
  resetPublisher: vi.fn<Question<"resetPublisher">>(),
  renewJournal: vi.fn<Question<"renewJournal">>(),
};
const HUB = {
  getByName: (guildId: string) => ({
    inspect: () => hub.report(guildId),
    connections: (sub: string) => hub.connections(guildId, sub),
    explain: (id: string, seq: number) => hub.explain(guildId, id, seq),
    revoke: (target: RevocationTarget) => hub.revoke(guildId, target),
    publisher: () => hub.publisher(guildId),
    resetPublisher: () => hub.resetPublisher(guildId),
    renewJournal: () => hub.renewJournal(guildId),
  }),
};
const bindings = { ...env, HUB };
const POSITION = { epoch: "01KB7TTP5DAYXWYZCD2A2MX0A8", seq: 42 };

let provider: TestProvider;
let admin: string;
let lines: string[];

beforeAll(async () => {
  await applyD1Migrations(env.DB, env.TEST_MIGRATIONS);
  provider = await testProvider();
  admin = await provider.mint({ sub: "olga", scope: "openid hub:admin" });
});

beforeEach(() => {
  mockOutside(provider, () => new Response(null, { status: 404 }));
  lines = [];
  vi.spyOn(console, "info").mockImplementation((line: unknown) => void lines.push(String(line)));
  vi.spyOn(console, "error").mockImplementation((line: unknown) => void lines.push(String(line)));
  hub.report.mockReset().mockResolvedValue(REPORT);
  hub.connections.mockReset().mockResolvedValue([CONNECTION]);
  hub.explain.mockReset().mockResolvedValue(EXPLANATION);
  hub.revoke.mockReset().mockResolvedValue({ closed: 2 });
  hub.publisher.mockReset().mockResolvedValue(POSITION);
  hub.resetPublisher.mockReset().mockResolvedValue(POSITION);
  hub.renewJournal.mockReset().mockResolvedValue("01KB8");
});

afterEach(() => {
  vi.restoreAllMocks();
});

const app = new OpenAPIHono<AppEnv>({ defaultHook: invalidRequest });
app.onError(unexpected);
app.use(inItsArea([], stream), requestLog);
stream.mount(app, []);

/** Passed as a body, it makes the call a DELETE. */
const RESET = Symbol("DELETE");

async function call(token: string | null, path: string, body?: unknown): Promise<Response> {
  if (body === RESET) {
    const init = {
      method: "DELETE",
      headers: token === null ? {} : { Authorization: `Bearer ${token}` },
    };
    return app.fetch(
      new Request(`https://hub.test${path}`, init),
      bindings,
      createExecutionContext(),
    );
  }
  const headers = {
    ...(token === null ? {} : { Authorization: `Bearer ${token}` }),
    ...(body === undefined ? {} : { "Content-Type": "application/json" }),
  };
  const init = body === undefined ? { headers } : { method: "POST", headers, body: text(body) };
  return app.fetch(
    new Request(`https://hub.test${path}`, init),
    bindings,
    createExecutionContext(),
  );
}

const text = (body: unknown): string => (typeof body === "string" ? body : JSON.stringify(body));

async function problemOf(response: Response): Promise<[number, string]> {
  const { code } = Problem.parse(await response.json());
  return [response.status, code];
}

const at = (path: string, guildId = GUILD): string => `/admin/guilds/${guildId}/${path}`;
const EXPLAIN = "hub/explain?connectionId=01JD2W&seq=813";

/** Every operation, with a valid call. */
const OPERATIONS: readonly (readonly [string, string, unknown])[] = [
  ["the report", "hub", undefined],
  ["the connections", "hub/connections?sub=alice", undefined],
  ["an explanation", EXPLAIN, undefined],
  ["a revocation", "revocations", { sub: "alice" }],
  ["the publisher", "publisher", undefined],
  ["a reset of the publisher", "publisher", RESET],
  ["another journal", "hub/journal", RESET],
];

const untouched = (): boolean => Object.values(hub).every((one) => one.mock.calls.length === 0);

describe.each(OPERATIONS)("%s", (_, path, body) => {
  it("answers a user with the scope, for the primary guild", async () => {
    expect((await call(admin, at(path), body)).status).toBe(200);
  });

  it("answers for a guild of the token", async () => {
    const token = await provider.mint({ sub: "olga", scope: "hub:admin", guilds: [OTHER] });
    expect((await call(token, at(path, OTHER), body)).status).toBe(200);
    const asked: unknown[][] = Object.values(hub).flatMap((one): unknown[][] => one.mock.calls);
    expect(asked.map(([guildId]) => guildId)).toEqual([OTHER]);
  });

  it("needs a token", async () => {
    expect(await problemOf(await call(null, at(path), body))).toEqual([401, "unauthorized"]);
    expect(await problemOf(await call("nonsense", at(path), body))).toEqual([401, "unauthorized"]);
    expect(untouched()).toBe(true);
  });

  it.each([undefined, "", "rooms:manage", "hub:administrator", "xhub:admin", "hub:admin2"])(
    "needs the scope, not %o",
    async (scope) => {
      const token = await provider.mint({ sub: "mallory", scope });
      expect(await problemOf(await call(token, at(path), body))).toEqual([403, "forbidden"]);
      expect(untouched()).toBe(true);
    },
  );

  it("needs the guild", async () => {
    const elsewhere = await provider.mint({ sub: "olga", scope: "hub:admin", guilds: [OTHER] });
    for (const response of [
      await call(admin, at(path, OTHER), body),
      await call(elsewhere, at(path), body),
    ]) {
      expect(await problemOf(response)).toEqual([403, "forbidden_guild"]);
    }
    expect(untouched()).toBe(true);
  });

  it.each(["a.b", "a%2Fb", "%20", "x".repeat(65)])("refuses %s as a guild", async (guildId) => {
    expect(await problemOf(await call(admin, at(path, guildId), body))).toEqual([
      400,
      "invalid_request",
    ]);
    expect(untouched()).toBe(true);
  });

  it("does not reveal an internal error", async () => {
    for (const one of Object.values(hub)) one.mockRejectedValue(new Error("inside information"));
    const response = await call(admin, at(path), body);
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("inside information");
  });
});

describe("the answer", () => {
  it("is the hub's report", async () => {
    expect(await (await call(admin, at("hub"))).json()).toEqual(REPORT);
    expect(hub.report).toHaveBeenCalledWith(GUILD);
  });

  it("is the user's connections", async () => {
    const sub = "auth0|a b&c=d";
    const response = await call(admin, at(`hub/connections?sub=${encodeURIComponent(sub)}`));
    expect(await response.json()).toEqual({ connections: [CONNECTION] });
    expect(hub.connections).toHaveBeenCalledWith(GUILD, sub);
  });

  it("is a code and a sentence", async () => {
    expect(await (await call(admin, at(EXPLAIN))).json()).toEqual({
      ...EXPLANATION,
      sentence:
        "Event 813 (room.created) is for sub:bob and scope:rooms:manage, and this connection holds sub:alice: it may not see it.",
    });
    expect(hub.explain).toHaveBeenCalledWith(GUILD, "01JD2W", 813);
  });

  it("is a 404 for an unknown connection", async () => {
    hub.explain.mockResolvedValue({
      code: "unknown_connection",
      seq: 813,
      connection: null,
      event: null,
    });
    expect(await problemOf(await call(admin, at(EXPLAIN)))).toEqual([404, "connection_not_found"]);
  });

  it.each([{ sub: "alice" }, { connectionId: "01JD2W" }])(
    "is the number of connections that %o closed, and the log names the operator",
    async (target) => {
      const response = await call(admin, at("revocations"), target);
      expect(await response.json()).toEqual({ closed: 2 });
      expect(hub.revoke).toHaveBeenCalledWith(GUILD, target);
      const line = lines.map((one): unknown => JSON.parse(one));
      expect(line).toContainEqual(
        expect.objectContaining({ event: "admin.revoked", by: "olga", target, closed: 2 }),
      );
    },
  );

  it("is the publisher's position, and since when it publishes", async () => {
    const response = await call(admin, at("publisher"));
    const since = "2025-11-29T12:53:55.501Z";
    expect(await response.json()).toEqual({ publisher: { ...POSITION, since } });
    expect(hub.publisher).toHaveBeenCalledWith(GUILD);
    hub.publisher.mockResolvedValue({ epoch: "~", seq: 1 });
    expect(await (await call(admin, at("publisher"))).json()).toEqual({
      publisher: { epoch: "~", seq: 1, since: null },
    });
    hub.publisher.mockResolvedValue(null);
    expect(await (await call(admin, at("publisher"))).json()).toEqual({ publisher: null });
  });

  it("is the publisher's position before the reset, and the log names the operator", async () => {
    const response = await call(admin, at("publisher"), RESET);
    expect(await response.json()).toMatchObject({ publisher: POSITION });
    expect(hub.resetPublisher).toHaveBeenCalledWith(GUILD);
    expect(lines.map((one): unknown => JSON.parse(one))).toContainEqual(
      expect.objectContaining({ event: "admin.publisher_reset", by: "olga", before: POSITION }),
    );
  });

  it("is the epoch of the new journal, and the log names the operator", async () => {
    const response = await call(admin, at("hub/journal"), RESET);
    expect(await response.json()).toEqual({ epoch: "01KB8" });
    expect(hub.renewJournal).toHaveBeenCalledWith(GUILD);
    expect(lines.map((one): unknown => JSON.parse(one))).toContainEqual(
      expect.objectContaining({ event: "admin.journal_renewed", by: "olga", epoch: "01KB8" }),
    );
  });

  it("is 0, and not a failure, when the user has no connection", async () => {
    hub.revoke.mockResolvedValue({ closed: 0 });
    const response = await call(admin, at("revocations"), { sub: "nobody" });
    expect([response.status, await response.json()]).toEqual([200, { closed: 0 }]);
  });
});

describe("bad input", () => {
  it.each([
    ["hub/connections", "sub is missing."],
    ["hub/connections?sub=", "sub must have at least 1 character."],
  ])("GET %s: says in words what to mend", async (path, detail) => {
    expect(await (await call(admin, at(path))).json()).toMatchObject({ detail });
  });

  it.each([
    "hub/connections",
    "hub/connections?sub=",
    `hub/connections?sub=${"x".repeat(256)}`,
    "hub/explain",
    "hub/explain?connectionId=01JD2W",
    "hub/explain?seq=1",
    "hub/explain?connectionId=&seq=1",
    "hub/explain?connectionId=a%20b&seq=1",
    `hub/explain?connectionId=${"x".repeat(65)}&seq=1`,
    ...["", "0", "-1", "1.5", "1e3", "0x10", "%201", "one", "9007199254740992", "9".repeat(40)].map(
      (seq) => `hub/explain?connectionId=01JD2W&seq=${seq}`,
    ),
  ])("GET %s", async (path) => {
    expect(await problemOf(await call(admin, at(path)))).toEqual([400, "invalid_request"]);
    expect(untouched()).toBe(true);
  });

  it.each([
    {},
    { sub: "" },
    { sub: 7 },
    { sub: "alice", connectionId: "01JD2W" },
    { sub: "alice", everybody: true },
    { connectionId: "x".repeat(65) },
    [],
  ])("revoking %o", async (target) => {
    expect(await problemOf(await call(admin, at("revocations"), target))).toEqual([
      400,
      "invalid_request",
    ]);
    expect(untouched()).toBe(true);
  });

  it("a revocation that is not JSON", async () => {
    expect(await problemOf(await call(admin, at("revocations"), "{"))).toEqual([
      400,
      "invalid_json",
    ]);
  });
});

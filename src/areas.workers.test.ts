import { applyD1Migrations, createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { createApp } from "./app.ts";
import { AREAS, guildHubParts, runningAreas } from "./features.ts";
import { REQUEST_BODY_MAX_BYTES } from "./protocol/limits.ts";
import { NOTE_BODY_MAX_BYTES, notes, NOTES_QUOTA } from "./testing/notes-area.ts";
import { PAGE_ORIGIN } from "./testing/worker.ts";

/** A page that no area of the product knows. */
const ELSEWHERE = "https://elsewhere.test";

const NOW = 1_800_000_000_000;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: NOW });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

beforeAll(() => applyD1Migrations(env.DB, env.TEST_MIGRATIONS));

const NOTES = { NOTES_SECRET: "notes-secret-0123456789-0123456789-0123" };
const everything = { ...env, ...NOTES };
const together = createApp([...AREAS, notes]);

/** Each caller is a client of its own unless it names an address. */
let address = 0;

async function call(
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body: BodyInit | null = null,
): Promise<Response> {
  address += 1;
  const request = new Request(`https://hub.test${path}`, {
    method,
    headers: { "CF-Connecting-IP": `10.1.${address >> 8}.${address & 255}`, ...headers },
    body,
  });
  return together.fetch(request, everything, createExecutionContext());
}

const JSON_TYPE = { "Content-Type": "application/json" };
const NOTE = JSON.stringify({ text: "hello" });

describe("an area with another dialect (ARCHITECTURE.md §4)", () => {
  it("takes what its own clients send, and knows them by its own scheme", async () => {
    const answer = await call("POST", "/v9/notes", { ...JSON_TYPE, "X-Key": "ann" }, NOTE);
    expect([answer.status, await answer.json()]).toEqual([200, { by: "ann", text: "hello" }]);
  });

  it.each([
    ["no key", "POST", {}, NOTE, 401, "Send your key in X-Key."],
    ["a field that is missing", "POST", { "X-Key": "ann" }, "{}", 400, "text is missing."],
    ["what is no JSON", "POST", { "X-Key": "ann" }, "{", 400, "The body must be JSON."],
  ])(
    "says of %s what is wrong in its own words",
    async (_, method, headers, body, status, error) => {
      const answer = await call(method, "/v9/notes", { ...JSON_TYPE, ...headers }, body);
      expect([answer.status, await answer.json()]).toEqual([status, { error }]);
    },
  );

  it("keeps its dialect for bugs, unknown paths and other methods, and tells nothing internal", async () => {
    vi.spyOn(console, "log").mockImplementation(() => {});
    vi.spyOn(console, "error").mockImplementation(() => {});
    const broken = await call("GET", "/v9/broken");
    expect(broken.status).toBe(500);
    expect(Object.keys(await broken.json<object>())).toEqual(["error"]);
    const unknown = await call("GET", "/v9/nothing/here");
    expect([unknown.status, Object.keys(await unknown.json<object>())]).toEqual([404, ["error"]]);
    const method = await call("GET", "/v9/notes");
    expect([method.status, await method.text(), method.headers.get("Allow")]).toEqual([
      405,
      "",
      "POST",
    ]);
  });

  it("is told nowhere else: paths of others and of nobody answer with a problem", async () => {
    for (const path of ["/rooms", "/matches/1", "/v9x", "/v", "/internal/nothing"]) {
      const answer = await call("GET", path);
      expect([path, answer.headers.get("Content-Type")]).toEqual([
        path,
        "application/problem+json",
      ]);
      expect(answer.headers.has("X-RateLimit-Limit")).toBe(false);
    }
  });

  it("bounds a body where it says so, to the byte, and the others where they do", async () => {
    const padded = (bytes: number): string => NOTE.padEnd(bytes, " ");
    const post = (path: string, body: string): Promise<Response> =>
      call("POST", path, { ...JSON_TYPE, "X-Key": "ann" }, body);
    expect((await post("/v9/notes", padded(NOTE_BODY_MAX_BYTES))).status).toBe(200);
    const tooLarge = await post("/v9/notes", padded(NOTE_BODY_MAX_BYTES + 1));
    expect([tooLarge.status, await tooLarge.json()]).toEqual([
      413,
      { error: `A body may have ${NOTE_BODY_MAX_BYTES} bytes. Send less.` },
    ]);
    // Elsewhere more is read: without a token that is a 401.
    expect((await post("/create-room", padded(NOTE_BODY_MAX_BYTES + 1))).status).toBe(401);
    expect((await post("/create-room", padded(REQUEST_BODY_MAX_BYTES + 1))).status).toBe(413);
  });

  it("leaves a type alone that is not JSON", async () => {
    const answer = await call(
      "POST",
      "/v9/notes",
      { "Content-Type": "text/plain", "X-Key": "a" },
      NOTE,
    );
    expect(answer.status).toBe(400);
  });

  it("gets an upload as it was sent: with its boundary, and as it comes", async () => {
    const form = new FormData();
    const bytes = new Uint8Array(REQUEST_BODY_MAX_BYTES * 2);
    form.set("file", new File([bytes], "big.bin", { type: "image/png" }));
    const answer = await call("POST", "/v9/uploads", {}, form);
    expect(await answer.json()).toEqual({
      name: "big.bin",
      type: "image/png",
      size: bytes.byteLength,
    });
    const unended = new ReadableStream({
      start: (controller) => controller.enqueue(new Uint8Array(10)),
    });
    const begun = await call("PUT", "/v9/uploads", { "Content-Type": "image/png" }, unended);
    expect(await begun.json()).toEqual({ type: "image/png", size: 10 });
  });

  it("lets pages of other origins in, and only to its own paths", async () => {
    const preflight = async (path: string, origin: string): Promise<Headers> =>
      (await call("OPTIONS", path, { Origin: origin, "Access-Control-Request-Method": "PUT" }))
        .headers;
    const own = await preflight("/v9/notes", ELSEWHERE);
    expect(own.get("Access-Control-Allow-Origin")).toBe(ELSEWHERE);
    expect(own.get("Access-Control-Allow-Methods")).toBe("GET,POST,PUT");
    expect(own.get("Access-Control-Allow-Headers")).toBe("X-Key,Content-Type");
    expect((await preflight("/rooms", ELSEWHERE)).has("Access-Control-Allow-Origin")).toBe(false);
    const page = await preflight("/rooms", PAGE_ORIGIN);
    expect(page.get("Access-Control-Allow-Methods")).toBe("GET,POST,DELETE");
    // Discord and FACEIT call these, and no page.
    for (const path of ["/interactions", "/faceit-webhook", "/faceit/link"]) {
      expect((await preflight(path, PAGE_ORIGIN)).has("Access-Control-Allow-Origin")).toBe(false);
    }
  });

  it("counts everything by address in whole seconds, says so its own way, and preflights are free", async () => {
    const from = { "CF-Connecting-IP": "192.0.2.1" };
    const ask = (): Promise<Response> => call("GET", "/v9/nothing", from);
    const first = await ask();
    expect(first.headers.get("X-RateLimit-Limit")).toBe("70");
    expect(first.headers.get("X-RateLimit-Remaining")).toBe("69");
    expect(first.headers.has("RateLimit")).toBe(false);
    for (let i = 1; i < NOTES_QUOTA.quota; i += 1) expect((await ask()).status).toBe(404);
    const refused = await ask();
    expect([refused.status, refused.headers.get("Retry-After")]).toEqual([429, "1"]);
    expect(refused.headers.has("X-RateLimit-Limit")).toBe(false);
    expect(Object.keys(await refused.json<object>())).toEqual(["error"]);
    expect((await call("OPTIONS", "/v9/nothing", { ...from, Origin: ELSEWHERE })).status).toBe(204);
    // Others, and the paths of others, are not counted with it.
    expect((await call("GET", "/v9/nothing", { "CF-Connecting-IP": "192.0.2.2" })).status).toBe(
      404,
    );
    expect((await call("GET", "/rooms", from)).status).toBe(401);
    vi.setSystemTime(NOW + 999);
    expect((await ask()).status).toBe(429);
    vi.setSystemTime(NOW + 1_000);
    expect([(await ask()).status, (await ask()).status]).toEqual([404, 429]);
  });
});

it("areas share no path", () => {
  const paths = createApp([...AREAS, notes]).routes.map(({ path }) => path);
  for (const path of new Set(paths)) {
    const owners = [...AREAS, notes].filter((area) => area.owns(path)).map(({ name }) => name);
    expect([path, owners.length <= 1]).toEqual([path, true]);
  }
});

describe("/openapi.json?area=", () => {
  type Document = {
    paths: Record<string, unknown>;
    tags: { name: string }[];
    components: Record<string, Record<string, unknown>>;
  };
  const documentOf = async (query = ""): Promise<Document> =>
    (await call("GET", `/openapi.json${query}`)).json();
  const names = [...AREAS, notes].map(({ name }) => name);

  it("has the area's paths, chapters, and just what they use", async () => {
    const { paths, tags, components } = await documentOf("?area=notes");
    expect(Object.keys(paths)).toEqual(["/v9/notes"]);
    expect(tags.map(({ name }) => name)).toEqual(["notes"]);
    expect(components).toEqual({
      securitySchemes: { key: { type: "apiKey", in: "header", name: "X-Key" } },
      schemas: { Note: expect.anything() },
      parameters: {},
    });
    const rooms = await documentOf("?area=rooms");
    expect(Object.keys(rooms.components["securitySchemes"] ?? {})).toEqual(["bearer"]);
    // Room is in RoomsPage.
    expect(Object.keys(rooms.components["schemas"] ?? {})).toContain("Room");
    expect(Object.keys(rooms.components["schemas"] ?? {})).not.toContain("Match");
  });

  it("names everything once, and refers to nothing that it lacks", async () => {
    const whole = await documentOf();
    const parts = await Promise.all(
      [...names, "service"].map((name) => documentOf(`?area=${name}`)),
    );
    const paths = parts.flatMap((part) => Object.keys(part.paths));
    expect(paths.toSorted()).toEqual(Object.keys(whole.paths).toSorted());
    for (const part of [whole, ...parts]) {
      for (const [, kind = "", name = ""] of JSON.stringify(part).matchAll(
        /"#\/components\/(\w+)\/(\w+)"/g,
      )) {
        expect(part.components[kind]).toHaveProperty(name);
      }
    }
  });

  it("says which areas there are when it knows none of that name", async () => {
    const answer = await call("GET", "/openapi.json?area=chat");
    expect([answer.status, await answer.json()]).toMatchObject([
      400,
      { code: "invalid_request", detail: `area must be one of ${names.join(", ")}, service.` },
    ]);
  });
});

describe("AREAS: each starts with just its own variables", () => {
  const BINDINGS = ["DB", "ASSETS", "HUB", "RELAY", "DISCORD", "LIMITER", "MONITOR", "MATCH"];
  const ROOMS = [
    "PRIMARY_GUILD_ID",
    "HUB_SECRET",
    "DISCORD_BOT_TOKEN",
    "JWT_ISSUER",
    "JWT_AUDIENCE",
    "JWT_PUBLIC_JWK_URL",
    "WEB_ORIGIN",
  ];
  /** A deployment that has these variables and no other. */
  function deployment(names: readonly string[], more: Record<string, string> = {}): typeof env {
    const kept = Object.entries(env).filter(([name]) => [...BINDINGS, ...names].includes(name));
    return { ...Object.fromEntries(kept), ...more } as typeof env;
  }
  /** What answers there. */
  async function ask(
    variables: typeof env,
    path: string,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    const running = runningAreas([...AREAS, notes], variables);
    const app = running.ok ? createApp(running.value) : createApp([], running.error);
    const request = new Request(`https://hub.test${path}`, { headers });
    return app.fetch(request, variables, createExecutionContext());
  }
  const pathsOf = async (variables: typeof env): Promise<string[]> =>
    Object.keys((await (await ask(variables, "/openapi.json")).json<{ paths: object }>()).paths);

  it("only rooms", async () => {
    const only = deployment(ROOMS, { AREAS: "rooms", FACEIT_REDIRECT_URI: "not a URL" });
    expect((await ask(only, "/rooms")).status).toBe(401);
    expect((await ask(only, "/matches")).status).toBe(404);
    expect(await (await ask(only, "/matches")).json()).toMatchObject({ code: "not_found" });
    const paths = await pathsOf(only);
    expect(paths).toEqual(expect.arrayContaining(["/rooms", "/ws/ticket", "/internal/events"]));
    expect(paths.filter((path) => /match|faceit|interactions/.test(path))).toEqual([]);
    const document = await (await ask(only, "/openapi.json")).json<{ tags: object[] }>();
    expect(document.tags).not.toContainEqual(expect.objectContaining({ name: "discord" }));
    expect(await (await ask(only, "/config.json")).json()).toMatchObject({ matches: false });
    const { checks } = await (await ask(only, "/ready")).json<{ checks: object }>();
    expect(Object.keys(checks)).toEqual(["d1", "hub", "gateway"]);
    const asyncApi = JSON.stringify(await (await ask(only, "/asyncapi.json")).json());
    expect(asyncApi).toContain('"room.');
    expect(asyncApi).not.toContain('"match.');
    const { extensions, events } = guildHubParts(only);
    expect(extensions.map(({ name }) => name)).not.toContain("matches");
    expect([...events].filter((name) => name.startsWith("match"))).toEqual([]);
  });

  it("rooms and matches, as today", async () => {
    const both = deployment(ROOMS, { AREAS: "rooms,matches" });
    expect(await pathsOf(both)).toEqual(await pathsOf(deployment(ROOMS)));
    expect((await ask(both, "/matches")).status).toBe(401);
    expect(await (await ask(both, "/ready")).json()).toMatchObject({
      checks: { matches: { webhook: false, dataApi: false, linking: false } },
    });
    expect(guildHubParts(both).extensions.map(({ name }) => name)).toContain("matches");
  });

  it("only something else: no guild, no bot, no provider, no page", async () => {
    const only = deployment([], NOTES);
    expect((await ask(only, "/v9/nothing")).headers.get("X-RateLimit-Limit")).toBe("70");
    expect(await pathsOf(only)).toEqual(["/health", "/ready", "/v9/notes"]);
    const ready = await ask(only, "/ready");
    expect([ready.status, await ready.json()]).toEqual([
      200,
      { ready: true, checks: { d1: true } },
    ]);
    for (const path of ["/rooms", "/ws", "/events", "/config.json", "/internal/events"]) {
      expect([path, (await ask(only, path)).status]).toEqual([path, 404]);
    }
    const top = await ask(only, "/", { Accept: "text/html", Origin: PAGE_ORIGIN });
    expect(top.headers.get("Content-Type")).toMatch(/json/);
    expect(top.headers.has("Access-Control-Allow-Origin")).toBe(false);
    expect((await ask(only, "/asyncapi.json")).status).toBe(200);
  });

  it("everything together when everything is set", async () => {
    const paths = await pathsOf(deployment(ROOMS, NOTES));
    expect(paths).toEqual(expect.arrayContaining(["/rooms", "/matches", "/v9/notes"]));
  });

  it.each([
    [
      "a variable of an area that runs is wrong",
      deployment([], { NOTES_SECRET: "short" }),
      "NOTES_SECRET",
    ],
    ["half of rooms is set", deployment(["PRIMARY_GUILD_ID"]), "DISCORD_BOT_TOKEN"],
    ["nothing is", deployment([]), "PRIMARY_GUILD_ID or DISCORD_BOT_TOKEN for rooms"],
    ["AREAS names another", deployment(ROOMS, { AREAS: "rooms,chess" }), 'no area "chess"'],
  ])("says so when %s, and still says that it lives", async (_, variables, sentence) => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const answer = await ask(variables, "/anything");
    expect(answer.status).toBe(503);
    expect(await answer.text()).toContain(sentence.replaceAll('"', String.raw`\"`));
    expect((await ask(variables, "/health")).status).toBe(200);
  });
});

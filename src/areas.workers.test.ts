import { applyD1Migrations, createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { createApp } from "./app.ts";
import { GUILD_HUBS } from "./hub/guild-kind.ts";
import { AREAS, hubParts, runningAreas } from "./features.ts";
import type { HubParts } from "./hub/hub-object.ts";
import { type FileUsage, putFile } from "./platform/files/put-file.ts";
import { FILE_NAME_MAX_LENGTH, REQUEST_BODY_MAX_BYTES } from "./protocol/limits.ts";
import {
  NOTE_BODY_MAX_BYTES,
  NOTE_FILE_MAX_BYTES,
  NOTE_FILES_QUOTA_BYTES,
  notes,
  NOTES_QUOTA,
} from "./testing/notes-area.ts";
import { OPCODE_DIALECT } from "./testing/opcode-dialect.ts";
import { SOON } from "./testing/soon.ts";
import { SPACE, spacesArea } from "./testing/spaces-area.ts";
import { TextClient } from "./testing/text-client.ts";
import { testProvider, type TestProvider } from "./testing/tokens.ts";
import { mockOutside, PAGE_ORIGIN } from "./testing/worker.ts";

/** An origin that no area of the product allows. */
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

/** Each call comes from a new client address, unless it names one. */
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

/** The parts of the hubs in a deployment with these variables. */
function hubPartsOf(variables: object): HubParts {
  const parts = hubParts(GUILD_HUBS, variables);
  if ("refused" in parts) throw parts.refused;
  return parts;
}

const JSON_TYPE = { "Content-Type": "application/json" };
const NOTE = JSON.stringify({ text: "hello" });

describe("an area with another dialect (ARCHITECTURE.md §4)", () => {
  it("accepts the requests of its own clients, and authenticates them in its own way", async () => {
    const answer = await call("POST", "/v9/notes", { ...JSON_TYPE, "X-Key": "ann" }, NOTE);
    expect([answer.status, await answer.json()]).toEqual([200, { by: "ann", text: "hello" }]);
  });

  it.each([
    ["no key", "POST", {}, NOTE, 401, "Send your key in X-Key."],
    ["a missing field", "POST", { "X-Key": "ann" }, "{}", 400, "text is missing."],
    ["a body that is no JSON", "POST", { "X-Key": "ann" }, "{", 400, "The body must be JSON."],
  ])("refuses %s in its own dialect", async (_, method, headers, body, status, error) => {
    const answer = await call(method, "/v9/notes", { ...JSON_TYPE, ...headers }, body);
    expect([answer.status, await answer.json()]).toEqual([status, { error }]);
  });

  it("keeps its dialect for bugs, unknown paths and other methods, and leaks nothing internal", async () => {
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

  it("is used on no other path: those of other areas and of none answer with a problem", async () => {
    for (const path of ["/rooms", "/matches/1", "/v9x", "/v", "/internal/nothing"]) {
      const answer = await call("GET", path);
      expect([path, answer.headers.get("Content-Type")]).toEqual([
        path,
        "application/problem+json",
      ]);
      expect(answer.headers.has("X-RateLimit-Limit")).toBe(false);
    }
  });

  it("limits bodies by its own limit, to the byte, and other areas by theirs", async () => {
    const padded = (bytes: number): string => NOTE.padEnd(bytes, " ");
    const post = (path: string, body: string): Promise<Response> =>
      call("POST", path, { ...JSON_TYPE, "X-Key": "ann" }, body);
    expect((await post("/v9/notes", padded(NOTE_BODY_MAX_BYTES))).status).toBe(200);
    const tooLarge = await post("/v9/notes", padded(NOTE_BODY_MAX_BYTES + 1));
    expect([tooLarge.status, await tooLarge.json()]).toEqual([
      413,
      { error: `A body may have ${NOTE_BODY_MAX_BYTES} bytes. Send less.` },
    ]);
    // Another area accepts more: without a token it answers 401, not 413.
    expect((await post("/create-room", padded(NOTE_BODY_MAX_BYTES + 1))).status).toBe(401);
    expect((await post("/create-room", padded(REQUEST_BODY_MAX_BYTES + 1))).status).toBe(413);
  });

  it("does not change a type other than JSON", async () => {
    const answer = await call(
      "POST",
      "/v9/notes",
      { "Content-Type": "text/plain", "X-Key": "a" },
      NOTE,
    );
    expect(answer.status).toBe(400);
  });

  it("gets an upload unchanged, with its boundary, and as a stream", async () => {
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

  it("allows other origins, and only on its own paths", async () => {
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
    // Discord and FACEIT call these paths, and no page does.
    for (const path of ["/interactions", "/faceit-webhook", "/faceit/link"]) {
      expect((await preflight(path, PAGE_ORIGIN)).has("Access-Control-Allow-Origin")).toBe(false);
    }
  });

  it("limits requests per address in whole seconds, with its own header fields, except preflights", async () => {
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
    // Other addresses, and the paths of other areas, are not counted.
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

  it("has the area's paths and chapters, and only the components that they use", async () => {
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
    // Room is used by RoomsPage.
    expect(Object.keys(rooms.components["schemas"] ?? {})).toContain("Room");
    expect(Object.keys(rooms.components["schemas"] ?? {})).not.toContain("Match");
  });

  it("has each path in one area, and no reference to a missing component", async () => {
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

  it("lists the areas when the name is unknown", async () => {
    const answer = await call("GET", "/openapi.json?area=chat");
    expect([answer.status, await answer.json()]).toMatchObject([
      400,
      { code: "invalid_request", detail: `area must be one of ${names.join(", ")}, service.` },
    ]);
  });
});

describe("AREAS: each area starts with only its own variables", () => {
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
  /** A deployment with only these variables. */
  function deployment(names: readonly string[], more: Record<string, string> = {}): typeof env {
    const kept = Object.entries(env).filter(([name]) => [...BINDINGS, ...names].includes(name));
    return { ...Object.fromEntries(kept), ...more } as typeof env;
  }
  /** Sends a request to a deployment with these variables. */
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
    expect(await (await ask(only, "/config.json")).json()).toMatchObject({
      matches: false,
      sync: false,
    });
    const { checks } = await (await ask(only, "/ready")).json<{ checks: object }>();
    expect(Object.keys(checks)).toEqual(["d1", "hub", "gateway"]);
    const asyncApi = JSON.stringify(await (await ask(only, "/asyncapi.json")).json());
    expect(asyncApi).toContain('"room.');
    expect(asyncApi).not.toContain('"match.');
    const { extensions, events } = hubPartsOf(only);
    expect(extensions.map(({ name }) => name)).not.toContain("matches");
    expect([...events].filter((name) => name.startsWith("match"))).toEqual([]);
  });

  it("rooms and matches, the same as without AREAS", async () => {
    const both = deployment(ROOMS, { AREAS: "rooms,matches" });
    expect(await pathsOf(both)).toEqual(await pathsOf(deployment(ROOMS)));
    expect((await ask(both, "/matches")).status).toBe(401);
    expect(await (await ask(both, "/ready")).json()).toMatchObject({
      checks: { matches: { webhook: false, dataApi: false, linking: false } },
    });
    expect(hubPartsOf(both).extensions.map(({ name }) => name)).toContain("matches");
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

  it("only sync: with the page, which signs in nobody and calls nobody else", async () => {
    const page = new Response("the page", { headers: { "Content-Type": "text/html" } });
    const only = deployment(["HAPPY_MASTER_SECRET"], {});
    const ASSETS = {
      fetch: async () => page.clone(),
      connect: () => env.ASSETS.connect("nowhere.test:1"),
    };
    const withPage = { ...only, ASSETS };
    expect(await (await ask(only, "/config.json")).json()).toEqual({ sync: true });
    const top = await ask(withPage, "/", { Accept: "text/html" });
    expect(await top.text()).toBe("the page");
    expect(top.headers.get("Content-Security-Policy")).toContain(
      "connect-src 'self' wss://hub.test; form-action 'self';",
    );
    // Happy's app reads the same path.
    expect(await (await ask(withPage, "/")).text()).toContain("Welcome to Happy Server!");
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
    ["no variable is set", deployment([]), "PRIMARY_GUILD_ID or DISCORD_BOT_TOKEN for rooms"],
    ["AREAS names an unknown area", deployment(ROOMS, { AREAS: "rooms,chess" }), 'no area "chess"'],
  ])("explains when %s, and still answers /health", async (_, variables, sentence) => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const answer = await ask(variables, "/anything");
    expect(answer.status).toBe(503);
    expect(await answer.text()).toContain(sentence.replaceAll('"', String.raw`\"`));
    expect((await ask(variables, "/health")).status).toBe(200);
  });
});

describe("files (platform/files)", () => {
  const PNG = Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 1, 2, 3, 4]);
  const MIB = 1024 * 1024;
  /** An image of `size` bytes, as a stream without a declared length. */
  function image(size: number): ReadableStream<Uint8Array> {
    let left = size - PNG.byteLength;
    return new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(PNG),
      pull(controller) {
        const count = Math.min(left, 700_001);
        left -= count;
        if (count === 0) controller.close();
        else controller.enqueue(new Uint8Array(count).fill(left % 256));
      },
    });
  }
  const put = (
    owner: string,
    name: string,
    body: BodyInit,
    type = "image/png",
  ): Promise<Response> =>
    call(
      "PUT",
      `/v9/files/${encodeURIComponent(name)}`,
      { "X-Key": owner, "Content-Type": type },
      body,
    );
  const get = (
    owner: string,
    name: string,
    headers: Record<string, string> = {},
    method = "GET",
  ): Promise<Response> =>
    call(method, `/v9/files/${encodeURIComponent(name)}`, { "X-Key": owner, ...headers });
  const refusal = async (answer: Promise<Response>): Promise<unknown> => {
    const { status, ...rest } = await answer.then(async (one) => ({
      status: one.status,
      body: await one.json<{ error: string }>(),
    }));
    return [status, rest.body.error];
  };
  const listed = async (owner: string): Promise<number> =>
    (await env.UPLOADS.list({ prefix: `notes/${owner}/` })).objects.length;

  it("are stored unchanged and with their name, in one part or in several", async () => {
    for (const size of [PNG.byteLength, 5 * MIB, 5 * MIB + 1, 11 * MIB]) {
      const name = `${size} \u00fc (1).png`;
      const stored = await put("ann", name, image(size));
      expect(await stored.json()).toMatchObject({ name, type: "image/png", size });
      const answer = await get("ann", name);
      expect([answer.status, answer.headers.get("Content-Length")]).toEqual([200, String(size)]);
      const bytes = new Uint8Array(await answer.arrayBuffer());
      const expected = new Uint8Array(await new Response(image(size)).arrayBuffer());
      expect(bytes.byteLength).toBe(size);
      expect(await crypto.subtle.digest("SHA-256", bytes)).toEqual(
        await crypto.subtle.digest("SHA-256", expected),
      );
      expect(
        (await call("DELETE", `/v9/files/${encodeURIComponent(name)}`, { "X-Key": "ann" })).status,
      ).toBe(200);
      expect((await get("ann", name)).status).toBe(404);
    }
  });

  it("are served with headers against scripts, and only to their owner", async () => {
    await put("bob", "a'b.svg", "<svg onload='alert(1)'/>", "image/svg+xml");
    const { headers } = await get("bob", "a'b.svg");
    expect(headers.get("Content-Disposition")).toBe("attachment; filename*=UTF-8''a%27b.svg");
    expect(headers.get("Content-Type")).toBe("image/svg+xml");
    expect(headers.get("X-Content-Type-Options")).toBe("nosniff");
    expect(headers.get("Content-Security-Policy")).toBe("default-src 'none'; sandbox");
    expect(headers.get("Cache-Control")).toBe("private, no-cache");
    await put("bob", "b.png", PNG);
    expect((await get("bob", "b.png")).headers.get("Content-Disposition")).toMatch(/^inline;/);
    await put("bob", "c.txt", "<script>alert(1)</script>", "text/plain");
    expect((await get("bob", "c.txt")).headers.get("Content-Disposition")).toMatch(/^attachment;/);
    expect((await get("eve", "b.png")).status).toBe(404);
    expect((await call("GET", "/v9/files/b.png")).status).toBe(401);
  });

  it("are served in ranges, and with 304 when they have not changed", async () => {
    await put("cleo", "r.png", PNG);
    const whole = await get("cleo", "r.png");
    const etag = whole.headers.get("ETag") ?? "";
    expect(whole.headers.get("Accept-Ranges")).toBe("bytes");
    const part = await get("cleo", "r.png", { Range: "bytes=8-10" });
    expect([
      part.status,
      part.headers.get("Content-Range"),
      part.headers.get("Content-Length"),
    ]).toEqual([206, "bytes 8-10/12", "3"]);
    expect([...new Uint8Array(await part.arrayBuffer())]).toEqual([1, 2, 3]);
    const none = await get("cleo", "r.png", { Range: "bytes=12-" });
    expect([none.status, none.headers.get("Content-Range")]).toEqual([416, "bytes */12"]);
    expect((await get("cleo", "r.png", { Range: "bytes=0-1", "If-Range": '"old"' })).status).toBe(
      200,
    );
    expect((await get("cleo", "r.png", { Range: "bytes=0-1", "If-Range": etag })).status).toBe(206);
    const same = await get("cleo", "r.png", { "If-None-Match": `"old", W/${etag}` });
    expect([same.status, await same.text(), same.headers.get("ETag")]).toEqual([304, "", etag]);
    expect((await get("cleo", "r.png", { "If-None-Match": '"old"' })).status).toBe(200);
    const matched = async (field: string) =>
      (await get("cleo", "r.png", { "If-Match": field, "If-None-Match": etag })).status;
    expect([await matched(`"old", ${etag}`), await matched("*")]).toEqual([304, 304]);
    expect([await matched('"old"'), await matched(`W/${etag}`)]).toEqual([412, 412]);
    const head = await get("cleo", "r.png", { Range: "bytes=0-1" }, "HEAD");
    expect([head.status, head.headers.get("Content-Length"), await head.text()]).toEqual([
      200,
      "12",
      "",
    ]);
  });

  it("are refused one byte over the limit, and leave nothing in the bucket", async () => {
    expect((await put("dora", "most.png", image(NOTE_FILE_MAX_BYTES))).status).toBe(200);
    expect(await refusal(put("dora", "more.png", image(NOTE_FILE_MAX_BYTES + 1)))).toEqual([
      413,
      "too_large",
    ]);
    expect(await listed("dora")).toBe(1);
    // The quota is exact: 8 MiB of it remain.
    const left = NOTE_FILES_QUOTA_BYTES - NOTE_FILE_MAX_BYTES;
    expect(await refusal(put("dora", "over.png", image(left + 1)))).toEqual([400, "over_quota"]);
    expect(await listed("dora")).toBe(1);
    expect((await put("dora", "rest.png", image(left))).status).toBe(200);
    expect(await refusal(put("dora", "one.png", PNG))).toEqual([400, "over_quota"]);
    // Each owner has a quota.
    expect((await put("dan", "one.png", PNG)).status).toBe(200);
  });

  it("are refused when they have another type than declared, are empty, or have an unsafe name", async () => {
    expect(await refusal(put("eve", "a.png", "<html>"))).toEqual([400, "wrong_type"]);
    expect(await refusal(put("eve", "a.html", "<html>", "text/html"))).toEqual([400, "wrong_type"]);
    expect(await refusal(put("eve", "a.png", ""))).toEqual([400, "empty"]);
    for (const name of [
      "../a",
      "a\\b",
      "a\nb",
      "a\u202Egnp.exe",
      "n".repeat(FILE_NAME_MAX_LENGTH + 1),
    ]) {
      expect(await refusal(put("eve", name, PNG))).toEqual([400, "wrong_name"]);
    }
    expect(await listed("eve")).toBe(0);
    expect((await put("eve", "n".repeat(FILE_NAME_MAX_LENGTH), PNG)).status).toBe(200);
  });

  it("leave nothing in bucket and quota when their sender disconnects in the middle", async () => {
    let sent = 0;
    const broken = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 1;
        if (sent > 9) controller.error(new Error("gone"));
        else controller.enqueue(sent === 1 ? PNG : new Uint8Array(MIB));
      },
    });
    vi.spyOn(console, "error").mockImplementation(() => {});
    expect((await put("fred", "half.png", broken)).status).toBe(500);
    expect(await listed("fred")).toBe(0);
    expect((await put("fred", "a.png", image(NOTE_FILE_MAX_BYTES))).status).toBe(200);
    expect((await put("fred", "b.png", image(8 * MIB))).status).toBe(200);
  });

  it("that R2 does not store are not counted", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const taken: number[] = [];
    const usage: FileUsage = {
      take: async (bytes) => taken.push(bytes) > 0,
      give: async (bytes) => void taken.push(-bytes),
    };
    const bucket = {
      put: () => Promise.reject(new Error("R2 is away")),
      delete: () => Promise.resolve(),
    } as unknown as R2Bucket;
    const file = { key: "k", name: "a.png", type: "image/png", body: image(20) };
    const rules = { maxBytes: 100, takes: () => true, usage };
    await expect(putFile(bucket, file, rules)).rejects.toThrow("R2 is away");
    for (const name of ["", ".", "..", "\ud800"]) {
      const refused = await putFile(bucket, { ...file, name, body: null }, rules);
      expect(refused).toEqual({ ok: false, error: { kind: "wrong_name" } });
    }
    expect(taken).toEqual([20, -20]);
    // Nor is a file counted that R2 may have stored before its answer was lost, even if the clean-up fails.
    vi.spyOn(console, "warn").mockImplementation(() => {});
    const away = (): Promise<never> => Promise.reject(new Error("R2 is away"));
    const deleted: string[] = [];
    const large = {
      createMultipartUpload: async () => ({
        uploadPart: async (partNumber: number) => ({ partNumber, etag: "e" }),
        complete: away,
        abort: away,
      }),
      delete: async (key: string) => void deleted.push(key),
    } as unknown as R2Bucket;
    const body = image(6 * MIB);
    const wide = { ...rules, maxBytes: 8 * MIB };
    await expect(putFile(large, { ...file, body }, wide)).rejects.toThrow("R2 is away");
    expect([taken.slice(2), deleted]).toEqual([[6 * MIB, -6 * MIB], ["k"]]);
  });
});

describe("an area with clients on the product's /ws", () => {
  const { area, arrived } = spacesArea();
  const withIt = createApp([...AREAS, area]);
  let alice: string;

  let provider: TestProvider;

  beforeAll(async () => {
    provider = await testProvider();
  });
  beforeEach(async () => {
    mockOutside(provider, () => new Response(null, { status: 404 }));
    alice = await provider.mint({ sub: "alice" });
    arrived.length = 0;
  });

  async function upgrade(
    path: string,
    headers: Record<string, string> = {},
    app = withIt,
  ): Promise<Response> {
    address += 1;
    const request = new Request(`https://hub.test${path}`, {
      headers: { Upgrade: "websocket", "CF-Connecting-IP": `10.2.0.${address & 255}`, ...headers },
    });
    return app.fetch(request, env, createExecutionContext());
  }
  async function open(...given: Parameters<typeof upgrade>): Promise<TextClient> {
    const { status, webSocket } = await upgrade(...given);
    if (webSocket === null) throw new Error(`refused with ${status}`);
    return new TextClient(webSocket);
  }
  const HELLO = OPCODE_DIALECT.hello?.();
  const IDENTIFY = '{"op":2,"d":{"token":"bob"}}';
  const auth = (): string => JSON.stringify({ type: "auth", token: alice });
  const isServedByGuild = (client: TextClient): Promise<string> =>
    client.hears('{"v":1,"type":"snapshot"');

  it.each(["?v=1", "?encoding=json", "?v=1&encoding=json"])(
    "greets those at once who ask for its dialect by %s, and takes no other from them",
    async (query) => {
      const client = await open(`/ws${query}`);
      // It does not wait for the greeting of those who are silent for a moment.
      client.send(auth());
      client.send(IDENTIFY);
      await vi.waitUntil(() => arrived.length === 1, SOON);
      expect(client.texts).toEqual([HELLO, OPCODE_DIALECT.refused("invalid_frame")]);
      const [{ hub, handover, socket } = { hub: "", handover: null, socket: null }] = arrived;
      expect([hub, handover]).toEqual([
        SPACE,
        expect.objectContaining({ dialect: "opcode", edge: "pre-auth", hub: SPACE }),
      ]);
      socket?.send(':{"op":0}');
      await client.hears('{"op":0}');
      client.close();
    },
  );

  it("takes by the first frame those who ask for nothing, and leaves native clients to their guild", async () => {
    const [first, native, silent] = [await open("/ws"), await open("/ws"), await open("/ws")];
    first.send(IDENTIFY);
    native.send(auth());
    await isServedByGuild(native);
    await vi.waitUntil(() => arrived.length === 1, SOON);
    expect(first.texts).toEqual([]);
    expect(await silent.hears('{"op":10')).toBe(HELLO);
    for (const client of [first, native, silent]) client.close();
  });

  it("gets nobody who has shown a token or a ticket before", async () => {
    const bearer = { Authorization: `Bearer ${alice}` };
    const byHeader = await open("/ws?v=1", bearer);
    await isServedByGuild(byHeader);
    const made = await call("POST", "/ws/ticket", { ...bearer, ...JSON_TYPE }, "{}");
    const { ticket } = await made.json<{ ticket: string }>();
    const byTicket = await open(`/ws?v=1&ticket=${encodeURIComponent(ticket)}`);
    await isServedByGuild(byTicket);
    expect(arrived).toEqual([]);
    expect([...byHeader.texts, ...byTicket.texts]).not.toContain(HELLO);
    for (const client of [byHeader, byTicket]) client.close();
  });

  it("lets no page of a foreign origin in, and nobody without a good token", async () => {
    expect((await upgrade("/ws?v=1", { Origin: ELSEWHERE })).status).toBe(403);
    const nobody = await open("/ws?v=1");
    nobody.send('{"op":2,"d":{"token":""}}');
    expect(await nobody.isClosed()).toBe(OPCODE_DIALECT.farewell("unauthorized").code);
    expect(arrived).toEqual([]);
  });

  it("is not there where it does not run: the query asks for nothing, and its frames are refused", async () => {
    const client = await open("/ws?v=1", {}, createApp(AREAS));
    client.send(IDENTIFY);
    await client.hears('{"v":1,"type":"error"');
    client.send(auth());
    await isServedByGuild(client);
    expect([client.texts.includes(HELLO ?? ""), arrived]).toEqual([false, []]);
    client.close();
  });
});

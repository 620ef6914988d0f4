import { applyD1Migrations, createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { createApp } from "../app.ts";
import { testProvider, type TestProvider } from "../testing/tokens.ts";
import { callAs, callWorker, mockOutside } from "../testing/worker.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const TRACEPARENT = `00-${TRACE}-00f067aa0ba902b7-01`;

type Line = Readonly<Record<string, unknown>>;

let provider: TestProvider;
let lines: string[];

beforeAll(async () => {
  await applyD1Migrations(env.DB, env.TEST_MIGRATIONS);
  provider = await testProvider();
});

beforeEach(() => {
  lines = [];
  for (const level of ["debug", "info", "warn", "error"] as const) {
    vi.spyOn(console, level).mockImplementation((line: unknown) => void lines.push(String(line)));
  }
  mockOutside(provider, () => new Response(null, { status: 404 }));
});

afterEach(() => {
  vi.restoreAllMocks();
});

const written = (): Line[] => lines.map((line): Line => JSON.parse(line));
const lineOf = (event: string): Line | undefined =>
  written().find((line) => line["event"] === event);

describe("the trace of a request", () => {
  it("is the trace of its header, next to our own request id", async () => {
    const response = await callWorker("/health", { headers: { traceparent: TRACEPARENT } });
    expect(lineOf("http.request")).toMatchObject({
      traceId: TRACE,
      requestId: response.headers.get("X-Request-Id"),
      path: "/health",
      status: 200,
    });
  });

  it.each([
    ["none", undefined],
    ["a malformed header", "00-hello-world-01"],
    ["a header with capitals", TRACEPARENT.toUpperCase()],
    ["a very long header", `${TRACEPARENT}-${"x".repeat(4_000)}`],
  ])("is a new trace with %s", async (_, traceparent) => {
    const headers: Record<string, string> = traceparent === undefined ? {} : { traceparent };
    const response = await callWorker("/health", { headers });
    expect(response.status).toBe(200);
    const traceId = lineOf("http.request")?.["traceId"];
    expect(traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(traceId).not.toBe(TRACE);
  });

  it("is on every log line of the request", async () => {
    const token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJtYWxsb3J5In0.";
    const response = await callWorker("/rooms?ticket=secret-ticket-1", {
      headers: { traceparent: TRACEPARENT, Authorization: `Bearer ${token}` },
    });
    expect(response.status).toBe(401);
    expect(written().map(({ event }) => event)).toEqual(["auth.refused", "http.request"]);
    const requestId = response.headers.get("X-Request-Id");
    for (const line of written()) expect(line).toMatchObject({ traceId: TRACE, requestId });
    expect(lines.join("\n")).not.toMatch(/secret-ticket|eyJ/);
  });

  it("is on the log line of a bug as well", async () => {
    const app = createApp();
    app.get("/broken", () => {
      throw new Error("a bug");
    });
    const request = new Request("https://hub.test/broken", {
      headers: { traceparent: TRACEPARENT },
    });
    const response = await app.fetch(request, env, createExecutionContext());
    expect(response.status).toBe(500);
    expect(lineOf("http.failed")).toMatchObject({
      traceId: TRACE,
      requestId: response.headers.get("X-Request-Id"),
      error: { message: "a bug" },
    });
  });

  it("may be sent by a page: CORS allows the header", async () => {
    const response = await callWorker("/rooms", {
      method: "OPTIONS",
      headers: {
        Origin: "https://page.test",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization,traceparent",
      },
    });
    expect(response.headers.get("Access-Control-Allow-Headers")).toContain("traceparent");
  });
});

describe("counting requests", () => {
  const points: AnalyticsEngineDataPoint[] = [];
  const METRICS = {
    writeDataPoint: (point?: AnalyticsEngineDataPoint) => void points.push(point ?? {}),
  };
  const call = async (path: string, init: RequestInit = {}): Promise<void> => {
    points.length = 0;
    const request = new Request(new URL(path, "https://hub.test"), init);
    await createApp().fetch(request, { ...env, METRICS }, createExecutionContext());
  };

  it("writes one point for each, by route and status, never with a text of the client", async () => {
    await call("/health");
    expect(points.map(({ blobs }) => blobs)).toEqual([["http", "GET /health", "200", "", ""]]);
    await call("/rooms/123456?secret=1");
    expect(points.map(({ blobs }) => blobs)).toEqual([
      ["http", "GET /rooms/:channelId", "401", "", ""],
    ]);
    await call("/no/such/thing");
    expect(points.map(({ blobs }) => blobs)).toEqual([["http", "none", "404", "", ""]]);
    await call("/rooms", { method: "PATCH" });
    expect(points.map(({ blobs }) => blobs)).toEqual([["http", "none", "405", "", ""]]);
  });

  it("writes one point for a ticket, with its hub", async () => {
    const token = await provider.mint({ sub: "alice", guilds: ["7"] });
    await call("/ws/ticket", {
      method: "POST",
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
      body: JSON.stringify({ guildId: "7" }),
    });
    expect(points.map(({ blobs }) => blobs)).toEqual([
      ["hub", "ticket", "", "7", "guild"],
      ["http", "POST /ws/ticket", "201", "", ""],
    ]);
  });

  it("works without the binding", async () => {
    const token = await provider.mint({ sub: "alice" });
    expect((await callAs(token, "GET", "/rooms")).status).toBe(200);
  });
});

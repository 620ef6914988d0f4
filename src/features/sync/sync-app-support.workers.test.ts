import { applyD1Migrations, createExecutionContext, env } from "cloudflare:test";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { createApp } from "../../app.ts";
import {
  SYNC_LOG_BODY_MAX_BYTES,
  SYNC_LOG_MESSAGE_MAX_BYTES,
  SYNC_LOG_RAW_MAX_BYTES,
  SYNC_LOGS_PER_MINUTE,
  SYNC_OPEN_BODY_MAX_BYTES,
} from "../../protocol/limits.ts";
import { refused } from "../../testing/sync-records.ts";
import { callSync } from "../../testing/sync-worker.ts";
import { LOG_PATH } from "./http-dialect.ts";
import { sync } from "./index.ts";

beforeAll(() => applyD1Migrations(env.DB, env.TEST_MIGRATIONS));
afterEach(() => vi.restoreAllMocks());

const only = createApp([sync]);

type Answer = readonly [status: number, body: unknown];

/** Calls a deployment with these variables. */
async function call(
  path: string,
  body: unknown,
  variables: object = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const request = new Request(`https://hub.test${path}`, {
    method: "POST",
    headers,
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const answer = await only.fetch(request, { ...env, ...variables }, createExecutionContext());
  return [answer.status, await answer.json()];
}

describe("POST /v1/version (sync.md §3.10)", () => {
  const ask = (platform: unknown, version: unknown, variables = {}) =>
    call("/v1/version", { platform, version, app_id: "com.ex3ndr.happy" }, variables);
  const apple = "https://apps.apple.com/app/id6748571505";
  const google = "https://play.google.com/store/apps/details?id=com.ex3ndr.happy";

  it.each([
    ["ios", "1.4.0", apple],
    ["iOS", "1.4.1-beta", apple],
    ["ANDROID", "0.9", google],
    ["ios", "1.4.1", null],
    ["android", "1.10.0", null],
    ["web", "1.0.0", null],
  ])("answers %s %s", async (platform, version, updateUrl) => {
    expect(await ask(platform, version)).toEqual([200, { updateUrl }]);
  });

  it("goes by the table of this deployment", async () => {
    const variables = { HAPPY_STORE_VERSIONS: "visionos=3.0.0=https://store.test/?a=b" };
    expect(await ask("visionOS", "2.9.9", variables)).toEqual([
      200,
      { updateUrl: "https://store.test/?a=b" },
    ]);
    expect(await ask("ios", "1.0.0", variables)).toEqual([200, { updateUrl: null }]);
  });

  it("needs all three members, and has a limit for its body", async () => {
    const whole = { platform: "ios", version: "1.4.0", app_id: "a" };
    for (const name of Object.keys(whole)) {
      expect(await call("/v1/version", { ...whole, [name]: undefined })).toEqual(refused(400));
      expect(await call("/v1/version", { ...whole, [name]: 1 })).toEqual(refused(400));
    }
    const longest = JSON.stringify(whole).padEnd(SYNC_OPEN_BODY_MAX_BYTES);
    expect((await call("/v1/version", longest))[0]).toBe(200);
    expect(await call("/v1/version", `${longest} `)).toEqual(refused(413));
  });
});

describe("the log for debugging (sync.md §3.10)", () => {
  const ON = { DANGEROUSLY_LOG_TO_SERVER_FOR_AI_AUTO_DEBUGGING: "true" };
  const line = {
    timestamp: "2026-01-01T00:00:00.000Z",
    level: "debug",
    message: "Started",
    source: "cli",
  };
  let addresses = 0;
  /** A header with an address of its own, because the limit is for one. */
  const newAddress = (): Readonly<Record<string, string>> => ({
    "CF-Connecting-IP": `10.9.8.${++addresses}`,
  });
  const write = (body: unknown, variables: object = ON, headers = newAddress()) =>
    call(LOG_PATH, body, variables, headers);
  /** What was written into the log. */
  const written = () => {
    const debug = vi.spyOn(console, "debug").mockImplementation(() => undefined);
    return () => debug.mock.calls.map(([text]) => JSON.parse(String(text)) as unknown);
  };

  it("is off unless it is switched on, and always in production", async () => {
    const lines = written();
    const disabled = [403, { error: "Debug logging is disabled" }];
    for (const variables of [
      { DANGEROUSLY_LOG_TO_SERVER_FOR_AI_AUTO_DEBUGGING: undefined },
      { DANGEROUSLY_LOG_TO_SERVER_FOR_AI_AUTO_DEBUGGING: "false" },
      { DANGEROUSLY_LOG_TO_SERVER_FOR_AI_AUTO_DEBUGGING: "" },
      { ...ON, ENVIRONMENT: "production" },
      { ...ON, ENVIRONMENT: undefined },
      { ...ON, ENVIRONMENT: "" },
      { ...ON, ENVIRONMENT: "Development" },
      { ...ON, ENVIRONMENT: "preview" },
    ]) {
      // Before anything of the body is read.
      for (const body of [line, "{", {}]) expect(await write(body, variables)).toEqual(disabled);
    }
    expect(lines()).toEqual([]);
  });

  it("writes what a client says", async () => {
    const lines = written();
    const raw = { any: ["thing"] };
    const about = { platform: "darwin", messageRawObject: raw };
    expect(await write({ ...line, ...about })).toEqual([200, { success: true }]);
    expect(await write({ ...line, source: "mobile" }, { ...ON, ENVIRONMENT: "staging" })).toEqual([
      200,
      { success: true },
    ]);
    expect(lines()).toEqual([
      expect.objectContaining({
        event: "sync.client_log",
        source: "cli",
        platform: "darwin",
        clientLevel: "debug",
        clientTime: line.timestamp,
        message: "Started",
        raw,
      }),
      expect.objectContaining({ event: "sync.client_log", source: "mobile", message: "Started" }),
    ]);
  });

  it("asks for its token, if it has one", async () => {
    const variables = { ...ON, DEV_LOGGING_TOKEN: "token-of-the-log-0123" };
    const withToken = (token: string) =>
      write(line, variables, { ...newAddress(), "X-Dev-Logging-Token": token });
    vi.spyOn(console, "debug").mockImplementation(() => undefined);
    expect(await write(line, variables)).toEqual([401, { error: "Unauthorized" }]);
    for (const wrong of ["", "token-of-the-log-012", "token-of-the-log-01234"]) {
      expect(await withToken(wrong)).toEqual([401, { error: "Unauthorized" }]);
    }
    expect(await withToken("token-of-the-log-0123")).toEqual([200, { success: true }]);
  });

  it("takes lines up to its limits", async () => {
    vi.spyOn(console, "debug").mockImplementation(() => undefined);
    const message = "é".repeat(SYNC_LOG_MESSAGE_MAX_BYTES / 2);
    // In quotes, as JSON.
    const messageRawObject = "r".repeat(SYNC_LOG_RAW_MAX_BYTES - 2);
    expect((await write({ ...line, message, messageRawObject }))[0]).toBe(200);
    expect(await write({ ...line, message: `${message}e` })).toEqual(refused(413));
    const longer = `${messageRawObject}r`;
    expect(await write({ ...line, messageRawObject: longer })).toEqual(refused(413));
    const largest = JSON.stringify(line).padEnd(SYNC_LOG_BODY_MAX_BYTES);
    expect((await write(largest))[0]).toBe(200);
    expect(await write(`${largest} `)).toEqual(refused(413));
    for (const wrong of [
      { ...line, source: "web" },
      { ...line, message: 1 },
      { ...line, level: undefined },
      { ...line, timestamp: 1 },
      { ...line, platform: {} },
      // Too deep to be written down.
      JSON.stringify({ ...line, messageRawObject: 1 }).replace(
        "1}",
        `${"[".repeat(50_000)}${"]".repeat(50_000)}}`,
      ),
    ]) {
      expect(await write(wrong)).toEqual(refused(400));
    }
  });

  it("takes so many lines of a source and address in a minute", async () => {
    vi.spyOn(console, "debug").mockImplementation(() => undefined);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    const here = newAddress();
    const answers = await Promise.all(
      Array.from({ length: SYNC_LOGS_PER_MINUTE + 1 }, () => write(line, ON, here)),
    );
    vi.useRealTimers();
    expect(answers.filter(([status]) => status === 200)).toHaveLength(SYNC_LOGS_PER_MINUTE);
    expect(answers.filter(([status]) => status === 429)).toHaveLength(1);
    expect((await write({ ...line, source: "mobile" }, ON, here))[0]).toBe(200);
    expect((await write(line, ON, newAddress()))[0]).toBe(200);
  });

  it("is at its path only", async () => {
    const answer = await callSync("GET", LOG_PATH);
    expect([answer.status, answer.headers.get("Allow")]).toEqual([405, "POST"]);
    expect(await call(`${LOG_PATH}/x`, line, ON)).toEqual([
      404,
      { error: `Not found: ${LOG_PATH}/x` },
    ]);
  });
});

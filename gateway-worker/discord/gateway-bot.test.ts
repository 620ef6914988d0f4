import { expect, test, vi } from "vitest";
import { RETRY_AFTER_MAX_MS } from "../../src/protocol/limits.ts";
import { fetchGatewayBot } from "./gateway-bot.ts";

const NOW = Date.parse("2026-11-21T12:00:00Z");

test.each([
  ["seconds", "7", 7_000],
  ["a date", "Sat, 21 Nov 2026 12:01:00 GMT", 60_000],
  ["an hour", "3600", 3_600_000],
  ["longer than the maximum", "9999999999", RETRY_AFTER_MAX_MS],
  ["nothing", undefined, 0],
])("a Retry-After of Discord's edge is respected: %s", async (_, value, retryAfterMs) => {
  vi.spyOn(Date, "now").mockReturnValue(NOW);
  const headers: Record<string, string> = value === undefined ? {} : { "Retry-After": value };
  const page = async () => new Response("<html>error 1015</html>", { status: 429, headers });
  expect(await fetchGatewayBot("https://discord.test/api/v10", "token", page)).toMatchObject({
    type: "gateway-failed",
    fatal: false,
    retryAfterMs,
  });
  vi.restoreAllMocks();
});

test.each([
  ["a redirect", new Response(null, { status: 302, headers: { Location: "https://evil.test" } })],
  ["an answer without end", new Response("x".repeat(65 * 1024))],
])("the token is sent once, and %s is a failure", async (_, response) => {
  const send = vi.fn(async () => response);
  expect(await fetchGatewayBot("https://discord.test/api/v10", "token", send)).toMatchObject({
    type: "gateway-failed",
    fatal: false,
  });
  expect(send).toHaveBeenCalledExactlyOnceWith(
    "https://discord.test/api/v10/gateway/bot",
    expect.objectContaining({ redirect: "manual" }),
  );
});

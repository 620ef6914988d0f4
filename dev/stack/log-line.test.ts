import { expect, it } from "vitest";
import { readLogLine } from "./log-line.ts";

it.each([
  ['{"level":"error","message":"broken","guildId":"1"}', "error", 'error: broken guildId="1"'],
  ['{"level":"alert","message":"look"}', "error", "alert: look"],
  ['{"time":"now","level":"warn","message":"slow","ms":5}', "warning", "warn: slow ms=5"],
  ['{"level":"info","event":"request"}', "chatter", "info: request"],
  ["✘ [ERROR] Could not resolve", "error", "✘ [ERROR] Could not resolve"],
  ["▲ [WARNING] Unexpected fields", "warning", "▲ [WARNING] Unexpected fields"],
  ["[wrangler:info] GET /rooms 200 OK", "chatter", "[wrangler:info] GET /rooms 200 OK"],
  ['{"no":"level"}', "chatter", '{"no":"level"}'],
  ["{broken", "chatter", "{broken"],
])("reads %s", (line, severity, text) => {
  expect(readLogLine(line)).toEqual({ severity, text });
});

it.each(["[wrangler:info]", "\u001b[32m[wrangler:info]\u001b[39m"])(
  "drops the stack's own health checks after %s",
  (prefix) => {
    expect(readLogLine(`${prefix} GET /health 200 OK (1ms)`)).toBeUndefined();
  },
);

it.each([
  "[wrangler:info] GET /health 503 Service Unavailable (1ms)",
  "[wrangler:info] GET /rooms/x%20GET%20/health 200 OK (1ms)",
  '{"level":"info","event":"http.request","path":"/rooms/x GET /health 200 y"}',
])("keeps %s", (line) => {
  expect(readLogLine(line)).toBeDefined();
});

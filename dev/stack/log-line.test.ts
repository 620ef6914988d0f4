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

it("drops the stack's own health checks", () => {
  expect(readLogLine("[wrangler:info] GET /health 200 OK (1ms)")).toBeUndefined();
});

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { classifyAnswer, HUB_PAUSE_MAX_MS } from "./answer.ts";

const NOW = Date.parse("2026-11-21T12:00:00Z");

function kind(status: number, body: unknown = {}, retryAfter: string | null = null): string {
  return classifyAnswer(status, retryAfter, JSON.stringify(body), NOW).kind;
}

describe("answers of the hub", () => {
  test("200 names the refused events", () => {
    const body = { ok: true, accepted: 1, duplicates: 0, refused: [{ index: 1, code: "bad" }] };
    expect(classifyAnswer(200, null, JSON.stringify(body), NOW)).toEqual({
      kind: "accepted",
      refused: [{ index: 1, code: "bad" }],
    });
  });

  test("200 of an older hub", () => expect(kind(200, { ok: true })).toBe("accepted"));

  test("200 of a server that is not a hub means a wrong configuration", () => {
    expect(classifyAnswer(200, null, "<!doctype html>", NOW).kind).toBe("misconfigured");
  });

  test.each([400, 413, 422])("%i means wrong content", (status) => {
    expect(kind(status)).toBe("rejected");
  });

  test.each([401, 403, 404, 405, 307])("%i means wrong configuration", (status) => {
    expect(kind(status)).toBe("misconfigured");
  });

  test.each([408, 425, 429, 500, 502, 503, 504])("%i means a retry later", (status) => {
    expect(kind(status)).toBe("later");
  });

  test("409 depends on its code", () => {
    expect(kind(409, { code: "stale_publisher" })).toBe("stale");
    expect(kind(409, { code: "gap", expected: 3 })).toBe("gap");
    expect(kind(409, { code: "gap" })).toBe("later");
    expect(kind(409, { code: "future_epoch" })).toBe("misconfigured");
    expect(kind(409, {})).toBe("later");
  });

  test("every answer has a meaning", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 200, max: 599 }),
        fc.option(fc.string()),
        fc.oneof(fc.string(), fc.json()),
        (status, retryAfter, text) => {
          const answer = classifyAnswer(status, retryAfter, text, NOW);
          if (answer.kind === "later" && answer.afterMs !== null) {
            expect(answer.afterMs).toBeGreaterThanOrEqual(0);
            expect(answer.afterMs).toBeLessThanOrEqual(HUB_PAUSE_MAX_MS);
          }
        },
      ),
    );
  });
});

test.each([
  ["2", 2_000],
  ["Sat, 21 Nov 2026 12:00:07 GMT", 7_000],
  ["86400", HUB_PAUSE_MAX_MS],
  ["soon", null],
  [null, null],
])("after Retry-After %s the next request follows in %s ms", (value, afterMs) => {
  expect(classifyAnswer(503, value, "", NOW)).toMatchObject({ kind: "later", afterMs });
});

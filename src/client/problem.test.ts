import { describe, expect, it, vi } from "vitest";
import { failureOf } from "./problem.ts";

describe("an error answer", () => {
  it("uses the message of the problem document", () => {
    const body = { type: "x", title: "Not allowed", status: 403, message: "Only its creator may." };
    expect(failureOf(403, null, { ...body, code: "forbidden", requestId: "r1" })).toEqual({
      kind: "refused",
      status: 403,
      code: "forbidden",
      requestId: "r1",
      message: "Only its creator may.",
    });
  });

  it("names the fields that were refused", () => {
    const body = {
      message: "The request is not valid",
      errors: [
        { pointer: "/userLimit", detail: "must be 99 or less" },
        { pointer: "/allowedUserIds/3", detail: "is not an id" },
        { pointer: "/name", detail: "is too long" },
        { pointer: "/userLimit", detail: "a second one for the same field" },
        { pointer: 5, detail: {} },
        "nonsense",
      ],
    };
    expect(failureOf(400, null, body).fields).toEqual({
      userLimit: "must be 99 or less",
      allowedUserIds: "is not an id",
      name: "is too long",
    });
  });

  it.each([
    [401, "signed-out"],
    [403, "refused"],
    [404, "refused"],
    [409, "busy"],
    [422, "refused"],
    [429, "busy"],
    [500, "busy"],
    [503, "busy"],
  ])("%i is %s", (status, kind) => {
    expect(failureOf(status, null, undefined).kind).toBe(kind);
  });

  it("keeps the wait that the server requests, and ignores an unreadable one", () => {
    expect(failureOf(429, "7", {}).retryAfterMs).toBe(7_000);
    vi.useFakeTimers({ now: Date.parse("2026-10-21T07:27:30Z") });
    expect(failureOf(429, "Wed, 21 Oct 2026 07:28:00 GMT", {}).retryAfterMs).toBe(30_000);
    vi.useRealTimers();
    expect(failureOf(429, "soon", {}).retryAfterMs).toBeUndefined();
  });

  it.each([undefined, null, "<html>", 7, [], { message: 5 }])(
    "has its own message for a body without one: %j",
    (body) => {
      for (const status of [400, 401, 403, 404, 409, 413, 429, 502]) {
        expect(failureOf(status, null, body).message).toMatch(/\w.*\.$/);
      }
    },
  );
});

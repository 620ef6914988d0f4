import { describe, expect, it } from "vitest";
import { err, ok } from "../../../platform/result.ts";
import { failureLineOf } from "./notice.ts";

const READ = { kind: "read" } as const;
const DELETE = { kind: "delete", faction: "faction1", channelId: "c" } as const;

describe("what an operator has to know", () => {
  it("is that FACEIT's key is refused, or that it does not answer", () => {
    const refused = {
      kind: "read",
      result: err({ kind: "refused" } as const),
      guildId: "1",
    } as const;
    expect(failureLineOf(READ, refused)).toEqual({
      event: "match.faceit_failed",
      facts: { kind: "refused" },
    });
  });

  it("is what Discord refused, with its code and without its words", () => {
    const error = { kind: "refused", status: 403, code: 50_013, message: "Missing" } as const;
    expect(failureLineOf(DELETE, { kind: "discord", result: err(error) })).toEqual({
      event: "match.discord_failed",
      facts: { what: "delete", kind: "refused", code: 50_013 },
    });
  });

  it("is not that something went well, or that a pause was asked for", () => {
    const paused = err({ kind: "rate_limited", retryAfterMs: 5 } as const);
    expect(failureLineOf(DELETE, { kind: "discord", result: ok(undefined) })).toBeNull();
    expect(failureLineOf(DELETE, { kind: "discord", result: paused })).toBeNull();
    expect(failureLineOf(READ, { kind: "broke" })).toBeNull();
  });
});
